//! Sound over HTTP and HTTPS: stations of internet radio, which have no end, and files, which have one.
//!
//! | module | what is in it |
//! |---|---|
//! | [`HttpSource`] | what is read; it never waits for the network |
//! | `run` | the thread that asks, decodes, and asks again |
//! | `buffer` | between the two |
//! | `client`, `wire` | requests, and their limits |
//! | `address`, `resolve` | who may be asked |
//! | `remote` | a file that is gone on with where a connection broke |
//! | `decode` | from bytes to sound of ours |
//! | [`icy`], [`playlist`] | what stations say, and where they are |

mod address;
mod backoff;
mod buffer;
mod client;
mod decode;
pub mod icy;
pub mod playlist;
mod remote;
mod resolve;
mod run;
mod wire;

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use unisono_core::units::SampleRate;

pub use self::{address::Allowed, resolve::Lookup};
use self::{
    buffer::{Buffer, Given},
    client::Client,
    run::{Opened, Run, shown},
};
use crate::{Description, Error, Source};

/// A host has so long until the first of its sound is decoded, whatever it does meanwhile.
const OPEN: Duration = Duration::from_secs(25);

/// So long is waited for what is to be there before sound begins; a station that sends no faster than it plays gives
/// as much by then.
const FILL: Duration = Duration::from_millis(1_500);

/// No URL of a station is longer, in bytes.
const MAX_URL: usize = 2_000;

/// How things over HTTP are opened.
#[derive(Clone)]
pub struct HttpSettings {
    /// Hosts that may be asked wherever they are.
    pub allowed: Allowed,
    /// How names are looked up.
    pub lookup: Lookup,
}

impl HttpSettings {
    /// As the system looks names up.
    pub fn new(allowed: Allowed) -> Self {
        Self { allowed, lookup: resolve::system() }
    }
}

/// A station or a file on another host, at any rate and in one channel or two.
///
/// What the network does is the business of a thread of its own. When nothing comes there is silence, and
/// [`Source::trouble`] says why; a station is asked for again until it comes back.
pub struct HttpSource {
    connection: Connection,
    description: Description,
    channels: usize,
    is_station: bool,
    title: Option<String>,
    trouble: Option<String>,
}

impl HttpSource {
    /// Opens what a URL leads to, and waits until the first of it is there.
    ///
    /// # Errors
    /// When the host may not be asked or does not answer, when what it gives is no sound that can be decoded, and when
    /// `channels` is neither 1 nor 2.
    pub fn open(url: &str, settings: &HttpSettings, rate: SampleRate, channels: u8) -> Result<Self, Error> {
        if !(1..=2).contains(&channels) {
            return Err(Error::Channels { channels });
        }
        let refuse = |reason: String| Error::Station { url: shown(url), reason };
        if url.len() > MAX_URL {
            return Err(refuse("no address is so long".into()));
        }
        let client = Client::new(settings.allowed.clone(), Arc::clone(&settings.lookup));
        let buffer = Arc::new(Buffer::new(rate.hertz(), channels));
        let (opened, answer) = mpsc::sync_channel(1);
        let run = Run {
            client: client.clone(),
            url: url.into(),
            output: (rate, channels),
            buffer: Arc::clone(&buffer),
            opened: Some(opened),
            base: 0,
        };
        thread::Builder::new()
            .name("http".into())
            .spawn(move || run.run())
            .map_err(|error| refuse(error.to_string()))?;
        let connection = Connection { client, buffer };
        let opened = match answer.recv_timeout(OPEN) {
            Ok(Ok(opened)) => opened,
            Ok(Err(reason)) => return Err(refuse(reason)),
            Err(_) => return Err(refuse("nothing of it came in time; try again later".into())),
        };
        connection.buffer.wait_for_sound(FILL);
        Ok(Self {
            connection,
            is_station: opened.is_station,
            description: described(url, opened),
            channels: channels.into(),
            title: None,
            trouble: None,
        })
    }

    /// How often it was silent because nothing came.
    pub fn underruns(&self) -> u64 {
        self.connection.buffer.state().1
    }

    /// How much is there to be read, in seconds, and whether that is all that will ever be.
    pub fn held(&self) -> (f64, bool) {
        self.connection.buffer.held()
    }
}

impl Source for HttpSource {
    fn read(&mut self, out: &mut [f32]) -> Result<usize, Error> {
        let given = self.connection.buffer.read(out);
        if let Some(title) = self.connection.buffer.take_title() {
            self.title = Some(title).filter(|title| !title.is_empty());
        }
        self.trouble = self.connection.buffer.state().0;
        Ok(match given {
            Given::All => out.len() / self.channels,
            Given::Last(frames) => frames,
        })
    }

    /// A station is always where it is; after a pause it is asked for anew.
    fn seek(&mut self, frame: u64) -> Result<(), Error> {
        let stays = if self.is_station {
            self.connection.buffer.is_fresh()
        } else {
            frame == 0 && self.connection.buffer.is_untouched()
        };
        if !stays {
            self.connection.buffer.jump(frame);
        }
        Ok(())
    }

    fn description(&self) -> &Description {
        &self.description
    }

    fn title_now(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    fn is_live(&self) -> bool {
        self.is_station
    }
}

/// The thread that has to do with the network. It ends when this is dropped.
struct Connection {
    client: Client,
    buffer: Arc<Buffer>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.buffer.close();
        self.client.hang_up();
    }
}

fn described(url: &str, opened: Opened) -> Description {
    let Opened { kind, name, is_station } = opened;
    let title = if is_station { name } else { kind.title };
    Description {
        title: title.unwrap_or_else(|| name_in(url)),
        frames: kind.frames.filter(|_| !is_station),
        codec: kind.codec,
        original_rate: kind.rate,
        original_channels: u32::try_from(kind.channels).unwrap_or(u32::MAX),
        bits: kind.bits,
    }
}

/// What a URL without a title is called: its host, or its file.
fn name_in(url: &str) -> String {
    let shown = shown(url);
    let rest = shown.split_once("://").map_or(&*shown, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let file = path.rsplit('/').next().filter(|file| !file.is_empty());
    file.unwrap_or(host).into()
}

/// A number between 0 and 1, so that not all wait alike.
fn chance() -> f64 {
    fastrand::f64()
}
