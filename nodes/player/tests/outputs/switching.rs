//! A room whose outputs come and go, on modelled converters that record what they emitted and when.
//!
//! The sound is a straight line, so that every sample says which frame of the stream it is. What is compared with the
//! truth is what was emitted; how fast this machine is does not matter.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use crate::lab::{Lab, Recording, in_own_process, raw_ahead_of_monotonic, raw_now};
use unisono_core::{
    playout::DacReading,
    time::{HubClock, Mapping, Nanos, Timestamp},
    timeline::{Anchor, Play, Timeline},
    units::{Drift, FramePosition, Gain, SampleRate},
    wire::{
        control::{Codec, Format, OutputChoice},
        ids::StreamId,
    },
};
use unisono_player::{
    output::{Device, Fault, Gone, Opener, Output, OutputSpec, Quality, Room as Space, open},
    room::{Room, RoomCommand, RoomSetup},
};

const RATE: SampleRate = SampleRate::HZ_48000;
const PACKET: u64 = 480;
const STREAM: StreamId = StreamId(1);

/// Full scale in the 24 bits of a sample, which holds three minutes.
const SCALE: f64 = 8_388_608.0;

/// A wait that is longer than this is for ever.
const GENEROUS: Duration = Duration::from_secs(60);

/// What is heard when, and how far ahead packets have been handed out. The hub's clock is the node's.
struct Hub {
    begins: Timestamp<HubClock>,
    sent: u64,
}

impl Hub {
    fn start(rooms: &[&Room]) -> Self {
        let now = raw_now();
        let hub = Timestamp::<HubClock>::from_nanos(now.as_nanos());
        let begins = hub + Nanos::from_millis(500);
        let mut timeline = Timeline::new(RATE);
        let play = Some(Play { run: 1, position: FramePosition(0), drift_ppb: 0 });
        timeline.insert(Anchor { sequence: 1, at: begins, play });
        let clock = Mapping::new(now, hub, Drift::ZERO);
        let packet_frames = u32::try_from(PACKET).unwrap();
        let bit_rate = 2_304_000;
        let (rate, channels, lookahead, header) = (RATE.hertz(), 2, 0, Vec::new());
        let format = Format { codec: Codec::Pcm24, rate, channels, packet_frames, lookahead, bit_rate, header };
        for room in rooms {
            room.tell(RoomCommand::Clock(clock));
            let (format, continues, clock) = (format.clone(), None, Some(clock));
            room.tell(RoomCommand::Start { stream: STREAM, format, timeline, continues, clock });
            room.tell(RoomCommand::Gain(Gain::UNITY, Nanos::ZERO));
        }
        Self { begins, sent: 0 }
    }

    /// Hands out what is heard within the next second.
    fn feed(&mut self, rooms: &[&Room]) {
        let now = Timestamp::<HubClock>::from_nanos(raw_now().as_nanos());
        let until = RATE.frames_in((now - self.begins + Nanos::from_secs(1)).max(Nanos::ZERO)).0;
        while self.sent < until {
            let frames = (self.sent..self.sent + PACKET).flat_map(|frame| {
                let bytes = u32::try_from(frame).unwrap().to_be_bytes();
                [bytes[1], bytes[2], bytes[3], bytes[1], bytes[2], bytes[3]]
            });
            let payload = bytes::Bytes::from(frames.collect::<Vec<u8>>());
            for room in rooms {
                room.tell(RoomCommand::Packet(STREAM, FramePosition(self.sent), payload.clone()));
            }
            self.sent += PACKET;
        }
    }

