//! What plays: opening sources, handing them to encoders, going on after a restart.

use std::{path::PathBuf, sync::Arc};

use tracing::{info, warn};
use unisono_core::{
    time::Nanos,
    units::{FramePosition, SampleRate},
};
use unisono_media::{Damage, FileSource, Source};

use super::{
    Engine, EngineHandle,
    encoder::{Cue, Encoder},
    keeper::Kept,
    unix_now,
};
use crate::{
    house::{At, Cause, EntryId, GroupId, House, Media, MediaKind, Playback, Refused, SavedGroup, Wish},
    location,
};

/// A hub that was away for no longer than this goes on by itself; after a longer time nobody expects it to, and nothing
/// starts unasked.
const RESUME_WITHIN: u64 = 60;

/// So many entries in a row that cannot be played are the end: their disk is gone, and the rest need not be tried.
const MAX_TRIES: usize = 100;

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
    /// What is in the queue is nowhere else any more.
    #[error("{0} is not there any more; take it out of the queue")]
    Gone(String),
    /// Nothing comes from a live input: its name, then why.
    #[error("source \"{0}\" does not work: {1}")]
    Source(String, String),
    /// A station does not play.
    #[error("{0}")]
    Station(String),
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
    /// Opens a file and plays it in a group from so many seconds on, in the place of all that was in its queue; gives
    /// its title.
    ///
    /// # Errors
    /// When the file cannot be played, or the group is not there or has no rooms.
    pub async fn play_file(&self, group: GroupId, path: PathBuf, seconds: f64) -> Result<String, PlayError> {
        let wish = self.wish(group).await?;
        let opened = open(self, Media { location: location::of(&path), ..Media::default() }).await?;
        let title = opened.media.title.clone();
        self.call(move |engine, now| {
            let frame = frames_of(seconds, engine.house.settings().rate);
            engine.play(group, wish, opened.source, |house| house.play(now, group, opened.media, frame))
        })
        .await
        .ok_or(PlayError::Stopping)??;
        Ok(title)
    }

    /// Goes on with what a group has paused, or begins with its queue when nothing plays.
    ///
    /// # Errors
    /// When there is nothing to play, or it cannot be played any more.
    pub async fn resume(&self, group: GroupId) -> Result<(), PlayError> {
        let found = self.call(move |engine, now| {
            let playback = engine.house.groups().get(&group).map(|known| known.playback);
            match playback.ok_or_else(|| Refused::UnknownGroup(group.to_string()))? {
                Playback::Playing => Ok(None),
                Playback::Stopped => engine.house.first_entry(group).map(|entry| Some((entry, 0))),
                Playback::Paused(_) if engine.encoders.contains_key(&group) => {
                    engine.house.resume(now, group).map(|()| None)
                }
                Playback::Paused(frame) => engine.house.first_entry(group).map(|entry| Some((entry, frame))),
            }
        });
        match found.await.ok_or(PlayError::Stopping)?? {
            Some((entry, frame)) => self.play_entry(group, entry, frame).await,
            None => Ok(()),
        }
    }

    /// Plays an entry of a group's queue from a frame of it on.
    ///
    /// # Errors
    /// When it is not there, or cannot be played.
    pub async fn play_entry(&self, group: GroupId, entry: EntryId, frame: u64) -> Result<(), PlayError> {
        let wish = self.wish(group).await?;
        self.play_wished(group, wish, entry, frame).await
    }

    async fn play_wished(&self, group: GroupId, wish: Wish, entry: EntryId, frame: u64) -> Result<(), PlayError> {
        let found = self.call(move |engine, _| {
            let house: &House = &engine.house;
            house.check_entry(group, entry)?;
            let queue = house.groups().get(&group).map(|group| &group.queue);
            Ok::<_, Refused>(queue.and_then(|queue| queue.entry(entry)).map(|entry| entry.media.clone()))
        });
        let Some(media) = found.await.ok_or(PlayError::Stopping)?? else { return Ok(()) };
        let opened = open(self, media).await?;
        let played = self.call(move |engine, now| {
            engine.play(group, wish, opened.source, |house| {
                house.describe_entry(group, entry, opened.media);
                // What was known of its length may have been wrong.
                house.play_entry(now, group, entry, frame).or_else(|_| house.play_entry(now, group, entry, 0))
            })
        });
        Ok(played.await.ok_or(PlayError::Stopping)??)
    }

    /// Plays an entry, or when it cannot be played the first behind it that can.
    ///
    /// # Errors
    /// When none of them can; what plays goes on then.
    pub async fn start(&self, group: GroupId, entry: EntryId) -> Result<(), PlayError> {
        let mut broken = Vec::new();
        let started = self.start_any(group, entry, &mut broken).await;
        if started.is_ok() {
            self.say_broken(group, broken).await;
        }
        started
    }

    /// As [`Self::start`], for an entry whose turn it is: when none can be played, nothing plays.
    pub(super) async fn start_or_stop(&self, group: GroupId, entry: EntryId) {
        let mut broken = Vec::new();
        match self.start_any(group, entry, &mut broken).await {
            Ok(()) => {}
            Err(PlayError::Refused(Refused::Overtaken(_))) => return,
            Err(error) => {
                warn!("group {group} stops: {error}");
                let _ = self.call(move |engine, now| engine.house.stop(now, group)).await;
            }
        }
        self.say_broken(group, broken).await;
    }

    /// Goes on with an entry whose source is gone. When it cannot be played any more, what follows has its turn if it was to
    /// begin, and else nothing plays: a group does not stand there as if it played.
    async fn open_anew(&self, group: GroupId, run: u32, entry: EntryId, frame: u64) {
        let error = match self.play_entry(group, entry, frame).await {
            Ok(()) | Err(PlayError::Refused(Refused::Overtaken(_))) => return,
            Err(error) => error,
        };
        // Somebody may have wanted something else while it was opened.
        let is_wanted = self.call(move |engine, _| engine.house.run_of(group) == Some(run)).await;
        if is_wanted != Some(true) {
            return;
        }
        if frame == 0 && error.is_of_the_source() {
            return self.start_or_stop(group, entry).await;
        }
        warn!("group {group} stops: {error}");
        let _ = self.call(move |engine, now| engine.house.stop(now, group)).await;
        self.say_broken(group, vec![(entry, error.to_string())]).await;
    }

    /// Plays an entry or the first behind it that can be played. Gives those that cannot, and why.
    async fn start_any(
        &self,
        group: GroupId,
        entry: EntryId,
        broken: &mut Vec<(EntryId, String)>,
    ) -> Result<(), PlayError> {
        let wish = self.wish(group).await?;
        let mut entry = entry;
        loop {
            let error = match self.play_wished(group, wish, entry, 0).await {
                Err(error) if !error.is_of_the_source() => return Err(error),
                Err(error) => error,
                Ok(()) => return Ok(()),
            };
            broken.push((entry, error.to_string()));
            if broken.len() >= MAX_TRIES {
                return Err(error);
            }
            let known: Vec<EntryId> = broken.iter().map(|(entry, _)| *entry).collect();
            let next = self.call(move |engine, _| engine.house.entry_behind(group, entry, &known));
            entry = next.await.ok_or(PlayError::Stopping)?.ok_or(error)?;
        }
    }

    async fn wish(&self, group: GroupId) -> Result<Wish, PlayError> {
        Ok(self.call(move |engine, _| engine.house.wish(group)).await.ok_or(PlayError::Stopping)??)
    }

    async fn say_broken(&self, group: GroupId, broken: Vec<(EntryId, String)>) {
        if broken.is_empty() {
            return;
        }
        let say = move |engine: &mut Engine, _| {
            broken.iter().for_each(|(entry, reason)| engine.house.passed_over(group, *entry, reason));
        };
        // The engine may have ended.
        let _ = self.call(say).await;
    }

    /// Puts something into a group's queue, or with `None` in the place of all that there is, and plays it from one of
    /// it on; or from the first behind that which can be played. It is opened before anything is changed, so that what
    /// plays goes on until then.
    ///
    /// # Errors
    /// When none of it can be played, or it does not fit; the queue is as it was then.
    pub async fn play_new(
        &self,
        group: GroupId,
        mut media: Vec<Media>,
        at: Option<At>,
        first: usize,
    ) -> Result<(), PlayError> {
        let wish = self.wish(group).await?;
        let mut broken = Vec::new();
        let mut why = None;
        for index in (first..media.len()).take(MAX_TRIES) {
            let Opened { source, media: known } = match open_new(self, media[index].clone()).await {
                Err(error) if !error.is_of_the_source() => return Err(error),
                Err(error) => {
                    broken.push((index, error.to_string()));
                    why.get_or_insert(error);
                    continue;
                }
                Ok(opened) => opened,
            };
            media[index] = known;
            let played = self.call(move |engine, now| {
                engine.house.check_audience(group)?;
                engine.play(group, wish, source, |house| {
                    let added = match at {
                        Some(at) => house.enqueue(now, group, media, at)?,
                        None => house.replace_queue(now, group, media, true)?,
                    };
                    house.play_entry(now, group, added[index], 0)?;
                    broken.iter().for_each(|(index, reason)| house.passed_over(group, added[*index], reason));
                    Ok(())
                })
            });
            return Ok(played.await.ok_or(PlayError::Stopping)??);
        }
        Err(why.unwrap_or(PlayError::Stopping))
    }
}

