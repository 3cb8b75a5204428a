//! A node with its Bluetooth, beside the stand-in.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use unisono_bluetooth::{
    Address, Failure,
    service::{Bluetooth, Opened, PairEvent, ScanEvent, Settings, SpeakerView},
};

use crate::standin::{ADAPTER, DEVICE, Heard, Speaker, StandIn, device_path};

/// A node and what is around it.
pub(crate) struct House {
    pub(crate) standin: StandIn,
    pub(crate) bluetooth: Bluetooth,
    pub(crate) folder: TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.standin.wrongs(), [""; 0], "the node did what it is never to do");
        }
    }
}

/// How long anything may take that is to happen: much more than it does, for a machine that is busy otherwise.
pub(crate) const SOON: Duration = Duration::from_secs(20);

impl House {
    /// With the limits of the machines this much shorter.
    pub(crate) async fn new(hurry: u32) -> Self {
        Self::with(|settings| settings.hurry = hurry).await
    }

    /// With these settings, and everything ready.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let standin = StandIn::start().await;
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(folder.path().into());
        settings.chime = Duration::from_millis(20);
        change(&mut settings);
        let bluetooth = Bluetooth::start(settings);
        let house = Self { standin, bluetooth, folder };
        house.until("the endpoints are registered", async || house.standin.endpoints("hci0") >= 2).await;
        house
            .until("the adapter can be used", async || {
                house.bluetooth.adapters().await.iter().any(|adapter| adapter.failure.is_none())
            })
            .await;
        house
    }

    /// Brings a speaker into the house and pairs it.
    pub(crate) async fn paired(&self, speaker: Speaker) -> Address {
        let address = speaker.address;
        self.standin.place(speaker).await;
        assert_eq!(self.pair(address, None).await, Ok(()));
        address
    }

    /// Pairs and waits for the end.
    pub(crate) async fn pair(&self, address: Address, pin: Option<&str>) -> Result<(), Failure> {
        let mut events = self.bluetooth.pair(address, pin.map(Into::into)).await;
        loop {
            match events.recv().await {
                Some(PairEvent::Step(_)) => {}
                Some(PairEvent::Paired) => return Ok(()),
                Some(PairEvent::Failed(failure)) => return Err(failure),
                None => panic!("the pairing ended without an end"),
            }
        }
    }

    /// Everything that a scan says.
    pub(crate) async fn scan(&self, span: Duration) -> Vec<ScanEvent> {
        let mut events = self.bluetooth.scan(span).await;
        let mut all = Vec::new();
        while let Some(event) = events.recv().await {
            all.push(event);
        }
        all
    }

    /// Opens a stream, as a room does.
    pub(crate) async fn open(&self, address: Address) -> Result<Opened, Failure> {
        let bluetooth = self.bluetooth.clone();
        tokio::task::spawn_blocking(move || bluetooth.open(address)).await.unwrap()
    }

    /// What is said of a speaker.
    pub(crate) async fn view(&self, address: Address) -> SpeakerView {
        self.bluetooth.list().await.into_iter().find(|speaker| speaker.address == address).unwrap()
    }

    /// Waits until something is so.
    pub(crate) async fn until<F: Future<Output = bool>>(&self, what: &str, is_so: impl Fn() -> F) {
        let began = Instant::now();
        while !is_so().await {
            if began.elapsed() > SOON {
                let views = self.bluetooth.list().await;
                panic!("never so: {what}; {views:#?}; {:#?}", self.standin.calls());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until a speaker hears a stream.
    pub(crate) async fn heard(&self, address: Address) -> Heard {
        self.until("the speaker hears something", async || self.standin.heard(address).is_some()).await;
        self.standin.heard(address).unwrap()
    }

    /// Waits until nothing of a window is open.
    pub(crate) async fn closed(&self) {
        let adapter = "/org/bluez/hci0";
        self.until("the adapter is closed to strangers", async || {
            !self.standin.is(adapter, ADAPTER, "Pairable")
                && !self.standin.is(adapter, ADAPTER, "Discoverable")
                && !self.standin.is(adapter, ADAPTER, "Discovering")
                && self.standin.default_agent().as_deref() == Some("NoInputNoOutput")
        })
        .await;
    }

    /// Whether `BlueZ` says so of a speaker.
    pub(crate) fn is(&self, address: Address, property: &str) -> bool {
        self.standin.is(&device_path("hci0", address), DEVICE, property)
    }
}
