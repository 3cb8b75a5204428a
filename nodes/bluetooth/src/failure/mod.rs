//! Why something with a Bluetooth speaker did not work, in words that a person can act on.

mod bluez;

use serde::{Deserialize, Serialize, de};

/// Defines [`Failure`]: each with its name for programs and metrics, its cause and what to do.
macro_rules! failures {
    ($($(#[$meta:meta])* $variant:ident, $name:literal, $cause:literal, $remedy:literal;)+) => {
        /// Why something did not work. Every one has a cause and a remedy; [`Self::name`] never changes, for programs and
        /// metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Failure {
            $($(#[$meta])* $variant,)+
        }

        impl Failure {
            /// Every one that there is.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name for programs and metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What is wrong.
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$variant => $cause,)+ }
            }

            /// What to try.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)+ }
            }
        }
    };
}

failures! {
    // The machine.
    /// No system bus, or nothing on it that is `BlueZ`.
    NoBluez, "no_bluez", "no Bluetooth service (BlueZ) answers on this machine", "install it (apt install bluez) and start it (systemctl start bluetooth)";
    /// `BlueZ` has no adapter.
    NoAdapter, "no_adapter", "this machine has no Bluetooth adapter", "plug one in, or see whether rfkill or the firmware hides it (rfkill list; dmesg)";
    /// The adapter is off.
    AdapterOff, "adapter_off", "the Bluetooth adapter is switched off", "rfkill unblock bluetooth, then bluetoothctl power on";
    /// D-Bus refuses us.
    NotPermitted, "not_permitted", "this program may not talk to BlueZ", "run it as root, or as a user in the group bluetooth; in a container, pass the system bus through";
    /// Another program holds A2DP or HFP.
    OtherProgram, "other_program", "another program on this machine holds the speakers (PipeWire, PulseAudio, bluealsa or oFono)", "stop its Bluetooth part; `unisono doctor` names it";
    /// The adapter already carries as many streams as it may.
    AdapterBusy, "adapter_busy", "the adapter already carries a stream to another speaker", "disconnect that one, plug in a second adapter, or allow more streams in the settings";
    /// `BlueZ` went away in the middle.
    BluezRestarted, "bluez_restarted", "BlueZ was restarted meanwhile", "wait a moment; it is tried again by itself";
    // Finding.
    /// It did not show up in the scan.
    NotFound, "not_found", "the speaker was not found", "switch it off and on, set its pairing mode, hold it near, and scan again";
    /// It is remembered and there, but not in pairing mode.
    NotInPairingMode, "not_in_pairing_mode", "the speaker is not in pairing mode", "hold its Bluetooth button until it blinks or says so, then try again";
    /// Only Low Energy advertisements come from it.
    LowEnergyOnly, "low_energy_only", "this device speaks Bluetooth Low Energy only, which cannot carry this sound", "choose a speaker with classic Bluetooth (A2DP); some show a second, classic entry in pairing mode";
    /// Only Low Energy devices were seen at all.
    OnlyLowEnergySeen, "only_low_energy_seen", "the scan sees nothing but Low Energy devices", "another program may hold the adapter (Home Assistant does): give this one an adapter of its own";
    /// It is no audio sink.
    NoAudioSink, "no_audio_sink", "the device takes no music (it offers no A2DP sink)", "choose a speaker; headsets for calls only will not do";
    // Pairing.
    /// `AuthenticationFailed`.
    AuthenticationFailed, "authentication_failed", "the speaker and this machine do not agree on their keys", "forget each on the other (hold the speaker's button to clear its list), then pair again";
    /// `AuthenticationRejected`.
    AuthenticationRejected, "authentication_rejected", "the speaker refused to pair", "set its pairing mode again; it may be paired with as many devices as it keeps: clear its list";
    /// `AuthenticationCanceled`.
    AuthenticationCanceled, "authentication_canceled", "pairing was broken off; some speakers do so because of the class of this machine", "try again; if it stays so, set Class = 0x00010c in /etc/bluetooth/main.conf and restart bluetooth";
    /// `AuthenticationTimeout`.
    AuthenticationTimeout, "authentication_timeout", "the speaker did not finish pairing in time", "switch it off and on, set its pairing mode, and try again";
    /// It asks for a PIN that nobody gave.
    PinWanted, "pin_wanted", "the speaker wants a PIN", "look into its manual and give it with --pin (mostly 0000)";
    /// `br-connection-key-missing`.
    KeyMissing, "key_missing", "the speaker has forgotten this machine", "forget it here too, then pair again";
    /// `AlreadyExists` in answer to `Pair`.
    AlreadyPaired, "already_paired", "the speaker is paired already", "connect it; if that fails, forget it and pair again";
    /// The one that asks is not the one being paired.
    NotExpected, "not_expected", "a device that nobody asked for wanted to pair", "if it is yours, choose it in a scan";
    // Connecting.
    /// `br-connection-page-timeout`.
    PageTimeout, "page_timeout", "the speaker does not answer: it is off, out of reach, or connected to another device", "switch it on, bring it nearer, or disconnect it from the phone";
    /// `br-connection-profile-unavailable`.
    ProfileUnavailable, "profile_unavailable", "BlueZ has no music profile for this speaker at the moment", "switch the speaker off and on; if it stays so, forget it and pair again (a speakerphone may insist on calls)";
    /// `br-connection-refused`.
    Refused, "refused", "the speaker refuses the connection", "it may be taken by another device, or have forgotten this one: pair again";
    /// `br-connection-busy`, `InProgress`.
    Busy, "busy", "the speaker or the adapter is busy with another connection", "wait some seconds; it is tried again by itself";
    /// `br-connection-timeout`.
    ConnectTimeout, "connect_timeout", "the connection was not made in time", "bring the speaker nearer, or switch it off and on";
    /// `br-connection-aborted-by-remote`.
    AbortedByRemote, "aborted_by_remote", "the speaker broke the connection off", "switch it off and on; it may prefer another device that is near";
    /// `br-connection-aborted-by-local`, `-canceled`.
    Canceled, "canceled", "the connection was called off", "try again";
    /// `br-connection-create-socket`.
    CreateSocket, "create_socket", "the system gave no Bluetooth socket", "look into `journalctl -u bluetooth`; restarting bluetooth helps mostly";
    /// `br-connection-lmp-protocol-error` and its kin.
    RadioProtocol, "radio_protocol", "the adapter and the speaker do not understand each other on the radio", "switch both off and on; another adapter may do better";
    /// `br-connection-concurrent-connection-limit`.
    ConnectionLimit, "connection_limit", "the adapter has as many connections as it bears", "disconnect another device, or use a second adapter";
    /// `br-connection-already-connected`.
    AlreadyConnected, "already_connected", "the speaker is connected already", "nothing is to be done";
    /// Any other reason of a `Failed`.
    ConnectFailed, "connect_failed", "the connection failed and BlueZ gives no reason", "switch the speaker off and on; look into `journalctl -u bluetooth`";
    // The stream.
    /// No configuration suits both.
    NoCommonCodec, "no_common_codec", "the speaker offers no SBC configuration that can be used", "report its name and what `unisono bluetooth list --json` says of it";
    /// `BlueZ` made no transport after it had connected.
    NoTransport, "no_transport", "the speaker is connected, but opened no way for music", "disconnect and connect it again; with BlueZ 5.86, update it (it mistakes speakers that can also send)";
    /// `Acquire` failed.
    AcquireFailed, "acquire_failed", "BlueZ does not hand over the stream", "disconnect and connect the speaker again";
    /// The speaker ended the stream or the connection.
    HungUp, "hung_up", "the speaker ended the connection", "it is called again by itself, unless it was taken by another device";
    /// The link broke.
    LinkLost, "link_lost", "the radio link was lost", "bring the speaker nearer; Wi-Fi on 5 GHz leaves Bluetooth more room";
    /// What the room plays cannot go there.
    NotPlayed, "not_played", "the test sound could not be played", "connect the speaker again, then try `unisono bluetooth test`";
    // Asking.
    /// It is none of ours.
    Unknown, "unknown_speaker", "no speaker of that address is remembered", "`unisono bluetooth list` shows those that are; scan and pair it first";
    /// Something else is in progress.
    InProgress, "in_progress", "another speaker is being paired", "wait for it to end, or stop it";
    /// A step took longer than it may.
    StepTimeout, "step_timeout", "BlueZ did not answer in time", "try again; if it stays so, systemctl restart bluetooth";
    /// None of the above.
    Other, "other", "BlueZ reports an error that is not known here", "the log has its words; please report them";
}