impl PlayError {
    /// Whether it is the fault of what was to be played, so that something else may do.
    const fn is_of_the_source(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Stopping)
    }
}

impl Engine {
    /// Has the house play something that was wished for and is open now.
    fn play(
        &mut self,
        group: GroupId,
        wish: Wish,
        source: Box<dyn Source>,
        play: impl FnOnce(&mut House) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        self.house.grant(group, wish)?;
        // The cue that this brings about finds its source here.
        let damage = source.damage();
        self.sources.insert(group, source);
        let played = play(&mut self.house);
        if played.is_err() {
            self.sources.remove(&group);
        } else if let (Some(damage), Some(run)) = (damage, self.house.run_of(group)) {
            let entry = self.house.groups().get(&group).and_then(|group| group.queue.current()).map(|entry| entry.id);
            self.source_damaged(group, run, entry.unwrap_or_default(), damage);
        }
        played
    }

    /// Makes a group's source ready.
    pub(super) fn cue(&mut self, group: GroupId, run: u32, position: FramePosition, entry: EntryId, source_frame: u64) {
        let cue = Cue { entry, source_frame, source: self.sources.remove(&group) };
        if let Some(encoder) = self.encoders.get(&group) {
            encoder.cue(run, position, cue);
            return;
        }
        if cue.source.is_none() {
            warn!("group {group} has nothing to play from");
            return;
        }
        let settings = self.house.settings();
        match Encoder::start(group, settings.rate, settings.channels, self.handle.clone()) {
            Ok(encoder) => {
                encoder.cue(run, position, cue);
                self.encoders.insert(group, encoder);
            }
            Err(error) => warn!("no thread to encode for group {group}: {error}"),
        }
    }

