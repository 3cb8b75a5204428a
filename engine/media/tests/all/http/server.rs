//! Small servers on this machine that do what servers on the Internet do.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use unisono_core::units::SampleRate;
use unisono_media::{
    Error, Source as _,
    http::{Allowed, HttpSettings, HttpSource, Lookup},
};

pub(crate) const RATE: SampleRate = SampleRate::HZ_48000;

/// A server that answers each connection in a thread of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Server {
    /// `answer` is given which connection it is, from 0, what was asked, and the way back.
    pub(crate) fn start(answer: impl Fn(usize, &str, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let (count, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let which = count.fetch_add(1, Ordering::SeqCst);
                let answer = Arc::clone(&answer);
                thread::spawn(move || {
                    let request = head(&mut stream);
                    answer(which, &request, stream);
                });
            }
        });
        Self { address, asked }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How often somebody connected.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Opens what is at a path; this server is named in the settings.
    pub(crate) fn open(&self, path: &str) -> Result<HttpSource, Error> {
        open(&self.url(path), &["127.0.0.1"])
    }
}

/// Opens a URL while so many hosts are named in the settings.
pub(crate) fn open(url: &str, allowed: &[&str]) -> Result<HttpSource, Error> {
    HttpSource::open(url, &HttpSettings::new(Allowed::new(allowed)), RATE, 2)
}

/// As [`open`], with names looked up so.
pub(crate) fn open_with(url: &str, allowed: &[&str], lookup: Lookup) -> Result<HttpSource, Error> {
    HttpSource::open(url, &HttpSettings { allowed: Allowed::new(allowed), lookup }, RATE, 2)
}

/// Why something is not opened, in one line.
pub(crate) fn refusal(opened: Result<HttpSource, Error>) -> String {
    let said = opened.map(drop).unwrap_err().to_string();
    assert!(!said.contains('\n'), "{said}");
    said
}

fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Writes as long as somebody reads.
pub(crate) fn send(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) {
    let _ = stream.write_all(bytes.as_ref());
}

/// Keeps a connection open until the other side ends it.
pub(crate) fn hold(mut stream: TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(120)));
    while stream.read(&mut [0; 64]).unwrap_or(0) > 0 {}
}

/// A tone as ffmpeg encodes it.
pub(crate) fn tone(name: &str, hertz: u32, seconds: u32, options: &[&str]) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("http");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{}-{name}", std::process::id()));
    let source = format!("sine=frequency={hertz}:duration={seconds}:sample_rate=48000,volume=4dB");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", &source]).args(options).arg(&path);
    let made = command.output().expect("ffmpeg is there; `apt-get install ffmpeg`");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    bytes
}

pub(crate) fn mp3(hertz: u32, seconds: u32) -> Vec<u8> {
    tone(
        &format!("{hertz}-{seconds}.mp3"),
        hertz,
        seconds,
        &["-ac", "2", "-ar", "44100", "-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0"],
    )
}

/// Waits for something that comes soon, on the slowest machine in a while.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is() {
        assert!(Instant::now() < end, "never {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Reads so many frames, which come whatever the network does.
pub(crate) fn frames(source: &mut HttpSource, count: usize) -> Vec<f32> {
    let mut out = vec![9.0; count * 2];
    for block in out.chunks_mut(960 * 2) {
        assert_eq!(source.read(block), Ok(block.len() / 2));
    }
    out
}

/// Waits until so many seconds can be read, or all there is.
pub(crate) fn wait_for(source: &HttpSource, seconds: f64) {
    until("there", || {
        let (held, is_all) = source.held();
        held >= seconds || is_all
    });
}

/// The pitch of what is on the left, by its zero crossings; 0 for silence.
pub(crate) fn hertz(sound: &[f32]) -> f64 {
    let left: Vec<f32> = sound.chunks_exact(2).map(|frame| frame[0]).collect();
    let loudest = left.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    if loudest < 0.01 {
        return 0.0;
    }
    let rises = left.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
    rises as f64 * 48_000.0 / left.len() as f64
}
