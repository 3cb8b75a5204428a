//! A chime on a speaker that is remembered.

use super::{Bluetooth, Opened, chime, command::Opener};
use crate::{Address, Failure};

impl Bluetooth {
    /// Plays the chime on a remembered speaker, which is called if it is not connected.
    ///
    /// # Errors
    /// As [`Self::open`]; [`Failure::AdapterBusy`] when a room plays through the adapter.
    pub async fn test(&self, address: Address) -> Result<(), Failure> {
        let service = self.clone();
        let opened = tokio::task::spawn_blocking(move || service.open_for(address, Opener::Person)).await;
        let Opened { mut feed, .. } = opened.unwrap_or(Err(Failure::NotPlayed))?;
        chime::sound(&mut feed, self.chime).await
    }
}
