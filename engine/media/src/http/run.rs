//! The thread that has to do with the network: asks, reads, decodes, and asks again when a connection breaks.

use std::{
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError, mpsc::SyncSender},
    time::Duration,
};

use symphonia::core::io::{MediaSource, ReadOnlySource};
use tracing::{info, warn};
use unisono_core::{units::SampleRate, wire::control::sentence};

use super::{
    backoff::Backoff,
    buffer::{Buffer, Since},
    client::{Answer, Client, Refusal},
    decode::{Broken, Decode, Kind},
    icy::Titles,
    playlist::{self, MAX_LEN, Playlist, is_playlist},
    remote::Remote,
};

/// A playlist may lead to another so often.
const MAX_PLAYLISTS: u32 = 3;

/// So many hosts are asked at most before something plays: playlists of playlists are not to have the hub ask hundreds.
const MAX_REQUESTS: u32 = 12;

/// What has played for so long was well: when it breaks it is asked for again at once.
const WELL: Duration = Duration::from_secs(20);

/// What was opened.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) kind: Kind,
    /// What the station calls itself.
    pub(super) name: Option<String>,
    /// Whether it has no end.
    pub(super) is_station: bool,
}

/// What the thread has.
pub(super) struct Run {
    pub(super) client: Client,
    pub(super) url: String,
    pub(super) output: (SampleRate, u8),
    pub(super) buffer: Arc<Buffer>,
    /// Who wants to know what was opened.
    pub(super) opened: Option<SyncSender<Result<Opened, String>>>,
    /// The frame of the whole that was wanted last.
    pub(super) base: u64,
}

/// What became of playing.
enum Played {
    /// To its end.
    Over,
    /// Not to its end, and why.
    Broken(String),
    /// It is to be begun anew, somewhere else in it.
    Anew,
}

impl Run {
    /// Plays until nobody listens.
    pub(super) fn run(mut self) {
        let mut backoff = Backoff::new();
        while !self.buffer.is_closed() {
            let began = Since::now();
            match self.play() {
                Played::Anew => {}
                Played::Over => {
                    self.buffer.end();
                    while self.buffer.wait(Duration::from_secs(3_600)) {
                        if let Some(frame) = self.buffer.take_seek() {
                            self.base = frame;
                            break;
                        }
                    }
                }
                Played::Broken(reason) => {
                    if let Some(opened) = self.opened.take() {
                        // Whoever asked may have given up.
                        let _ = opened.send(Err(reason));
                        return;
                    }
                    if self.buffer.is_closed() {
                        return;
                    }
                    warn!("{}: {reason}", shown(&self.url));
                    self.buffer.trouble(reason);
                    if began.is_over(WELL) {
                        backoff = Backoff::new();
                    }
                    self.buffer.wait(backoff.wait(super::chance()));
                }
            }
        }
    }

    fn play(&mut self) -> Played {
        if let Some(frame) = self.buffer.take_seek() {
            self.base = frame;
        }
        let base = self.base + self.buffer.pushed();
        let mut last = None;
        let answers = match self.answers() {
            Ok(answers) => answers,
            Err(reason) => return Played::Broken(reason),
        };
        for answer in answers {
            match answer.and_then(|answer| self.decode(answer)) {
                Ok((decode, heard, is_station)) => return self.pass_on(decode, &heard, is_station, base),
                Err(reason) => last = Some(reason),
            }
        }
        Played::Broken(last.unwrap_or_else(|| "the playlist has nothing in it".into()))
    }

    /// What the URL leads to: one answer, or one for each entry of a playlist. An entry is asked for only when its
    /// predecessors did not play.
    fn answers(&self) -> Result<impl Iterator<Item = Result<Answer, String>> + use<>, String> {
        let first = self.client.get(&self.url, None).map_err(reason)?;
        let client = self.client.clone();
        let (urls, first) = match look_into(first, 0)? {
            Found::Sound(answer) => (Vec::new(), Some(Ok(*answer))),
            Found::Entries(urls) => (urls, None),
        };
        let mut left = MAX_REQUESTS;
        let rest = urls.into_iter().map(move |url| follow(&client, &url, 1, &mut left));
        Ok(first.into_iter().chain(rest))
    }