    /// Feeds the rooms until something is so.
    fn feed_until(&mut self, rooms: &[&Room], what: &str, is_so: impl Fn() -> bool) -> Duration {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < GENEROUS, "waited in vain for {what}");
            self.feed(rooms);
            thread::sleep(Duration::from_millis(20));
        }
        begun.elapsed()
    }

    fn feed_for(&mut self, rooms: &[&Room], span: Duration) {
        let begun = Instant::now();
        self.feed_until(rooms, "the time to pass", || begun.elapsed() >= span);
    }

    /// Where in time a recording is, for every frame that sounds and is not faded: frames ahead of what was to be heard
    /// then. `ahead` is the node's clock ahead of `CLOCK_MONOTONIC`, at two instants of that.
    /// `behind` is what lies behind the converter at an instant of the node's clock, in seconds; where it says nothing
    /// nothing is compared.
    fn errors(
        &self,
        recording: &Recording,
        run: usize,
        ahead: [(i64, i64); 2],
        behind: &dyn Fn(f64) -> Option<f64>,
    ) -> Vec<f64> {
        let samples = recording.mono(run).unwrap();
        let [(from, at_from), (to, at_to)] = ahead;
        let slope = (at_to - at_from) as f64 / (to - from) as f64;
        let frame = recording.runs[run].frames_per_nano;
        let step = f64::from(RATE.hertz()) * 1e-9 / frame;
        let heard = samples.iter().zip(0_u32..).map(|(sample, n)| {
            let monotonic = recording.runs[run].start as f64 + f64::from(n) / frame;
            let raw = monotonic + at_from as f64 + (monotonic - from as f64) * slope;
            let heard = behind(raw * 1e-9).map(|behind| raw + behind * 1e9);
            let wanted = heard.map(|heard| (heard - self.begins.as_nanos() as f64) * 1e-9 * f64::from(RATE.hertz()));
            (f64::from(*sample) * SCALE, wanted.unwrap_or(f64::NAN))
        });
        let heard: Vec<(f64, f64)> = heard.collect();
        // What is faded does not rise by a frame a frame.
        let steady = heard.windows(101).filter(|window| {
            let rise = (window[100].0 - window[0].0) / 100.0;
            window[0].0 > 1_000.0 && (rise - step).abs() < 0.05 && !window[50].1.is_nan()
        });
        steady.map(|window| window[50].0 - window[50].1).collect()
    }
}

fn room(outputs: &[&str]) -> Room {
    room_with(outputs, Opener::default())
}

fn room_with(outputs: &[&str], opener: Opener) -> Room {
    let outputs = outputs.iter().map(|output| output.parse().unwrap()).collect();
    Room::start(&RoomSetup { outputs, opener, latency: Nanos::ZERO, rate: RATE }).unwrap()
}

fn uses(room: &Room, choice: OutputChoice) -> bool {
    room.status().output().choice == choice && room.status().is_playing()
}

/// `CLOCK_MONOTONIC`, and how far the node's clock is ahead of it.
fn ahead() -> (i64, i64) {
    let ahead = raw_ahead_of_monotonic();
    (raw_now().as_nanos() - ahead, ahead)
}

#[test]
fn an_output_that_is_lost_is_followed_by_the_next_at_the_right_sample_and_is_used_again_when_it_is_back() {
    let name = "an_output_that_is_lost_is_followed_by_the_next_at_the_right_sample_and_is_used_again_when_it_is_back";
    in_own_process(module_path!(), name, &[], |lab| {
        let recorded = lab.path("other");
        let other_output = format!("model:ppm=-60,rate=44100,record={}", recorded.display());
        let (here, other) = (room(&["alsa:room", "alsa:default"]), room(&[&other_output]));
        let rooms = [&here, &other];
        let before = ahead();
        let mut hub = Hub::start(&rooms);
        hub.feed_until(&rooms, "both rooms to play", || {
            uses(&here, OutputChoice::First) && other.status().is_playing()
        });
        hub.feed_for(&rooms, Duration::from_secs(2));
        lost_and_back(lab, &here, &rooms, &mut hub);
        hub.feed_for(&rooms, Duration::from_secs(2));
        let after = ahead();
        assert!(other.status().output().why.is_empty());
        drop((here, other));
        let (room, fallback) = (lab.recording("room"), lab.recording("default"));
        check(&hub, &room, [before, after], "the first");
        check(&hub, &fallback, [before, after], "the fallback");
        check(&hub, &Recording::read(&recorded).unwrap(), [before, after], "the other room");
    });
}

fn lost_and_back(lab: &Lab, here: &Room, rooms: &[&Room], hub: &mut Hub) {
    lab.unplug("room");
    let took = hub.feed_until(rooms, "the fallback to play", || uses(here, OutputChoice::Fallback));
    println!("the fallback plays after {took:?}");
    let state = here.status().output();
    assert_eq!((state.text.as_str(), state.works), ("alsa:default", true));
    assert_eq!(state.why, "alsa:room: it was unplugged or switched off");
    assert!(state.back.starts_with("plug it in"), "{}", state.back);
    hub.feed_for(rooms, Duration::from_secs(2));
    lab.plug_in("room");
    let took = hub.feed_until(rooms, "the first to play again", || uses(here, OutputChoice::First));
    println!("the first plays again after {took:?}");
    assert!(took >= Duration::from_secs(10), "after {took:?}");
    let state = here.status().output();
    assert_eq!((state.why.as_str(), state.back.as_str()), ("", ""));
}

