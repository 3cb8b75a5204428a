//! The audio thread's way from blocks to frames allocates and frees nothing, whatever happens to it.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use unisono_core::{
    playout::DacReading,
    sound::{
        Band, BandKind, Bands, ChannelMap, Decibels, Equaliser, Frequency, MAX_BANDS, Quality as Width, RoomSound,
    },
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    timeline::{Anchor, Play, Timeline},
    units::{Drift, FramePosition, Gain, OutputPosition, SampleRate},
};

use super::{
    audio::AudioOrder,
    block::{self, CHANNELS, Sound},
    chunk::{Sound as _, turn},
    line::Line,
    renderer::{Rendered, Renderer},
};
use crate::output::{Fault, Output, PositionSource, Quality, Room as Space};

thread_local! {
    /// What was allocated or freed in [`watched`].
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn watched<T>(call: impl FnOnce() -> T) -> T {
    let mut result = None;
    let seen = allocation_counter::measure(|| result = Some(call()));
    let freed = seen.count_total.saturating_sub_signed(seen.count_current);
    COUNT.set(COUNT.get() + seen.count_total + freed);
    result.expect("it has run")
}

const RATE: SampleRate = SampleRate::HZ_48000;

/// A turn of the audio thread, 5 ms.
const TURN: usize = 240;

/// What the device holds, 80 ms, and when it cannot wait, 15 ms.
const HELD: u64 = 3_840;
const URGENT: u64 = 720;

const PACKET: usize = 960;

/// A room in virtual time, on a converter that is 40 ppm fast.
struct Room {
    renderer: Renderer,
    sound: Sound,
    /// Of the packet that is decoded next.
    generation: u32,
    run: u32,
    next: u64,
    /// Since the device was opened, and since it was opened or ran empty.
    millis: i64,
    restarted: i64,
    written: u64,
    frames: u64,
}

impl Room {
    fn new() -> Self {
        let (sound, played) = block::queue();
        let renderer = Renderer::new(played, RATE, Nanos::ZERO);
        Self { renderer, sound, generation: 1, run: 1, next: 0, millis: 0, restarted: 0, written: 0, frames: 0 }
    }

    fn order(&mut self, order: AudioOrder) {
        watched(|| self.renderer.obey(order));
    }

    fn clock(&mut self, offset: Nanos) {
        let hub = Timestamp::<HubClock>::from_nanos(offset.as_nanos());
        let mapping = Mapping::<NodeClock, HubClock>::new(Timestamp::from_nanos(0), hub, Drift::from_ratio(3e-6));
        self.order(AudioOrder::Clock(mapping));
    }

    /// What the decoding thread does: runs 120 ms ahead of what is heard at an instant.
    fn decode(&mut self) {
        let Some(mut block) = self.sound.take_empty() else { return };
        block.resize(PACKET).fill(0.25);
        (block.generation, block.run, block.start) = (self.generation, self.run, FramePosition(self.next));
        self.next += PACKET as u64;
        self.sound.send(block);
    }

    /// So many milliseconds of the audio thread's turns, with sound or without.
    fn turns(&mut self, millis: i64, sound: bool) {
        let mut chunk = [0.0; TURN * CHANNELS];
        for _ in 0..millis / 5 {
            self.millis += 5;
            while sound && self.sound.has_empty() {
                self.decode();
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some seconds")]
            let emitted = ((self.millis - self.restarted) as f64 * 48.0 * (1.0 + 40e-6)) as u64;
            let at = Timestamp::from_nanos(self.millis * 1_000_000);
            watched(|| self.renderer.scale(self.renderer.gain()));
            watched(|| self.renderer.observe(DacReading { played: OutputPosition(emitted), at }));
            for _ in 0..100 {
                let queued = self.written.saturating_sub(emitted);
                if queued + TURN as u64 > HELD {
                    break;
                }
                match watched(|| self.renderer.render(&mut chunk, queued < URGENT)) {
                    Rendered::Wait => break,
                    Rendered::Frames(frames) => {
                        self.written += frames as u64;
                        self.frames += u64::from(chunk[0] != 0.0) * frames as u64;
                    }
                }
            }
            watched(|| self.renderer.status());
        }
    }

    fn underrun(&mut self) {
        (self.restarted, self.written) = (self.millis, 0);
        watched(|| self.renderer.device_restarted());
    }
}

fn play(run: u32, position: u64, drift_ppb: i32) -> Option<Play> {
    Some(Play { run, position: FramePosition(position), drift_ppb })
}

/// From so many milliseconds on each.
fn timeline(anchors: &[(i64, Option<Play>)]) -> Timeline {
    let mut timeline = Timeline::new(RATE);
    for (sequence, &(millis, play)) in (1..).zip(anchors) {
        timeline.insert(Anchor { sequence, at: Timestamp::from_nanos(millis * 1_000_000), play });
    }
    timeline
}

#[test]
fn whatever_is_played_the_renderer_neither_allocates_nor_frees() {
    let mut room = Room::new();
    room.order(AudioOrder::Gain(Gain::UNITY, Nanos::from_millis(20)));
    room.clock(Nanos::ZERO);
    room.turns(500, false);
    room.order(AudioOrder::Start { generation: 1, timeline: timeline(&[(600, play(1, 0, 0))]) });
    room.turns(3_000, true);
    let heard = room.frames;
    assert!(heard > 100_000, "{heard}");

    // The same run, faster from now on; louder; a clock that is known better.
    room.order(AudioOrder::Timeline(timeline(&[(600, play(1, 0, 0)), (4_000, play(1, 163_200, 50_000))])));
    room.order(AudioOrder::Gain(Gain::SILENT, Nanos::from_millis(500)));
    room.clock(Nanos::from_micros(20));
    room.turns(1_000, true);
    // A sound that is shaped, otherwise, and not any more, with a beep over it.
    let order = |room: &mut Room, channels, decibels| {
        let band = Band {
            kind: BandKind::Peak,
            frequency: Frequency::new(1_000.0).unwrap(),
            gain: Decibels::new(decibels).unwrap(),
            q: Width::BUTTERWORTH,
        };
        let bands = Bands::new(&[band; MAX_BANDS]).unwrap();
        let equaliser = Equaliser { enabled: decibels != 0.0, preamp: Decibels::ZERO, bands };
        room.order(AudioOrder::Sound(RoomSound { channels, equaliser }));
    };
    order(&mut room, ChannelMap::Mono, -3.0);
    room.turns(10, true);
    order(&mut room, ChannelMap::Swapped, 3.0);
    room.order(AudioOrder::Beep);
    room.turns(2_000, true);
    order(&mut room, ChannelMap::Stereo, 0.0);
    room.turns(500, true);
    // Sound that does not come, comes back too late, and whose beginning is missing.
    room.turns(500, false);
    room.next += 20 * PACKET as u64;
    room.order(AudioOrder::Gain(Gain::UNITY, Nanos::ZERO));
    room.turns(1_000, true);
    assert!(room.renderer.status().starved > 0);
    // A clock that jumps, a device that runs empty.
    room.clock(Nanos::from_millis(40));
    room.turns(1_000, true);
    assert!(room.renderer.status().resyncs > 0);
    room.underrun();
    room.turns(1_000, true);
    // Another stream, while blocks of the last one are still about; a jump in it; its end.
    let start = room.millis + 100;
    room.order(AudioOrder::Stop);
    let jump = timeline(&[(start, play(7, 0, 0)), (start + 500, play(8, 48_000, 0)), (start + 2_000, None)]);
    room.order(AudioOrder::Start { generation: 2, timeline: jump });
    room.turns(20, true);
    (room.generation, room.run, room.next) = (2, 7, 0);
    room.turns(520, true);
    (room.run, room.next) = (8, 48_000);
    room.turns(2_000, true);
    room.order(AudioOrder::Stop);
    // A device that is gone.
    watched(|| room.renderer.drain());
    room.turns(100, false);
    assert!(room.frames > heard + 100_000, "{}", room.frames);
    assert_eq!(COUNT.take(), 0);
}

/// A speaker at 44.1 kHz whose latency changes.
struct Speaker {
    millis: Arc<AtomicI64>,
    opened: i64,
    written: u64,
}

impl Speaker {
    fn emitted(&self) -> u64 {
        let millis = self.millis.load(Relaxed) - self.opened - 10;
        (u64::try_from(millis).unwrap_or(0) * 441 / 10).min(self.written)
    }
}

impl Output for Speaker {
    fn rate(&self) -> SampleRate {
        SampleRate::new(44_100).unwrap()
    }

    fn room(&mut self) -> Result<Space, Fault> {
        let queued = u32::try_from(self.written - self.emitted()).unwrap();
        Ok(Space { writable: 2_646_u32.saturating_sub(queued), queued })
    }

    fn write(&mut self, interleaved: &[f32]) -> Result<u32, Fault> {
        let frames = interleaved.len() / CHANNELS;
        self.written += frames as u64;
        Ok(u32::try_from(frames).unwrap())
    }

    fn position(&mut self) -> Result<Option<DacReading>, Fault> {
        let at = Timestamp::from_nanos(self.millis.load(Relaxed) * 1_000_000);
        Ok(Some(DacReading { played: OutputPosition(self.emitted()), at }))
    }

    fn quality(&self) -> Quality {
        Quality { source: PositionSource::Link, uncertainty: Nanos::ZERO }
    }

    fn latency(&self) -> Nanos {
        Nanos::from_millis(180 + self.millis.load(Relaxed) / 500 % 3 * 14)
    }
}

#[test]
fn going_over_to_another_output_neither_allocates_nor_frees() {
    let mut room = Room::new();
    room.order(AudioOrder::Gain(Gain::UNITY, Nanos::from_millis(20)));
    room.clock(Nanos::ZERO);
    room.order(AudioOrder::Start { generation: 1, timeline: timeline(&[(100, play(1, 0, 0))]) });
    room.turns(1_000, true);
    let millis = Arc::new(AtomicI64::new(room.millis));
    let speaker = Speaker { millis: Arc::clone(&millis), opened: room.millis, written: 0 };
    let mut line = Line::new(1, Box::new(speaker), Nanos::ZERO);
    while !watched(|| line.warm_up(Nanos::ZERO, Gain::UNITY)).unwrap() {
        room.turns(10, true);
        millis.store(room.millis, Relaxed);
        assert!(room.millis < 5_000, "its clock is never known");
    }
    room.renderer.set_retired(true);
    room.turns(30, true);
    assert!(room.renderer.is_silent() && room.renderer.status().device_known);
    watched(|| room.renderer.go_over(&mut line));
    assert!(room.renderer.status().device_known, "what was learned of the other converter is lost");
    let mut played = 0;
    for _ in 0..300 {
        room.millis += 10;
        millis.store(room.millis, Relaxed);
        while room.sound.has_empty() {
            room.decode();
        }
        watched(|| room.renderer.set_output_latency(line.output.latency()));
        watched(|| turn(&mut room.renderer, line.output.as_mut(), &mut line.chunk)).unwrap();
        played += u32::from(watched(|| room.renderer.status()).playing);
    }
    assert!(played > 200, "in {played} of 300 turns something plays");
    assert_eq!(COUNT.take(), 0);
}

#[test]
fn the_count_sees_an_allocation_and_its_end() {
    watched(|| drop(std::hint::black_box(Box::new(7))));
    assert_eq!(COUNT.take(), 2);
}
