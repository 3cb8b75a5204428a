//! What plays: opening sources, handing them to encoders, going on after a restart.

use std::path::PathBuf;

use tracing::{info, warn};
use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    units::{FramePosition, SampleRate},
};
use unisono_media::{Damage, FileSource, Source};

use super::{Engine, EngineHandle, encoder::Encoder, keeper::Kept, unix_now};
use crate::{
    house::{GroupId, House, Media, Refused},
    location,
};

/// A hub that was away for no longer than this goes on by itself; after a longer time nobody expects it to, and nothing
/// starts unasked.
const RESUME_WITHIN: u64 = 60;

/// Why something is not played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayError {
    /// The file.
    #[error(transparent)]
    Media(#[from] unisono_media::Error),
    /// The group.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The hub is stopping.
    #[error("the hub is stopping")]
    Stopping,
}

/// A source that was opened, and what it is.
struct Opened {
    source: Box<dyn Source>,
    media: Media,
}

impl EngineHandle {
    /// Opens a file and plays it in a group from so many seconds on; gives its title.
    ///
    /// # Errors
    /// When the file cannot be played, or the group is not there or has no rooms.
    pub async fn play_file(&self, group: GroupId, path: PathBuf, seconds: f64) -> Result<String, PlayError> {
        let opened = open(self, path).await?;
        let title = opened.media.title.clone();
        self.call(move |engine, now| {
            let frame = frames_of(seconds, engine.house.settings().rate);
            engine.play(now, group, opened, frame)
        })
        .await
        .ok_or(PlayError::Stopping)??;
        Ok(title)
    }

    /// Goes on with what a group has paused. Its file is opened again if the hub has been restarted since.
    ///
    /// # Errors
    /// When nothing is paused, or the file cannot be played any more.
    pub async fn resume(&self, group: GroupId) -> Result<(), PlayError> {
        let reopen = self.call(move |engine, now| {
            if engine.encoders.contains_key(&group) {
                return engine.house.resume(now, group).map(|()| None);
            }
            match (engine.house.position(now, group), engine.house.groups().get(&group)) {
                (Some(frame), Some(known)) => Ok(known.media.clone().map(|media| (media.location, frame))),
                (None, Some(known)) => Err(Refused::NothingPlays(known.name.clone())),
                (_, None) => Err(Refused::UnknownGroup(group.to_string())),
            }
        });
        let Some((location, frame)) = reopen.await.ok_or(PlayError::Stopping)?? else { return Ok(()) };
        let opened = open(self, location::path(&location).unwrap_or_default()).await?;
        let played = self.call(move |engine, now| engine.play(now, group, opened, frame));
        Ok(played.await.ok_or(PlayError::Stopping)??)
    }
}

impl Engine {
    /// Plays what was opened.
    fn play(&mut self, now: Timestamp<HubClock>, group: GroupId, opened: Opened, frame: u64) -> Result<(), Refused> {
        // The cue that this brings about finds its source here.
        let damage = opened.source.damage();
        self.sources.insert(group, opened.source);
        let played = self.house.play(now, group, opened.media, frame);
        if played.is_err() {
            self.sources.remove(&group);
        } else if let (Some(damage), Some(run)) = (damage, self.house.run_of(group)) {
            self.source_damaged(group, run, damage);
        }
        played
    }

    /// Makes a group's source ready.
    pub(super) fn cue(&mut self, group: GroupId, run: u32, position: FramePosition, source_frame: u64) {
        let source = self.sources.remove(&group);
        if let Some(encoder) = self.encoders.get(&group) {
            encoder.cue(run, position, source_frame, source);
            return;
        }
        let Some(source) = source else {
            warn!("group {group} has nothing to play from");
            return;
        };
        let settings = self.house.settings();
        match Encoder::start(group, settings.rate, settings.channels, self.handle.clone()) {
            Ok(encoder) => {
                encoder.cue(run, position, source_frame, Some(source));
                self.encoders.insert(group, encoder);
            }
            Err(error) => warn!("no thread to encode for group {group}: {error}"),
        }
    }

    /// An encoder's source is damaged; what can be decoded of it plays.
    pub(super) fn source_damaged(&mut self, group: GroupId, run: u32, damage: Damage) {
        let Some(known) = self.house.groups().get(&group) else { return };
        let Some(location) = known.media.as_ref().map(|media| &media.location) else { return };
        let what = if damage.is_end { "breaks off" } else { "is damaged" };
        let at = damage.seconds;
        let warning = format!("{location:?} {what} at {at:.1} s; what can be decoded is played. Try another copy");
        // What was seen when the file was opened is seen again by who reads it.
        if known.warning.as_ref() != Some(&warning) {
            warn!("{warning}");
            self.house.warn(group, run, warning);
        }
    }

    /// An encoder's source has come to its end.
    pub(super) fn source_ended(&mut self, group: GroupId, run: u32, position: FramePosition) {
        self.house.handle_end(group, run, position);
    }
}

/// Takes up what was kept; gives what is to be played on.
pub(super) fn restore(house: &mut House, kept: Kept) -> Vec<(GroupId, PathBuf)> {
    let away = unix_now().saturating_sub(kept.at_unix);
    let playing = kept.snapshot.groups.iter().filter_map(|group| Some((group.id(), location::path(group.playing()?)?)));
    let resume = if away <= RESUME_WITHIN { playing.collect() } else { Vec::new() };
    house.restore(kept.snapshot);
    resume
}

/// Goes on with what played before a restart.
pub(super) async fn resume(handle: EngineHandle, group: GroupId, path: PathBuf) {
    match handle.resume(group).await {
        Ok(()) => info!("going on with {} in group {group}", path.display()),
        Err(error) => warn!("group {group} does not go on: {error}"),
    }
}

/// Opens a file; it may wait for a disk, so it is done on a thread for that.
async fn open(handle: &EngineHandle, path: PathBuf) -> Result<Opened, PlayError> {
    let streams = handle.call(|engine, _| engine.house.settings().clone()).await.ok_or(PlayError::Stopping)?;
    let location = location::of(&path);
    let open = move || FileSource::open(&path, streams.rate, streams.channels);
    let source = tokio::task::spawn_blocking(open).await.map_err(|_| PlayError::Stopping)??;
    let description = source.description();
    let media = Media { title: description.title.clone(), location, frames: description.frames };
    Ok(Opened { source: Box::new(source), media })
}

/// So many seconds in frames.
pub(crate) fn frames_of(seconds: f64, rate: SampleRate) -> u64 {
    rate.frames_in(Nanos::from_secs_f64(seconds)).0
}
