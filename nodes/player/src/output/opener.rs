//! How outputs are opened.

use std::{fmt, sync::Arc};

use unisono_bluetooth::{Address, Failure, service::Opened};
use unisono_core::units::SampleRate;

use super::{
    Device, OpenError, Output, OutputSpec, alsa,
    bluetooth::{self, BluetoothOutput},
    list, open,
};

type Open = dyn Fn(&OutputSpec, SampleRate) -> Result<Box<dyn Output + Send>, OpenError> + Send + Sync;

type Cards = dyn Fn() -> Vec<Device> + Send + Sync;

/// Opens outputs, on threads that may wait; cheap to clone.
#[derive(Clone)]
pub struct Opener {
    open: Arc<Open>,
    /// What `auto` chooses from.
    cards: Arc<Cards>,
}

impl Opener {
    /// One that does this.
    pub fn new(
        open: impl Fn(&OutputSpec, SampleRate) -> Result<Box<dyn Output + Send>, OpenError> + Send + Sync + 'static,
    ) -> Self {
        Self { open: Arc::new(open), cards: Arc::new(alsa::playback_devices) }
    }

    /// One that opens Bluetooth speakers as `open_speaker` does, which may wait for them, and everything else by itself.
    /// Where an adapter is busy, `held` says with which speakers, and how often this one was connected.
    pub fn with_speakers(
        open_speaker: impl Fn(Address) -> Result<Opened, Failure> + Send + Sync + 'static,
        held: impl Fn(Address) -> (Vec<Address>, u64) + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |spec, rate| match spec {
            OutputSpec::Bluetooth(address) => match open_speaker(*address) {
                Ok(opened) => Ok(Box::new(BluetoothOutput::new(opened))),
                Err(failure) => {
                    let is_busy = failure == Failure::AdapterBusy;
                    let (holders, connects) = if is_busy { held(*address) } else { (Vec::new(), 0) };
                    Err(OpenError::Speaker { device: bluetooth::spec(*address), failure, holders, connects })
                }
            },
            other => open(other, rate),
        })
    }

    /// One that finds these cards in place of the machine's own.
    #[must_use]
    pub fn with_cards(mut self, cards: impl Fn() -> Vec<Device> + Send + Sync + 'static) -> Self {
        self.cards = Arc::new(cards);
        self
    }

    /// What is to be opened: for `auto`, which meant `before`, a card that is there now; any other is itself.
    pub(crate) fn resolved(&self, spec: &OutputSpec, before: &OutputSpec) -> Result<OutputSpec, OpenError> {
        match spec {
            OutputSpec::Auto => list::automatic(&(self.cards)(), before).ok_or_else(|| match before {
                OutputSpec::Auto => OpenError::NoCard,
                card => OpenError::NotFound { device: card.to_string() },
            }),
            named => Ok(named.clone()),
        }
    }

    /// Opens an output. It may take as long as it takes to call a speaker.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says in one line what is wrong with which device and what to try.
    pub fn open(&self, spec: &OutputSpec, rate: SampleRate) -> Result<Box<dyn Output + Send>, OpenError> {
        (self.open)(spec, rate)
    }
}

impl Default for Opener {
    /// What this machine has by itself.
    fn default() -> Self {
        Self::new(open)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Opener")
    }
}
