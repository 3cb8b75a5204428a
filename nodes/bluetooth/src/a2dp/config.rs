//! Agreeing on a configuration of SBC with a speaker. What a speaker says may be anything.

use serde::{Deserialize, Serialize};
use unisono_codec::sbc::{ChannelMode, Config, Subbands};

use crate::Failure;

/// What is registered: 44.1 and 48 kHz, everything else that there is (a source may choose, a speaker must know nearly
/// all), and bitpools up to 64, as `BlueZ` and `PipeWire` have it.
pub const CAPABILITIES: [u8; 4] = [0x3f, 0xff, 2, 64];

/// How much is asked of the radio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// The "high quality" of the specification: joint stereo, some 330 kb/s. Every speaker is made for it.
    #[default]
    Standard,
    /// Two channels of their own, some 450 kb/s. Some speakers break off with it, and it takes more of a band that Wi-Fi
    /// uses too.
    Xq,
}

/// Chooses the best configuration that both sides know, from the four bytes of a speaker's capabilities: 48 kHz if it
/// can, joint stereo if it can, 16 blocks, 8 subbands, loudness, and a bitpool up to what is recommended.
///
/// # Errors
/// [`Failure::NoCommonCodec`] when there is none, or the bytes are no capabilities of SBC.
pub fn select(remote: &[u8], quality: Quality) -> Result<Config, Failure> {
    let none = Failure::NoCommonCodec;
    let [remote_choices, remote_more, remote_min, remote_max] = *remote else { return Err(none) };
    let [own_choices, own_more, own_min, own_max] = CAPABILITIES;
    let (choices, more) = (remote_choices & own_choices, remote_more & own_more);
    let modes: &[u8] = match quality {
        Quality::Standard => &[JOINT, STEREO, DUAL, MONO],
        Quality::Xq => &[DUAL, JOINT, STEREO, MONO],
    };
    let first = |of: u8, among: &[u8]| among.iter().copied().find(|bit| of & bit != 0).ok_or(none);
    let bytes = [
        // 48 kHz before 44.1, for that is what streams have.
        first(choices, &[0x10, 0x20])? | first(choices, modes)?,
        first(more, &[0x10, 0x20, 0x40, 0x80])? | first(more, &[0x04, 0x08])? | first(more, &[0x01, 0x02])?,
        remote_min.max(own_min),
        remote_max.min(own_max),
    ];
    let config = Config::from_bytes(bytes).map_err(|_| none)?;
    let max_bitpool = config.bitpool_within(recommended(&config));
    Ok(Config { max_bitpool, ..config })
}

/// Takes the configuration that a speaker has chosen, from its four bytes. Where it allows greater bitpools than were
/// offered, they are not used.
///
/// # Errors
/// [`Failure::NoCommonCodec`] when it is none, or none that was offered.
pub fn validate(configuration: &[u8]) -> Result<Config, Failure> {
    let none = Failure::NoCommonCodec;
    let bytes: [u8; 4] = configuration.try_into().map_err(|_| none)?;
    let config = Config::from_bytes(bytes).map_err(|_| none)?;
    let [choices, more, own_min, own_max] = CAPABILITIES;
    let within = bytes[0] & !choices == 0 && bytes[1] & !more == 0 && (own_min..=own_max).contains(&config.min_bitpool);
    let max_bitpool = config.max_bitpool.min(own_max);
    if within { Ok(Config { max_bitpool, ..config }) } else { Err(none) }
}

const MONO: u8 = 8;
const DUAL: u8 = 4;
const STEREO: u8 = 2;
const JOINT: u8 = 1;

