//! Which adapters can be used, and making them ready.

use tokio::time::Instant;
use tracing::{info, warn};

use super::run::{Done, Service};
use crate::{Address, Failure};

/// What the task has done about an adapter.
#[derive(Debug, Default)]
pub(super) struct AdapterState {
    readiness: Readiness,
    /// Endpoints that are registered with it.
    pub(super) endpoints: usize,
    /// Who holds it, where that is another program.
    pub(super) holder: Option<String>,
}

#[derive(Debug, Default)]
enum Readiness {
    #[default]
    Untouched,
    /// It is being closed to strangers, and endpoints are registered.
    Preparing,
    Ready,
    /// That went wrong, and is tried again then.
    Failed(Failure, Instant),
}

impl Service {
    /// Brings what has been done about the adapters in line with what `BlueZ` shows.
    pub(super) fn tend_adapters(&mut self) {
        self.adapters.retain(|path, _| self.objects.adapters.contains_key(path));
        let Some(programs) = &self.programs else { return };
        let only = self.objects.adapters.len() == 1;
        for (path, adapter) in &self.objects.adapters {
            let state = self.adapters.entry(path.clone()).or_default();
            // A program that comes later does not stop what plays.
            let carries = self
                .speakers
                .values()
                .any(|speaker| speaker.playing().is_some() && Some(speaker.kept.adapter) == adapter.address);
            if !carries {
                let holder = programs.holder(adapter, only, state.endpoints > 0);
                if holder != state.holder {
                    match &holder {
                        Some(holder) => warn!("{path}: {holder} uses it for sound; it is left alone"),
                        None => info!("{path}: no other program uses it for sound any more"),
                    }
                }
                state.holder = holder;
            }
        }
        for path in self.objects.adapters.keys().cloned().collect::<Vec<_>>() {
            self.prepare(&path);
        }
    }

    /// Whether an adapter can be used. `None`: it is being made ready.
    pub(super) fn usable(&self, path: &str) -> Option<Result<(), Failure>> {
        let Some(adapter) = self.objects.adapters.get(path) else { return Some(Err(Failure::NoAdapter)) };
        let state = self.adapters.get(path)?;
        match state.readiness {
            _ if !adapter.powered => Some(Err(Failure::AdapterOff)),
            _ if state.holder.is_some() => Some(Err(Failure::OtherProgram)),
            Readiness::Ready => Some(Ok(())),
            Readiness::Failed(failure, _) => Some(Err(failure)),
            Readiness::Untouched | Readiness::Preparing => None,
        }
    }

    /// As [`Self::usable`], for the adapter of an address.
    pub(super) fn usable_at(&self, address: Address) -> Option<Result<(), Failure>> {
        match (self.trouble, self.objects.adapter_of(address)) {
            (Some(failure), _) => Some(Err(failure)),
            (None, None) => Some(Err(Failure::NoAdapter)),
            (None, Some((path, _))) => self.usable(path),
        }
    }

    /// The first adapter that can be used, or why there is none; `prefer` goes before the others.
    pub(super) fn choose_adapter(&self, prefer: Option<&str>) -> Result<String, Failure> {
        if let Some(failure) = self.trouble {
            return Err(failure);
        }
        let mut paths: Vec<_> = self.objects.adapters.keys().map(String::as_str).collect();
        paths.sort_by_key(|path| (Some(*path) != prefer, *path));
        let mut why = Failure::NoAdapter;
        for path in paths {
            match self.usable(path) {
                Some(Ok(())) => return Ok(path.to_owned()),
                Some(Err(failure)) if why == Failure::NoAdapter => why = failure,
                None if why == Failure::NoAdapter => why = Failure::BluezRestarted,
                _ => {}
            }
        }
        Err(why)
    }

    /// When an adapter that could not be made ready is tried again.
    pub(super) fn next_preparation(&self) -> Option<Instant> {
        // Those that are off, or another's, are tried again once that has changed.
        let can_be_used =
            |path: &str| self.objects.adapters.get(path).is_some_and(|shown| shown.powered && shown.media);
        let failed = self.adapters.iter().filter_map(|(path, state)| match state.readiness {
            Readiness::Failed(_, again) if state.holder.is_none() && can_be_used(path) => Some(again),
            _ => None,
        });
        failed.min()
    }

    /// An adapter is ready, or not.
    pub(super) fn prepared(&mut self, path: &str, endpoints: usize, result: Result<(), Failure>) {
        let Some(state) = self.adapters.get_mut(path) else { return };
        state.endpoints = endpoints;
        state.readiness = match result {
            Ok(()) => Readiness::Ready,
            Err(failure) => {
                warn!("{path} cannot be made ready: {failure}");
                // Whether it was the agent that failed does not matter: to register it once more does no harm.
                self.guarded = false;
                Readiness::Failed(failure, Instant::now() + self.clock.span(AGAIN))
            }
        };
    }

    /// Registers the agent, closes an adapter to strangers and registers endpoints with it, if that is to be done.
    fn prepare(&mut self, path: &str) {
        let Some(bluez) = &self.bluez else { return };
        let (Some(adapter), Some(state)) = (self.objects.adapters.get(path), self.adapters.get_mut(path)) else {
            return;
        };
        let speakers = self.speakers.values().filter(|speaker| Some(speaker.kept.adapter) == adapter.address).count();
        // One more, for a speaker that is being paired.
        let wanted = (speakers + 1).clamp(2, MOST_ENDPOINTS);
        let due = match state.readiness {
            Readiness::Untouched => true,
            Readiness::Preparing => false,
            Readiness::Ready => state.endpoints < wanted,
            Readiness::Failed(_, again) => Instant::now() >= again,
        };
        if !due || !adapter.powered || !adapter.media || state.holder.is_some() {
            return;
        }
        // While more endpoints are registered it can be used as before.
        if !matches!(state.readiness, Readiness::Ready) {
            state.readiness = Readiness::Preparing;
        }
        // Before it can be used, and not at all where none can: it answers in place of everybody else's agent.
        let guard = (!self.guarded).then(|| bluez.guard(&self.door));
        self.guarded = true;
        let from = std::mem::replace(&mut state.endpoints, wanted);
        let close = bluez.close_adapter(path);
        let register: Vec<_> = (from..wanted).map(|number| bluez.register_endpoint(path, number)).collect();
        let (adapter, epoch) = (path.to_owned(), self.epoch);
        self.jobs.push(Box::pin(async move {
            let mut endpoints = from;
            let prepared = async {
                if let Some(guard) = guard {
                    guard.await?;
                }
                if from == 0 {
                    close.await?;
                }
                for register in register {
                    register.await?;
                    endpoints += 1;
                }
                Ok(())
            };
            let result = prepared.await;
            Done::Prepared { epoch, adapter, endpoints, result }
        }));
    }
}

/// A piconet has seven active members.
const MOST_ENDPOINTS: usize = 7;
const AGAIN: unisono_core::time::Nanos = unisono_core::time::Nanos::from_secs(5);
