//! An ALSA whose only devices are modelled converters (`benches/lab/labdac.c`), for one test in a process of its own:
//! alsa-lib reads its configuration once and keeps it.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "these are tests, and each uses its part")]

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use nix::time::{ClockId, clock_gettime};
use unisono_core::{
    playout::DacReading,
    time::{NodeClock, Timestamp},
};
use unisono_player::output::{Fault, Output};

const LAB: &str = "UNISONO_LAB";

/// Where a test finds its converters.
pub struct Lab {
    folder: PathBuf,
}

/// The devices of every lab. `room` can be unplugged; `narrow` is one channel of 16 bit at 44.1 kHz.
fn configuration(folder: &Path, labdac: &Path) -> String {
    let (at, labdac) = (folder.display(), labdac.display());
    format!(
        r#"
pcm_type.labdac {{ lib "{labdac}" }}
pcm.room {{ type labdac  out "{at}/room"  ppm 40.0  quantum 48  control "{at}/room.control" }}
pcm.narrow {{ type labdac  out "{at}/narrow"  format S16_LE  channels 1  rate 44100 }}
pcm.!default {{ type labdac  out "{at}/default"  control "{at}/default.control" }}
"#
    )
}

/// Runs `body` in a process in which ALSA knows the lab's devices and nothing else, with more in its environment.
/// `test` is the full name of the test that calls this.
pub fn in_own_process(test: &str, environment: &[(&str, &str)], body: impl FnOnce(&Lab)) {
    if let Some(folder) = env::var_os(LAB) {
        return body(&Lab { folder: folder.into() });
    }
    let lab = Lab { folder: fresh_folder(test) };
    let labdac = built("labdac.c", &["-DPIC", "-lasound"]);
    let labclock = built("labclock.c", &["-lm", "-ldl"]);
    fs::write(lab.path("asound.conf"), configuration(&lab.folder, &labdac)).unwrap();
    let mut child = Command::new(env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture"]).env(LAB, &lab.folder);
    child.env("ALSA_CONFIG_PATH", lab.path("asound.conf"));
    for (name, value) in environment {
        child.env(name, value.replace("LABCLOCK.so", labclock.to_str().unwrap()));
    }
    let output = child.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert!(!said.contains("ALSA lib"), "alsa-lib prints: {said}");
    fs::remove_dir_all(&lab.folder).unwrap();
}

/// An empty folder for one test.
pub fn fresh_folder(test: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}-{number}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

impl Lab {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn unplug(&self, device: &str) {
        fs::write(self.path(&format!("{device}.control")), "").unwrap();
    }

    pub fn occupy(&self, device: &str) {
        fs::write(self.path("busy"), "busy").unwrap();
        fs::rename(self.path("busy"), self.path(&format!("{device}.control"))).unwrap();
    }

    pub fn plug_in(&self, device: &str) {
        fs::remove_file(self.path(&format!("{device}.control"))).unwrap();
    }

    /// What a device has emitted, once it is closed.
    pub fn recording(&self, device: &str) -> Recording {
        Recording::read(&self.path(device))
    }
}

/// An instrument of `benches/lab` as a library, built when it has changed.
fn built(source: &str, options: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/lab").join(source);
    let mut hasher = DefaultHasher::new();
    fs::read(&source).unwrap().hash(&mut hasher);
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lab-{:016x}.so", hasher.finish()));
    if !library.exists() {
        let unfinished = fresh_folder("build");
        let compiler = Command::new("cc")
            .args(["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&unfinished.join("lab.so"), &source])
            .args(options)
            .output()
            .expect("a C compiler and libasound2-dev are installed");
        assert!(compiler.status.success(), "{}", String::from_utf8_lossy(&compiler.stderr));
        // In one step: another test may be looking for it.
        fs::rename(unfinished.join("lab.so"), &library).unwrap();
        fs::remove_dir_all(unfinished).unwrap();
    }
    library
}

/// PREFIX.raw and PREFIX.log.
pub struct Recording {
    pub bytes: Vec<u8>,
    pub runs: Vec<Run>,
}

/// An unbroken run of frames.
#[derive(Debug)]
pub struct Run {
    pub first: u64,
    /// On `CLOCK_MONOTONIC`, in nanoseconds.
    pub start: i64,
    pub frames_per_nano: f64,
    /// How the frames are kept.
    pub format: String,
    /// Frames emitted and written, once it has ended.
    pub end: Option<(u64, u64)>,
}

impl Recording {
    pub fn read(prefix: &Path) -> Self {
        let bytes = fs::read(prefix.with_extension("raw")).unwrap();
        let mut runs: Vec<Run> = Vec::new();
        for line in fs::read_to_string(prefix.with_extension("log")).unwrap().lines() {
            let field: Vec<&str> = line.split(' ').collect();
            match field[0] {
                "seg" => runs.push(Run {
                    first: field[1].parse().unwrap(),
                    start: field[2].parse().unwrap(),
                    frames_per_nano: field[3].parse::<f64>().unwrap()
                        * 1e-9
                        * (1.0 + field[4].parse::<f64>().unwrap() * 1e-6),
                    format: format!("{} {}", field[5], field[6]),
                    end: None,
                }),
                "stop" => {
                    let run = runs.last_mut().unwrap();
                    assert_eq!(run.end, None, "a run ends once");
                    run.end = Some((field[2].parse().unwrap(), field[3].parse().unwrap()));
                }
                other => panic!("{other}"),
            }
        }
        Self { bytes, runs }
    }

    pub fn floats(&self) -> Vec<f32> {
        self.bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }
}

impl Run {
    /// Frames that had in truth been emitted at the instant for which a position was given.
    pub fn emitted(&self, said: &Said) -> f64 {
        (said.reading.at.as_nanos() - said.raw_ahead_of_monotonic - self.start) as f64 * self.frames_per_nano
    }
}

pub fn now(clock: ClockId) -> i64 {
    let time = clock_gettime(clock).unwrap();
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

pub fn raw_now() -> Timestamp<NodeClock> {
    Timestamp::from_nanos(now(ClockId::CLOCK_MONOTONIC_RAW))
}

/// Nanoseconds, by the tightest of many readings.
pub fn raw_ahead_of_monotonic() -> i64 {
    let read = || {
        let before = now(ClockId::CLOCK_MONOTONIC_RAW);
        let monotonic = now(ClockId::CLOCK_MONOTONIC);
        let after = now(ClockId::CLOCK_MONOTONIC_RAW);
        (after - before, before + (after - before) / 2 - monotonic)
    };
    (0..50).map(|_| read()).min().unwrap().1
}

/// A position, and what the clocks read when it was asked for.
#[derive(Debug)]
pub struct Said {
    pub before: Timestamp<NodeClock>,
    pub reading: DacReading,
    pub after: Timestamp<NodeClock>,
    pub raw_ahead_of_monotonic: i64,
}

/// What an output took and said between two times that it ran empty.
#[derive(Debug, Default)]
pub struct Heard {
    /// Frames that it had taken before, in all.
    pub first: u64,
    pub written: u64,
    pub said: Vec<Said>,
}

/// Writes all the frames, as an audio thread does. One entry for each time that the output ran empty, and one more.
pub fn play(output: &mut dyn Output, interleaved: &[f32]) -> Vec<Heard> {
    let mut runs = vec![Heard::default()];
    let mut rest = interleaved;
    while !rest.is_empty() {
        pause();
        let run = runs.last_mut().unwrap();
        match step(output, run, rest) {
            Ok(taken) => rest = &rest[taken..],
            Err(Fault::Underrun) => {
                let first = run.first + run.written;
                runs.push(Heard { first, ..Heard::default() });
            }
            Err(fault) => panic!("{fault}"),
        }
    }
    runs
}

/// Plays until it runs and says so, whatever interrupts this.
pub fn start(output: &mut dyn Output) {
    let (samples, _) = noise(4_800);
    while play(output, &samples).last().unwrap().said.is_empty() {}
}

/// Looks at an output until it says something else than that all is well.
pub fn fault_of(output: &mut dyn Output) -> Fault {
    loop {
        pause();
        if let Err(fault) = output.room() {
            return fault;
        }
    }
}

fn step(output: &mut dyn Output, run: &mut Heard, rest: &[f32]) -> Result<usize, Fault> {
    let before = raw_now();
    if let Some(reading) = output.position()? {
        let after = raw_now();
        run.said.push(Said { before, reading, after, raw_ahead_of_monotonic: raw_ahead_of_monotonic() });
    }
    let samples = rest.len().min(output.room()?.writable as usize * 2);
    let taken = output.write(&rest[..samples])?;
    assert_eq!(taken as usize * 2, samples, "all that fits in is taken");
    run.written += u64::from(taken);
    Ok(samples)
}

/// Until its next turn, an audio thread sleeps.
pub fn pause() {
    thread::sleep(Duration::from_millis(5));
}

/// Noise of so many frames that 24 bits hold exactly, never zero, with its 24-bit values.
pub fn noise(frames: usize) -> (Vec<f32>, Vec<i32>) {
    let mut random = fastrand::Rng::with_seed(3);
    let values: Vec<i32> = (0..frames * 2).map(|_| random.i32(1..1 << 22) * [1, -1][random.usize(0..2)]).collect();
    #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
    let samples = values.iter().map(|&value| value as f32 / 8_388_608.0).collect();
    (samples, values)
}