/// The bitpool that is worth its bytes: A2DP 1.3.2 table 4.7 ("high quality") for mono and joint stereo. For two channels
/// of their own 38 at 44.1 kHz and 35 at 48 kHz, at which a packet of the radio is just full (452 and 456 kb/s).
pub(super) fn recommended(config: &Config) -> u8 {
    let fast = config.rate.hertz() > 44_100;
    let for_eight = match (config.mode, fast) {
        (ChannelMode::Mono, false) => 31,
        (ChannelMode::Mono, true) => 29,
        (ChannelMode::Dual, false) => 38,
        (ChannelMode::Dual, true) => 35,
        (ChannelMode::Stereo | ChannelMode::Joint, false) => 53,
        (ChannelMode::Stereo | ChannelMode::Joint, true) => 51,
    };
    match config.subbands {
        Subbands::Eight => for_eight,
        // Bands of twice the width, half as many: as many bits per second.
        Subbands::Four => for_eight / 2,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_speakers_offer_leads_to_the_usual_configurations() {
        let standard = |remote: [u8; 4]| select(&remote, Quality::Standard).unwrap().to_bytes();
        assert_eq!(standard([0xff, 0xff, 2, 53]), [0x11, 0x15, 2, 51], "everything");
        assert_eq!(standard([0x3f, 0xff, 2, 250]), [0x11, 0x15, 2, 51]);
        assert_eq!(standard([0x2f, 0xff, 2, 53]), [0x21, 0x15, 2, 53], "44.1 kHz only");
        assert_eq!(standard([0x3e, 0xff, 2, 53]), [0x12, 0x15, 2, 51], "no joint stereo");
        assert_eq!(standard([0x18, 0xff, 2, 53]), [0x18, 0x15, 2, 29], "one channel");
        assert_eq!(standard([0x28, 0xff, 2, 53]), [0x28, 0x15, 2, 31]);
        assert_eq!(standard([0xff, 0xff, 2, 35]), [0x11, 0x15, 2, 35], "a low limit");
        assert_eq!(standard([0xff, 0xff, 19, 35]), [0x11, 0x15, 19, 35]);
        assert_eq!(standard([0xff, 0x8a, 2, 64]), [0x11, 0x8a, 2, 25], "four blocks, four subbands, SNR");
        let xq = |remote: [u8; 4]| select(&remote, Quality::Xq).unwrap().to_bytes();
        assert_eq!(xq([0xff, 0xff, 2, 53]), [0x14, 0x15, 2, 35]);
        assert_eq!(xq([0x2f, 0xff, 2, 53]), [0x24, 0x15, 2, 38]);
        assert_eq!(xq([0x21, 0xff, 2, 53]), [0x21, 0x15, 2, 53], "where there is no dual channel");
    }

    #[test]
    fn what_suits_nobody_is_refused() {
        let nonsense: [&[u8]; 8] = [
            &[],
            &[0xff, 0xff, 2],
            &[0xff, 0xff, 2, 53, 0],
            &[0xcf, 0xff, 2, 53],
            &[0xf0, 0xff, 2, 53],
            &[0xff, 0x0f, 2, 53],
            &[0xff, 0xff, 65, 250],
            &[0xff, 0xff, 53, 2],
        ];
        for remote in nonsense {
            assert_eq!(select(remote, Quality::Standard), Err(Failure::NoCommonCodec), "{remote:?}");
        }
        for chosen in [[0x31, 0x15, 2, 53], [0x81, 0x15, 2, 53], [0x11, 0x35, 2, 53], [0x11, 0x15, 65, 250]] {
            assert_eq!(validate(&chosen), Err(Failure::NoCommonCodec), "{chosen:?}");
        }
        assert_eq!(validate(&[0x11, 0x15, 2, 53]).unwrap().to_bytes(), [0x11, 0x15, 2, 53]);
        assert_eq!(validate(&[0x11, 0x15, 2, 250]).unwrap().to_bytes(), [0x11, 0x15, 2, 64]);
    }

    /// Whether a configuration chooses only what some capabilities have.
    fn within(config: &Config, capabilities: [u8; 4]) -> bool {
        let bytes = config.to_bytes();
        let bits = bytes[0] & !capabilities[0] == 0 && bytes[1] & !capabilities[1] == 0;
        bits && bytes[2] >= capabilities[2] && bytes[3] <= capabilities[3] && bytes[2] <= bytes[3]
    }

    proptest! {
        #[test]
        fn a_choice_is_always_within_both_sides_capabilities(remote: [u8; 4], xq: bool) {
            let quality = if xq { Quality::Xq } else { Quality::Standard };
            if let Ok(config) = select(&remote, quality) {
                prop_assert!(within(&config, remote) && within(&config, CAPABILITIES), "{config:?}");
                prop_assert_eq!(Config::from_bytes(config.to_bytes()), Ok(config));
                prop_assert_eq!(validate(&config.to_bytes()), Ok(config));
            } else {
                let common = [remote[0] & 0x30, remote[0] & 0x0f, remote[1] & 0xf0, remote[1] & 0x0c, remote[1] & 3];
                let pools = remote[2].max(2)..=remote[3].min(64);
                prop_assert!(common.contains(&0) || pools.is_empty() || *pools.start() > 64, "{remote:?} was refused");
            }
        }

        #[test]
        fn whatever_the_speaker_chooses_is_within_what_was_offered_or_refused(chosen: [u8; 4], more in any::<Vec<u8>>()) {
            if let Ok(config) = validate(&chosen) {
                prop_assert!(within(&config, CAPABILITIES), "{config:?}");
                prop_assert!(within(&config, chosen), "{config:?}");
            }
            let _ = (validate(&more), select(&more, Quality::Xq));
        }
    }
}