    fn decode(&self, answer: Answer) -> Result<(Decode, Heard, bool), String> {
        let heard = Heard { title: Arc::default(), name: answer.name.as_deref().map(sentence) };
        let length = answer.length.filter(|_| !answer.is_station && answer.title_interval.is_none());
        let kind = answer.kind.clone();
        let source: Box<dyn MediaSource> = match length {
            Some(length) => Box::new(Remote::new(self.client.clone(), answer, length, Arc::clone(&self.buffer))),
            None => {
                let titles = Titles::new(answer.body, answer.title_interval);
                Box::new(ReadOnlySource::new(Tell { titles, title: Arc::clone(&heard.title) }))
            }
        };
        match Decode::open(source, &kind, self.output) {
            Ok(decode) => Ok((decode, heard, length.is_none())),
            Err(Broken::Cut(reason) | Broken::Undecodable(reason)) => Err(reason),
        }
    }

    /// Decodes and passes on, until it ends or something else is wanted.
    fn pass_on(&mut self, mut decode: Decode, heard: &Heard, is_station: bool, base: u64) -> Played {
        if !is_station && base > 0 && decode.seek(base).is_err() {
            decode.skip_to(base);
        }
        let mut out = Vec::new();
        loop {
            if let Some(frame) = self.buffer.take_seek() {
                self.base = frame;
                if is_station || decode.seek(frame).is_err() {
                    return Played::Anew;
                }
            }
            out.clear();
            let more = match decode.next(&mut out) {
                Ok(more) => more,
                Err(Broken::Cut(reason) | Broken::Undecodable(reason)) => return Played::Broken(reason),
            };
            if let Some(opened) = self.opened.take() {
                let kind = decode.kind();
                info!("{} plays: {} at {} Hz", shown(&self.url), kind.codec, kind.rate);
                let opened_as = Opened { kind, name: heard.name.clone(), is_station };
                if opened.send(Ok(opened_as)).is_err() {
                    return Played::Anew;
                }
            }
            if let Some(title) = heard.take_title().or_else(|| decode.take_title()) {
                self.buffer.title(title);
            }
            // What is not wanted any more is left; the next turn says why.
            self.buffer.push(&out);
            if self.buffer.is_closed() {
                return Played::Anew;
            }
            if !more {
                return if is_station { Played::Broken("the host has ended it".into()) } else { Played::Over };
            }
        }
    }
}

/// What an answer leads to.
enum Found {
    Sound(Box<Answer>),
    Entries(Vec<String>),
}

/// Reads an answer if it is a playlist.
fn look_into(mut answer: Answer, depth: u32) -> Result<Found, String> {
    if answer.kind.starts_with("text/html") {
        return Err("it is a page of the web, and no station; look there for the address of the stream".into());
    }
    if !is_playlist(&answer.kind, &answer.url) {
        return Ok(Found::Sound(Box::new(answer)));
    }
    if depth >= MAX_PLAYLISTS {
        return Err("its playlist leads to playlists only".into());
    }
    let mut bytes = Vec::new();
    let read = (&mut answer.body).take(MAX_LEN + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("its playlist cannot be read ({error})"))?;
    if bytes.len() as u64 > MAX_LEN {
        return Err("its playlist is longer than any".into());
    }
    match playlist::parse(&super::icy::text(&bytes), &answer.url) {
        Playlist::Entries(entries) => Ok(Found::Entries(entries)),
        Playlist::Hls => Err("it is HTTP Live Streaming (HLS), which is not supported; take the station's MP3".into()),
    }
}

/// The first that plays behind an entry of a playlist.
fn follow(client: &Client, url: &str, depth: u32, left: &mut u32) -> Result<Answer, String> {
    *left = left.checked_sub(1).ok_or("its playlists lead to too many hosts of which none plays")?;
    match look_into(client.get(url, None).map_err(reason)?, depth)? {
        Found::Sound(answer) => Ok(*answer),
        Found::Entries(urls) => {
            let mut last = Err("the playlist has nothing in it".into());
            for url in urls {
                last = follow(client, &url, depth + 1, left);
                if last.is_ok() {
                    break;
                }
            }
            last
        }
    }
}

fn reason(refusal: Refusal) -> String {
    refusal.reason
}

/// What a station says beside its sound.
struct Heard {
    title: Arc<Mutex<Option<String>>>,
    name: Option<String>,
}

impl Heard {
    fn take_title(&self) -> Option<String> {
        self.title.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Tells the titles of a stream while it is read.
struct Tell<R> {
    titles: Titles<R>,
    title: Arc<Mutex<Option<String>>>,
}

impl<R: Read> Read for Tell<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.titles.read(out);
        if let Some(title) = self.titles.take_title() {
            *self.title.lock().unwrap_or_else(PoisonError::into_inner) = Some(title);
        }
        read
    }
}

/// A URL without the name and the password in it.
pub(super) fn shown(url: &str) -> String {
    let shown = match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host..])
        }
        None => url.into(),
    };
    sentence(&shown)
}