fn check(hub: &Hub, recording: &Recording, ahead: [(i64, i64); 2], what: &str) {
    check_behind(hub, recording, ahead, what, &|_| Some(0.0));
}

fn check_behind(
    hub: &Hub,
    recording: &Recording,
    ahead: [(i64, i64); 2],
    what: &str,
    behind: &dyn Fn(f64) -> Option<f64>,
) {
    let runs = 0..recording.runs.len();
    let errors: Vec<f64> = runs.flat_map(|run| hub.errors(recording, run, ahead, behind)).collect();
    let worst = errors.iter().fold(0.0, |worst: f64, error| worst.max(error.abs()));
    println!("{what}: {} frames in {} runs, {worst:.1} frames off at most", errors.len(), recording.runs.len());
    assert!(errors.len() > 48_000, "{what}: only {} frames are heard", errors.len());
    // A converter's counter in steps of a millisecond is known to some hundredths of one; 2 ms is a jump.
    assert!(worst < 48.0, "{what}: {worst} frames off");
}

#[test]
fn a_converter_of_another_rate_plays_the_right_sample_at_the_right_time() {
    let name = "a_converter_of_another_rate_plays_the_right_sample_at_the_right_time";
    in_own_process(module_path!(), name, &[], |lab| {
        let recorded = lab.path("slow");
        let slow = room(&[&format!("model:ppm=80,rate=44100,record={}", recorded.display())]);
        let before = ahead();
        let mut hub = Hub::start(&[&slow]);
        hub.feed_until(&[&slow], "the room to play", || uses(&slow, OutputChoice::First));
        hub.feed_for(&[&slow], Duration::from_secs(3));
        let after = ahead();
        drop(slow);
        check(&hub, &Recording::read(&recorded).unwrap(), [before, after], "the room");
    });
}

/// A converter with a speaker behind it that says how much later it is heard.
struct Speaker {
    converter: Box<dyn Output + Send>,
    millis: Arc<AtomicI64>,
}

impl Output for Speaker {
    fn rate(&self) -> SampleRate {
        self.converter.rate()
    }

    fn room(&mut self) -> Result<Space, Fault> {
        self.converter.room()
    }

    fn write(&mut self, interleaved: &[f32]) -> Result<u32, Fault> {
        self.converter.write(interleaved)
    }

    fn position(&mut self) -> Result<Option<DacReading>, Fault> {
        self.converter.position()
    }

    fn quality(&self) -> Quality {
        self.converter.quality()
    }

    fn latency(&self) -> Nanos {
        Nanos::from_millis(self.millis.load(Relaxed))
    }
}

#[test]
fn a_speaker_whose_latency_changes_while_it_plays_is_in_time_before_and_after() {
    let name = "a_speaker_whose_latency_changes_while_it_plays_is_in_time_before_and_after";
    in_own_process(module_path!(), name, &[], |lab| {
        let recorded = lab.path("speaker");
        let millis = Arc::new(AtomicI64::new(196));
        let said = Arc::clone(&millis);
        let opener = Opener::new(move |spec, rate| {
            let converter = open(spec, rate)?;
            Ok(Box::new(Speaker { converter, millis: Arc::clone(&said) }))
        });
        let room = room_with(&[&format!("model:ppm=30,rate=44100,record={}", recorded.display())], opener);
        let rooms = [&room];
        let before = ahead();
        let mut hub = Hub::start(&rooms);
        hub.feed_until(&rooms, "the room to play", || uses(&room, OutputChoice::First));
        assert_eq!(room.status().latency(), Nanos::from_millis(196));
        hub.feed_for(&rooms, Duration::from_secs(2));
        // A little less is followed little by little, and much more at once.
        let mut changes = vec![(0.0, 0.196)];
        for (now, within) in [(182, 4.0), (582, 0.5)] {
            changes.push((raw_now().as_nanos() as f64 * 1e-9, f64::NAN));
            millis.store(now, Relaxed);
            hub.feed_for(&rooms, Duration::from_secs_f64(within));
            changes.push((raw_now().as_nanos() as f64 * 1e-9, now as f64 * 1e-3));
            hub.feed_for(&rooms, Duration::from_secs(2));
        }
        let after = ahead();
        drop(room);
        let behind = |at: f64| changes.iter().rev().find(|(from, _)| *from <= at).map(|(_, behind)| *behind);
        let behind = |at: f64| behind(at).filter(|behind| !behind.is_nan());
        check_behind(&hub, &Recording::read(&recorded).unwrap(), [before, after], "the room", &behind);
    });
}

