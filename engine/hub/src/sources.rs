//! What can be played beside files: the live inputs of the settings, and stations on the Internet.

use std::path::Path;

use tracing::warn;
use unisono_core::units::SampleRate;
use unisono_media::{
    RawFormat, Source,
    http::{Allowed, HttpSettings, HttpSource},
    live::{Input, Place, State},
};

use crate::{api::types::SourceView, house::StreamSettings};

/// A live input as the settings have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSettings {
    /// What it is called.
    pub name: String,
    /// Where it is. A FIFO without a folder stands in the runtime folder.
    pub place: Place,
    /// How its samples are laid out.
    pub format: RawFormat,
}

/// All of it as the settings have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceSettings {
    /// The live inputs.
    pub inputs: Vec<InputSettings>,
    /// Hosts of stations that may be asked though they are in the house.
    pub radio_hosts: Vec<String>,
}

/// There is no such live input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no source \"{0}\"; `[[source]]` in hub.toml makes one")]
pub struct UnknownSource(pub String);

/// The live inputs, each read by a thread of its own, and the way to stations.
pub struct Sources {
    inputs: Vec<(InputSettings, Option<Input>)>,
    http: HttpSettings,
    rate: SampleRate,
    channels: u8,
}

impl SourceSettings {
    /// With FIFOs in a folder, as far as they are in none.
    #[must_use]
    pub fn in_folder(mut self, runtime: &Path) -> Self {
        for input in &mut self.inputs {
            if let Place::Fifo(path) = &mut input.place {
                *path = runtime.join(&*path);
            }
        }
        self
    }
}

impl Sources {
    /// Opens the live inputs. One that fails is said to, and tried again.
    pub fn open(settings: &SourceSettings, streams: &StreamSettings) -> Self {
        let open = |input: &InputSettings| {
            let InputSettings { name, place, format } = input;
            let opened = Input::open(name, place, *format, streams.rate, streams.channels);
            (input.clone(), opened.inspect_err(|error| warn!("{error}")).ok())
        };
        Self {
            inputs: settings.inputs.iter().map(open).collect(),
            http: HttpSettings::new(Allowed::new(&settings.radio_hosts)),
            rate: streams.rate,
            channels: streams.channels,
        }
    }

    /// Whether there is a live input of this name.
    pub fn has(&self, name: &str) -> bool {
        self.inputs.iter().any(|(settings, _)| settings.name == name)
    }

    /// Why nothing comes from a live input, in one line; `None` when it works, or waits for somebody who writes.
    pub fn problem(&self, name: &str) -> Option<String> {
        let (_, input) = self.inputs.iter().find(|(settings, _)| settings.name == name)?;
        match input {
            Some(input) => input.status().problem,
            None => Some("it could not be opened when the hub was started; the hub's log says why".into()),
        }
    }

    /// A live input, to be heard from now on.
    ///
    /// # Errors
    /// When there is none of the name.
    pub fn live(&self, name: &str) -> Result<Box<dyn Source>, UnknownSource> {
        let found = self.inputs.iter().find(|(settings, _)| settings.name == name);
        let input = found.and_then(|(_, input)| input.as_ref()).ok_or_else(|| UnknownSource(name.into()))?;
        Ok(Box::new(input.listen()))
    }

    /// A station, or a file on another host. Waits for the network; not for the engine's thread.
    ///
    /// # Errors
    /// When the host may not be asked or does not answer, or what it gives cannot be decoded.
    pub fn station(&self, url: &str) -> Result<Box<dyn Source>, unisono_media::Error> {
        Ok(Box::new(HttpSource::open(url, &self.http, self.rate, self.channels)?))
    }

    /// The live inputs, for whoever asks.
    pub fn views(&self) -> Vec<SourceView> {
        self.inputs.iter().map(|(settings, input)| view(settings, input.as_ref())).collect()
    }
}

fn view(settings: &InputSettings, input: Option<&Input>) -> SourceView {
    let status = input.map(Input::status);
    let state = match status.as_ref().map(|status| status.state) {
        Some(State::Playing) => "playing",
        Some(State::Silent) => "silent",
        Some(State::Waiting) => "waiting",
        Some(State::Failed) | None => "failed",
    };
    SourceView {
        name: settings.name.clone(),
        kind: kind(&settings.place).into(),
        format: settings.format.to_string(),
        state: state.into(),
        problem: status.as_ref().and_then(|status| status.problem.clone()),
        drift_ppm: status.as_ref().and_then(|status| status.drift_ppm),
        underruns: status.map_or(0, |status| status.underruns),
    }
}

/// What a place is called in the settings and in the API.
pub(crate) const fn kind(place: &Place) -> &'static str {
    match place {
        Place::Fifo(_) => "fifo",
        Place::Tcp(_) => "tcp",
        Place::StandardInput => "stdin",
        Place::LineIn(_) => "line_in",
    }
}
