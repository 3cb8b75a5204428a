//! The instruments, built from their C sources when they have changed.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, bail};

/// Makes the names of unfinished libraries differ.
static BUILDS: AtomicU32 = AtomicU32::new(0);

/// A library or a program in `benches/lab`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    /// An ALSA output whose converter is a model.
    Labdac,
    /// A preload that gives a process a crystal of its own.
    Labclock,
    /// A hop that behaves as home Wi-Fi does.
    Wifilink,
}

impl Instrument {
    const fn source(self) -> &'static str {
        match self {
            Self::Labdac => "labdac.c",
            Self::Labclock => "labclock.c",
            Self::Wifilink => "wifilink.c",
        }
    }

    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Labdac => &["-shared", "-fPIC", "-DPIC", "-lasound"],
            Self::Labclock => &["-shared", "-fPIC", "-lm", "-ldl"],
            Self::Wifilink => &["-lm"],
        }
    }

    /// The library or program, in `folder`; several threads and processes may ask for it at once.
    ///
    /// # Errors
    /// When there is no C compiler, or it refuses.
    pub fn build(self, folder: &Path) -> anyhow::Result<PathBuf> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab").join(self.source());
        let mut hasher = DefaultHasher::new();
        fs::read(&source).with_context(|| format!("{}", source.display()))?.hash(&mut hasher);
        let library = folder.join(format!("lab-{:016x}.so", hasher.finish()));
        if library.exists() {
            return Ok(library);
        }
        let number = BUILDS.fetch_add(1, Ordering::Relaxed);
        let unfinished = library.with_extension(format!("{}-{number}.so", std::process::id()));
        let compiler = Command::new("cc")
            .args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([&unfinished, &source])
            .args(self.options())
            .output()
            .context("cc cannot be started; install gcc and libasound2-dev")?;
        if !compiler.status.success() {
            bail!("{}: {}", source.display(), String::from_utf8_lossy(&compiler.stderr));
        }
        // In one step: another thread or process may be looking for it.
        fs::rename(&unfinished, &library).with_context(|| format!("{}", library.display()))?;
        Ok(library)
    }
}