    /// Opens what is to follow what a run reads.
    pub(super) fn open_follower(&self, group: GroupId, run: u32, entry: EntryId, media: Media) {
        let handle = self.handle.clone();
        tokio::spawn(async move {
            let opened = open(&handle, media).await;
            // The engine may have ended.
            let _ = handle
                .call(move |engine, now| match opened {
                    Ok(Opened { source, media }) => {
                        engine.sources.insert(group, source);
                        if !engine.house.handle_opened(now, group, run, entry, media) {
                            engine.sources.remove(&group);
                        }
                    }
                    Err(error) => engine.house.handle_unopened(now, group, entry, &error.to_string()),
                })
                .await;
        });
    }

    /// Hands what was opened to whoever reads, behind what that reads now.
    pub(super) fn follow(&mut self, group: GroupId, run: u32, entry: EntryId, instead_from: Option<FramePosition>) {
        let (Some(encoder), Some(source)) = (self.encoders.get(&group), self.sources.remove(&group)) else { return };
        if let Some(from) = instead_from {
            encoder.take_back(run, from);
        }
        encoder.follow(run, Some((entry, source)));
    }

    /// Has whoever reads come to an end.
    pub(super) fn finish(&self, group: GroupId, run: u32, end_at: Option<FramePosition>) {
        let Some(encoder) = self.encoders.get(&group) else { return };
        if let Some(from) = end_at {
            encoder.take_back(run, from);
        }
        encoder.finish(run);
    }

