//! What is watched beside the house: what the household keeps, the live inputs, the library.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use unisono_household::config::Config;

use super::TURN;
use crate::{
    api::{library, scenes, stations, types::SourceView},
    engine::EngineHandle,
    feed::{Section, sections},
};

/// The library is looked at so often: while it is scanned something about it is another after every file.
const LIBRARY_INTERVAL: Duration = Duration::from_millis(500);

/// All of that.
pub(super) struct Beside {
    engine: EngineHandle,
    library: Mutex<Option<Library>>,
    /// The state of each live input as it was last.
    inputs: Mutex<Vec<String>>,
}

/// The library as it was last.
struct Library {
    at: Instant,
    view: Value,
}

impl Beside {
    pub(super) const fn new(engine: EngineHandle) -> Self {
        Self { engine, library: Mutex::new(None), inputs: Mutex::new(Vec::new()) }
    }

    /// Everything as it is; `None` when the hub is stopping.
    pub(super) async fn views(&self, config: &Config) -> Option<Vec<(Section, Value)>> {
        let sources = self.engine.sources().views();
        *self.inputs.lock().unwrap_or_else(PoisonError::into_inner) = states(&sources);
        Some(vec![
            (sections::SOURCES, json!(sources)),
            (sections::STATIONS, json!(stations::views(&config.stations))),
            (sections::SCENES, json!(scenes::views(&config.scenes))),
            (sections::LIBRARY, self.library().await?),
        ])
    }

    /// Waits until a live input begins, ends or fails, or the library may be another. Both are the business of threads
    /// that have other things to do than to say so.
    pub(super) async fn stirred(&self) {
        loop {
            sleep(TURN).await;
            let states = states(&self.engine.sources().views());
            if self.is_library_due() || states != *self.inputs.lock().unwrap_or_else(PoisonError::into_inner) {
                return;
            }
        }
    }

    async fn library(&self) -> Option<Value> {
        if self.is_library_due() {
            let view = json!(library::view(&self.engine).await.ok()?);
            self.set_library(Library { at: Instant::now(), view });
        }
        let known = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|known| known.view.clone())
    }

    fn set_library(&self, library: Library) {
        *self.library.lock().unwrap_or_else(PoisonError::into_inner) = Some(library);
    }

    fn is_library_due(&self) -> bool {
        let known = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().is_none_or(|known| known.at.elapsed() >= LIBRARY_INTERVAL)
    }
}

fn states(sources: &[SourceView]) -> Vec<String> {
    sources.iter().map(|source| source.state.clone()).collect()
}