/// A card that can be unplugged.
struct Card {
    converter: Box<dyn Output + Send>,
    is_there: Arc<AtomicBool>,
}

impl Card {
    fn plugged(&mut self) -> Result<&mut (dyn Output + Send), Fault> {
        if self.is_there.load(Relaxed) { Ok(self.converter.as_mut()) } else { Err(Gone::Unplugged.into()) }
    }
}

impl Output for Card {
    fn rate(&self) -> SampleRate {
        self.converter.rate()
    }

    fn room(&mut self) -> Result<Space, Fault> {
        self.plugged()?.room()
    }

    fn write(&mut self, interleaved: &[f32]) -> Result<u32, Fault> {
        self.plugged()?.write(interleaved)
    }

    fn position(&mut self) -> Result<Option<DacReading>, Fault> {
        self.plugged()?.position()
    }

    fn quality(&self) -> Quality {
        self.converter.quality()
    }
}

/// One machine, whose only card this is.
fn machine_with(card: &str, is_there: &Arc<AtomicBool>) -> Opener {
    let (id, in_list, in_use) = (card.to_owned(), Arc::clone(is_there), Arc::clone(is_there));
    let opener = Opener::new(move |spec, rate| match spec {
        OutputSpec::Alsa(_) => {
            let converter = open(&"model:ppm=20".parse().unwrap(), rate)?;
            Ok(Box::new(Card { converter, is_there: Arc::clone(&in_use) }))
        }
        other => open(other, rate),
    });
    opener.with_cards(move || {
        let device = Device { id: id.clone(), description: "A card, Audio".into(), available: true };
        in_list.load(Relaxed).then_some(device).into_iter().collect()
    })
}

#[test]
fn auto_plays_on_the_card_once_there_is_one_says_that_it_is_gone_and_goes_back_to_it() {
    let card = "alsa:hw:CARD=UnisonoTest,DEV=0";
    let is_there = Arc::new(AtomicBool::new(false));
    let room = room_with(&["auto", "model"], machine_with(card, &is_there));
    let mut hub = Hub::start(&[&room]);
    let plays_on_card = || uses(&room, OutputChoice::First) && room.status().output().text == card;

    hub.feed_until(&[&room], "the model to play", || uses(&room, OutputChoice::First));
    let state = room.status().output();
    assert_eq!((state.text.as_str(), state.why.as_str()), ("model: no sound card (nothing is heard)", ""));

    is_there.store(true, Relaxed);
    hub.feed_until(&[&room], "the card to play", plays_on_card);

    is_there.store(false, Relaxed);
    hub.feed_until(&[&room], "the model to play in its place", || uses(&room, OutputChoice::Fallback));
    let state = room.status().output();
    assert!(state.text.starts_with("model") && state.text.ends_with("(nothing is heard)"), "{}", state.text);
    assert!(state.why.starts_with(card) && !state.back.is_empty(), "{}; {}", state.why, state.back);

    is_there.store(true, Relaxed);
    hub.feed_until(&[&room], "the card to play again", plays_on_card);
    assert_eq!(room.status().output().why, "");
}

#[test]
fn a_room_that_ends_fades_out_before_its_output_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = folder.path().join("room");
    let room = room(&[&format!("model:record={}", recorded.display())]);
    let mut hub = Hub::start(&[&room]);
    hub.feed_until(&[&room], "the room to play", || uses(&room, OutputChoice::First));
    hub.feed_for(&[&room], Duration::from_secs(1));
    drop(room);
    let recording = Recording::read(&recorded).unwrap();
    let heard = recording.mono(recording.runs.len() - 1).unwrap();
    let end = &heard[heard.len().saturating_sub(9_600)..];
    let loudest = end.iter().fold(0.0_f32, |loudest, sample| loudest.max(*sample));
    let steepest = end.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(loudest > 1e-3, "nothing was played");
    assert!(steepest < loudest / 100.0, "a step of {} of it", steepest / loudest);
    assert_eq!(end.last(), Some(&0.0), "it breaks off");
}