    /// Opens an entry and plays it.
    pub(super) fn start_entry(&self, group: GroupId, entry: EntryId) {
        let handle = self.handle.clone();
        tokio::spawn(async move { handle.start_or_stop(group, entry).await });
    }

    /// An encoder does not have the source any more that it is to read.
    pub(super) fn source_missing(&mut self, group: GroupId, run: u32, entry: EntryId, frame: u64) {
        if self.house.run_of(group) == Some(run) {
            let handle = self.handle.clone();
            tokio::spawn(async move { handle.open_anew(group, run, entry, frame).await });
        }
    }

    /// An encoder's source is damaged; what can be decoded of it plays.
    pub(super) fn source_damaged(&mut self, group: GroupId, run: u32, entry: EntryId, damage: Damage) {
        let Some(known) = self.house.groups().get(&group) else { return };
        let Some(entry) = known.queue.entry(entry) else { return };
        let (id, location) = (entry.id, &entry.media.location);
        let what = if damage.is_end { "breaks off" } else { "is damaged" };
        let at = damage.seconds;
        let warning = format!("{location:?} {what} at {at:.1} s; what can be decoded is played. Try another copy");
        // What was seen when the file was opened is seen again by who reads it.
        if self.house.warn(group, run, id, Cause::Damage, warning.clone()) {
            warn!("{warning}");
        }
    }
}

/// Takes up what was kept; gives what is to be played on.
pub(super) fn restore(house: &mut House, kept: Kept) -> Vec<GroupId> {
    let away = unix_now().saturating_sub(kept.at_unix);
    let playing = kept.snapshot.groups.iter().filter(|group| group.plays()).map(SavedGroup::id);
    let resume = if away <= RESUME_WITHIN { playing.collect() } else { Vec::new() };
    house.restore(kept.snapshot);
    resume
}

/// Goes on with what played before a restart.
pub(super) async fn resume(handle: EngineHandle, group: GroupId) {
    match handle.resume(group).await {
        Ok(()) => info!("group {group} goes on"),
        Err(error) => warn!("group {group} does not go on: {error}"),
    }
}

/// As [`open`], for somebody who wants to hear it now: an input from which nothing comes will not do, though there may
/// be something later.
async fn open_new(handle: &EngineHandle, media: Media) -> Result<Opened, PlayError> {
    if media.kind == MediaKind::Source {
        let name = media.location.clone();
        let problem = handle.call(move |engine, _| engine.catalogue.source_problem(&name));
        if let Some(problem) = problem.await.ok_or(PlayError::Stopping)? {
            return Err(PlayError::Source(media.location, problem));
        }
    }
    open(handle, media).await
}

/// Opens something; it may wait for a disk or a network, so it is done on a thread for that.
async fn open(handle: &EngineHandle, media: Media) -> Result<Opened, PlayError> {
    let found = handle.call(|engine, _| (engine.house.settings().clone(), Arc::clone(&engine.catalogue)));
    let (streams, catalogue) = found.await.ok_or(PlayError::Stopping)?;
    let open = move || {
        let Media { location, kind, .. } = &media;
        let (rate, channels) = (streams.rate, streams.channels);
        let source: Box<dyn Source> = match kind {
            MediaKind::File => {
                let path = location::path(location).ok_or_else(|| PlayError::Gone(location.clone()))?;
                Box::new(FileSource::open(path, rate, channels)?)
            }
            MediaKind::Track => catalogue.open_track(location, rate, channels)?,
            MediaKind::Station => catalogue.open_station(location, rate, channels)?,
            MediaKind::Source => catalogue.open_source(location, rate, channels)?,
        };
        let description = source.description();
        // The library, and whoever has named a station, know better.
        let title = if media.title.is_empty() { description.title.clone() } else { media.title.clone() };
        let media = Media { title, frames: description.frames, ..media };
        Ok(Opened { source, media })
    };
    tokio::task::spawn_blocking(open).await.map_err(|_| PlayError::Stopping)?
}

/// So many seconds in frames.
pub(crate) fn frames_of(seconds: f64, rate: SampleRate) -> u64 {
    rate.frames_in(Nanos::from_secs_f64(seconds)).0
}
