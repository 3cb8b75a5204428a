//! MPD as a real process, which writes to a FIFO at the speed of its own timer.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "these are tests")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use unisono_core::units::SampleRate;
use unisono_media::{
    RawFormat, Source as _,
    live::{Input, LiveSource, Place, State},
};

/// The program in a folder of its own. It ends with this.
struct Mpd {
    child: Child,
    control: BufReader<UnixStream>,
}

impl Mpd {
    fn start(folder: &Path, fifo: &Path) -> Self {
        let shown = folder.display();
        let config = format!(
            "music_directory \"{shown}/music\"\ndb_file \"{shown}/db\"\nbind_to_address \"{shown}/socket\"\n\
             zeroconf_enabled \"no\"\naudio_output {{\n type \"fifo\"\n name \"unisono\"\n path \"{}\"\n \
             format \"44100:16:2\"\n}}\n",
            fifo.display()
        );
        fs::write(folder.join("mpd.conf"), config).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new("mpd");
        command.args(["--no-daemon", "--stderr"]).arg(folder.join("mpd.conf")).stdin(Stdio::null()).stderr(log);
        let child = command.spawn().expect("mpd is there; `apt-get install mpd`, or `make test`, which does");
        let end = Instant::now() + Duration::from_secs(60);
        let control = loop {
            match UnixStream::connect(folder.join("socket")) {
                Ok(control) => break BufReader::new(control),
                Err(error) => {
                    let said = fs::read_to_string(folder.join("log")).unwrap_or_default();
                    assert!(Instant::now() < end, "mpd does not answer ({error}): {said}");
                    thread::sleep(Duration::from_millis(50));
                }
            }
        };
        let mut mpd = Self { child, control };
        assert!(mpd.answer().starts_with("OK MPD"));
        mpd
    }

    /// Tells it something, and gives all that it says to that.
    fn tell(&mut self, command: &str) -> String {
        writeln!(self.control.get_mut(), "{command}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert!(self.control.read_line(&mut line).unwrap() > 0, "mpd has gone: {said}");
            said.push_str(&line);
            assert!(!line.starts_with("ACK"), "{said}");
            if line.starts_with("OK") {
                return said;
            }
        }
    }
}

impl Drop for Mpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A listener that reads as the hub does: a block whenever one is due.
struct Hub {
    source: LiveSource,
    due: Instant,
}

impl Hub {
    fn block(&mut self) -> Vec<f32> {
        let mut out = vec![0.0; 960 * 2];
        thread::sleep(self.due.saturating_duration_since(Instant::now()));
        self.due += Duration::from_millis(20);
        assert_eq!(self.source.read(&mut out), Ok(960));
        out
    }

    /// Reads until a block is as it is to be.
    fn until(&mut self, what: &str, mut is: impl FnMut(&[f32]) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let block = self.block();
            if is(&block) {
                return;
            }
            assert!(Instant::now() < end, "never {what}");
        }
    }
}

fn is_silent(block: &[f32]) -> bool {
    block.iter().all(|sample| *sample == 0.0)
}

fn write_tone(path: &Path, seconds: u32) {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..seconds * 44_100 {
        let phase = std::f64::consts::TAU * 1_000.0 * f64::from(i) / 44_100.0;
        #[expect(clippy::cast_possible_truncation, reason = "16 bits")]
        let sample = (phase.sin() * 16_000.0).round() as i16;
        writer.write_sample(sample).unwrap();
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
}

#[test]
fn mpd_is_heard_without_a_gap_and_its_pauses_are_silent() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("music")).unwrap();
    write_tone(&folder.path().join("music/tone.wav"), 120);
    let fifo = folder.path().join("fifo");
    let format: RawFormat = "44100:16:2".parse().unwrap();
    let input = Input::open("mpd", &Place::Fifo(fifo.clone()), format, SampleRate::HZ_48000, 2).unwrap();
    assert_eq!(input.status().state, State::Waiting);
    let mut mpd = Mpd::start(folder.path(), &fifo);
    mpd.tell("update");
    let mut hub = Hub { source: input.listen(), due: Instant::now() };
    let end = Instant::now() + Duration::from_secs(60);
    while mpd.tell("listall").lines().count() < 2 {
        assert!(Instant::now() < end, "mpd does not find its music");
        thread::sleep(Duration::from_millis(100));
    }
    mpd.tell("add tone.wav");
    mpd.tell("play");
    for turn in 0..2 {
        hub.until("heard", |block| !is_silent(block));
        assert_eq!(input.status().state, State::Playing);
        let mut sound = Vec::new();
        while sound.len() < 8 * 48_000 * 2 {
            sound.extend(hub.block());
        }
        assert_eq!(input.status().underruns, 0, "turn {turn}");
        let left: Vec<f32> = sound.chunks_exact(2).map(|frame| frame[0]).collect();
        // The tone as it is everywhere: no two samples are further apart than a tone's are.
        let step = left.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f32::max);
        assert!(step < 0.07, "a step of {step}");
        let rises = left.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        let pitch = rises as f64 / 8.0;
        assert!((pitch - 1_000.0).abs() < 1.0, "{pitch} Hz");
        mpd.tell("pause 1");
        hub.until("silent", is_silent);
        hub.until("said to be silent", |block| is_silent(block) && input.status().state != State::Playing);
        mpd.tell("pause 0");
    }
    println!("{:?}", input.status());
    assert_eq!(input.status().underruns, 0, "pauses are no faults");
}
