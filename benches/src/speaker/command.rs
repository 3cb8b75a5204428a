//! What a speaker can be told on its standard input.

use std::{path::PathBuf, str::FromStr};

/// A line of standard input.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `delay 182`: its true delay, in milliseconds; of what is already under way nothing changes.
    Delay(f64),
    /// `report 196`, `report none`: the delay that it reports from now on, in milliseconds.
    Report(Option<f64>),
    /// `on`, `off`.
    Power(bool),
    /// `pairing on`, `pairing off`: whether it can be found and paired with.
    Pairing(bool),
    /// `forget`: its list of paired devices is cleared.
    Forget,
    /// `call`: it calls whom it knows, as speakers do that were switched on.
    Call,
    /// `disconnect`: it hangs up.
    Disconnect,
    /// `volume 64`: somebody turns its volume, 0 to 127.
    Volume(u16),
    /// `record PREFIX`: what it emits from now on goes into another recording.
    Record(PathBuf),
    /// `status`: how it is, and what it has counted.
    Status,
}

/// A line that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is none of delay MS, report MS|none, on, off, pairing on|off, forget, call, disconnect, volume N, record PREFIX, status"
)]
pub struct NoCommand(String);

impl FromStr for Command {
    type Err = NoCommand;

    fn from_str(line: &str) -> Result<Self, NoCommand> {
        let no = || NoCommand(line.into());
        let ms = |text: &str| text.parse().ok().filter(|ms| (0.0..=MAX_MS).contains(ms)).ok_or_else(no);
        match *line.split_whitespace().collect::<Vec<_>>() {
            ["delay", text] => Ok(Self::Delay(ms(text)?)),
            ["report", "none"] => Ok(Self::Report(None)),
            ["report", text] => Ok(Self::Report(Some(ms(text)?))),
            ["on"] => Ok(Self::Power(true)),
            ["off"] => Ok(Self::Power(false)),
            ["pairing", "on"] => Ok(Self::Pairing(true)),
            ["pairing", "off"] => Ok(Self::Pairing(false)),
            ["forget"] => Ok(Self::Forget),
            ["call"] => Ok(Self::Call),
            ["disconnect"] => Ok(Self::Disconnect),
            ["volume", text] => {
                Ok(Self::Volume(text.parse().ok().filter(|volume| *volume <= MAX_VOLUME).ok_or_else(no)?))
            }
            ["record", prefix] => Ok(Self::Record(prefix.into())),
            ["status"] => Ok(Self::Status),
            _ => Err(no()),
        }
    }
}

/// The longest that fits into a report, which counts tenths of a millisecond in 16 bits.
const MAX_MS: f64 = 6_553.5;

/// As AVRCP has it.
const MAX_VOLUME: u16 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_told_is_understood_and_nothing_else() {
        assert_eq!("delay 182.5".parse(), Ok(Command::Delay(182.5)));
        assert_eq!("report none".parse(), Ok(Command::Report(None)));
        assert_eq!("  pairing  off ".parse(), Ok(Command::Pairing(false)));
        for wrong in
            ["", "delay", "delay fast", "delay -1", "report 7000", "delay NaN", "on off", "pairing maybe", "volume 128"]
        {
            assert!(wrong.parse::<Command>().is_err(), "{wrong:?}");
        }
    }
}
