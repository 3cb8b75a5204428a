//! Sound that comes as it is made: through a FIFO, a TCP port or standard input as plain samples, or from a sound card.
//!
//! | module | what is in it |
//! |---|---|
//! | [`Input`], [`LiveSource`] | a port that is read all the time, and what a listener has of it |
//! | `discipline`, `pace` | the source's crystal against ours, without a clock or a thread |
//! | `fifo`, `tcp`, `port`, `line_in` | where the bytes come from |

mod clock;
mod discipline;
mod fifo;
mod input;
mod line_in;
mod listener;
mod pace;
mod port;
mod tcp;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use unisono_core::units::SampleRate;

use self::{
    fifo::Fifo,
    port::{Got, Port, StandardInput},
    tcp::Tcp,
};
pub use self::{
    input::{DELAY, Input, State, Status},
    listener::LiveSource,
};
use crate::{Error, RawFormat};

/// Where a live input is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A FIFO, which is made if need be.
    Fifo(PathBuf),
    /// A device that records: a name of ALSA's, or `cpal:` and an id of cpal's.
    LineIn(String),
    /// Standard input.
    StandardInput,
    /// A TCP port of this machine.
    Tcp(SocketAddr),
}

impl Input {
    /// Opens an input, to be heard at a rate and in one channel or two. What cannot be opened is tried again and again,
    /// and [`Input::status`] says why: a device that is plugged in later works then.
    ///
    /// # Errors
    /// When there can be no thread for it, or `channels` is neither 1 nor 2.
    pub fn open(name: &str, place: &Place, format: RawFormat, rate: SampleRate, channels: u8) -> Result<Self, Error> {
        let mut port = Reopened { place: place.clone(), format, port: None };
        // What is made for others, as a FIFO is, is there when this is over.
        let problem = port.open().err();
        Self::start(name, format, (rate, channels), Box::new(port), problem)
    }
}

/// A port that is opened again after it has failed.
struct Reopened {
    place: Place,
    format: RawFormat,
    port: Option<Box<dyn Port>>,
}

impl Reopened {
    fn open(&mut self) -> Result<&mut Box<dyn Port>, String> {
        let port: Box<dyn Port> = match &self.place {
            Place::Fifo(path) => Box::new(Fifo::open(path).map_err(|error| format!("{}: {error}", path.display()))?),
            Place::Tcp(address) => {
                Box::new(Tcp::listen(*address).map_err(|error| format!("TCP port {address}: {error}"))?)
            }
            Place::StandardInput => {
                Box::new(StandardInput::open().map_err(|error| format!("standard input: {error}"))?)
            }
            Place::LineIn(device) => line_in::open(device, self.format)?,
        };
        Ok(self.port.insert(port))
    }
}

impl Port for Reopened {
    fn read(&mut self, bytes: &mut [u8], wait: Duration) -> Got {
        let port = match &mut self.port {
            Some(port) => port,
            None => match self.open() {
                Ok(port) => port,
                Err(problem) => return Got::Failed(problem),
            },
        };
        let got = port.read(bytes, wait);
        if let Got::Failed(_) = got {
            self.port = None;
        }
        got
    }

    fn has_more(&mut self) -> bool {
        self.port.as_mut().is_some_and(|port| port.has_more())
    }
}