impl Failure {
    /// Whether the same may work in a moment, with nobody doing anything about it.
    pub const fn is_worth_retrying(self) -> bool {
        matches!(
            self,
            Self::BluezRestarted
                | Self::AuthenticationCanceled
                | Self::AuthenticationTimeout
                | Self::PageTimeout
                | Self::ProfileUnavailable
                | Self::Refused
                | Self::Busy
                | Self::ConnectTimeout
                | Self::AbortedByRemote
                | Self::Canceled
                | Self::CreateSocket
                | Self::RadioProtocol
                | Self::ConnectFailed
                | Self::NoTransport
                | Self::AcquireFailed
                | Self::HungUp
                | Self::LinkLost
                | Self::NotPlayed
                | Self::InProgress
                | Self::StepTimeout
                | Self::Other
        )
    }

    /// Whether the two have lost their common keys, so that nothing but pairing again helps.
    pub const fn wants_new_keys(self) -> bool {
        matches!(self, Self::KeyMissing | Self::AuthenticationFailed | Self::AuthenticationRejected | Self::PinWanted)
    }

    /// Whether it lies with this machine rather than with the speaker.
    pub const fn is_of_this_machine(self) -> bool {
        matches!(
            self,
            Self::NoBluez
                | Self::NoAdapter
                | Self::AdapterOff
                | Self::NotPermitted
                | Self::OtherProgram
                | Self::AdapterBusy
                | Self::BluezRestarted
        )
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}; {}", self.cause(), self.remedy())
    }
}

impl std::error::Error for Failure {}

impl Serialize for Failure {
    /// By its name.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Failure {
    /// By its name; one that this version does not know is [`Failure::Other`].
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(Self::ALL.iter().copied().find(|failure| failure.name() == name).unwrap_or(Self::Other))
    }
}
