//! An ALSA whose only devices are modelled converters (`benches/lab/labdac.c`), for one test in a process of its own:
//! alsa-lib reads its configuration once and keeps it.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "these are tests, and each uses its part")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use nix::time::{ClockId, clock_gettime};
use unisono_benches::lab::instruments::Instrument;
pub use unisono_benches::lab::recording::{Recording, Run};
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
/// `module` and `test` name the test that calls this.
pub fn in_own_process(module: &str, test: &str, environment: &[(&str, &str)], body: impl FnOnce(&Lab)) {
    if let Some(folder) = env::var_os(LAB) {
        return body(&Lab { folder: folder.into() });
    }
    let lab = Lab { folder: fresh_folder(test) };
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (labdac, labclock) = (Instrument::Labdac.build(tools).unwrap(), Instrument::Labclock.build(tools).unwrap());
    fs::write(lab.path("asound.conf"), configuration(&lab.folder, &labdac)).unwrap();
    let full = format!("{}::{test}", module.split_once("::").unwrap().1);
    let mut child = Command::new(env::current_exe().unwrap());
    child.args([&full, "--exact", "--nocapture"]).env(LAB, &lab.folder);
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
        Recording::read(&self.path(device)).unwrap()
    }
}

/// Frames of a run that had in truth been emitted at the instant for which a position was given.
pub fn emitted(run: &Run, said: &Said) -> f64 {
    (said.reading.at.as_nanos() - said.raw_ahead_of_monotonic - run.start) as f64 * run.frames_per_nano
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
