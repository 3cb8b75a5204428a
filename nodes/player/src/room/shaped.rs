//! What is heard of a room that shapes its sound, and how soon, on a device in virtual time.

use unisono_core::{
    playout::{
        DacReading,
        timing::{BUFFER, TURN},
    },
    sound::{Band, BandKind, Bands, ChannelMap, Decibels, Equaliser, Frequency, Quality, RoomSound},
    time::{Mapping, Nanos, Timestamp},
    timeline::{Anchor, Play, Timeline},
    units::{Drift, FramePosition, Gain, OutputPosition, SampleRate, Volume},
};

use super::{
    audio::AudioOrder,
    block::{self, CHANNELS, Sound as Decoded},
    chunk::{Chunk, turn},
    renderer::Renderer,
};
use crate::output::{Fault, Output, PositionSource, Quality as Evidence, Room as Space};

const RATE: SampleRate = SampleRate::HZ_48000;

/// The longest that the audio thread sleeps, in milliseconds: what is heard soon even so is heard soon.
const STEP: i64 = TURN.end.as_nanos() / 1_000_000;

/// A device that holds [`BUFFER`] and notes what it is written.
struct Device {
    micros: i64,
    opened: i64,
    written: Vec<f32>,
    /// Whether its own volume stands for the room's, and what it was told of that.
    is_own: bool,
    told: Gain,
}

impl Device {
    fn emitted(&self) -> u64 {
        u64::try_from(self.micros - self.opened).unwrap_or(0) * 48 / 1_000
    }
}

impl Output for Device {
    fn rate(&self) -> SampleRate {
        RATE
    }

    fn room(&mut self) -> Result<Space, Fault> {
        let frames = (self.written.len() / CHANNELS) as u64;
        let queued = u32::try_from(frames.saturating_sub(self.emitted())).unwrap();
        let holds = u32::try_from(RATE.frames_in(BUFFER).0).unwrap();
        Ok(Space { writable: holds.saturating_sub(queued), queued })
    }

    fn write(&mut self, interleaved: &[f32]) -> Result<u32, Fault> {
        self.written.extend(interleaved);
        Ok(u32::try_from(interleaved.len() / CHANNELS).unwrap())
    }

    fn position(&mut self) -> Result<Option<DacReading>, Fault> {
        let played = OutputPosition(self.emitted().min((self.written.len() / CHANNELS) as u64));
        Ok(Some(DacReading { played, at: Timestamp::from_nanos(self.micros * 1_000) }))
    }

    fn quality(&self) -> Evidence {
        Evidence { source: PositionSource::Model, uncertainty: Nanos::ZERO }
    }

    fn take_gain(&mut self, gain: Gain) -> Gain {
        self.told = gain;
        if self.is_own && gain != Gain::SILENT { Gain::UNITY } else { gain }
    }
}

/// A room that plays a stream whose every frame is the same, from a quarter of a second on.
struct Room {
    renderer: Renderer,
    decoded: Decoded,
    device: Device,
    chunk: Chunk,
    frame: [f32; CHANNELS],
    next: u64,
    plays: bool,
}

impl Room {
    fn new(frame: [f32; CHANNELS]) -> Self {
        let (decoded, played) = block::queue();
        let renderer = Renderer::new(played, RATE, Nanos::ZERO);
        let (written, told) = (Vec::new(), Gain::UNITY);
        let device = Device { micros: 0, opened: STEP * 1_000, written, is_own: false, told };
        let mut room = Self { renderer, decoded, device, chunk: Chunk::new(RATE), frame, next: 0, plays: false };
        let (node, hub) = (Timestamp::from_nanos(0), Timestamp::from_nanos(0));
        room.renderer.obey(AudioOrder::Clock(Mapping::new(node, hub, Drift::ZERO)));
        room.renderer.obey(AudioOrder::Gain(Gain::UNITY, Nanos::ZERO));
        room
    }

    /// One that has played for a second.
    fn playing(frame: [f32; CHANNELS]) -> Self {
        let mut room = Self::new(frame);
        let mut timeline = Timeline::new(RATE);
        let play = Some(Play { run: 1, position: FramePosition(0), drift_ppb: 0 });
        timeline.insert(Anchor { sequence: 1, at: Timestamp::from_nanos(250_000_000), play });
        room.renderer.obey(AudioOrder::Start { generation: 1, timeline });
        room.plays = true;
        room.run_for(1_250);
        room
    }

    fn run_for(&mut self, millis: i64) {
        for _ in 0..millis / STEP {
            self.device.micros += STEP * 1_000;
            while self.plays && self.decoded.has_empty() {
                let Some(mut block) = self.decoded.take_empty() else { break };
                block.resize(960).chunks_exact_mut(CHANNELS).for_each(|frame| frame.copy_from_slice(&self.frame));
                (block.generation, block.run, block.start) = (1, 1, FramePosition(self.next));
                self.next += 960;
                self.decoded.send(block);
            }
            turn(&mut self.renderer, &mut self.device, &mut self.chunk).unwrap();
        }
    }

    /// What was emitted since the beginning.
    fn heard(&self) -> &[f32] {
        let emitted = usize::try_from(self.device.emitted()).unwrap() * CHANNELS;
        &self.device.written[..emitted.min(self.device.written.len())]
    }

    /// Orders something at once, and gives when the last frame was heard that is not as it is to be from then on.
    fn settles_after(&mut self, order: AudioOrder, is_so: impl Fn(&[f32]) -> bool) -> Nanos {
        let ordered = self.device.emitted();
        // The thread has just gone to sleep.
        self.renderer.obey(order);
        self.run_for(2_000);
        let last = self.heard().chunks_exact(CHANNELS).rposition(|frame| !is_so(frame)).unwrap();
        RATE.span_of(i64::try_from(last as u64).unwrap() - i64::try_from(ordered).unwrap())
    }
}

fn sound(channels: ChannelMap, preamp: f64) -> RoomSound {
    let equaliser =
        Equaliser { enabled: preamp != 0.0, preamp: Decibels::new(preamp).unwrap(), ..Equaliser::default() };
    RoomSound { channels, equaliser }
}

/// What the issue of a change allows: 100 ms and a packet of 20.
const SOON: Nanos = Nanos::from_millis(120);

/// What a hub ramps a volume within.
const RAMP: Nanos = Nanos::from_millis(30);

#[test]
fn a_volume_is_heard_wholly_within_a_tenth_of_a_second_and_a_packet() {
    let mut room = Room::playing([0.5, -0.5]);
    let gain = Volume::new(25).unwrap().gain();
    let after = room.settles_after(AudioOrder::Gain(gain, RAMP), |frame| (frame[0] - 0.0625).abs() < 1e-4);
    println!("a volume: {after}");
    assert!(after > Nanos::from_millis(30) && after < SOON, "{after}");
}

#[test]
fn an_equaliser_and_channels_are_heard_wholly_within_a_tenth_of_a_second_and_a_packet() {
    let mut room = Room::playing([0.5, -0.25]);
    let half = sound(ChannelMap::Stereo, -6.02);
    let after = room.settles_after(AudioOrder::Sound(half), |frame| (frame[0] - 0.25).abs() < 1e-3);
    println!("an equaliser: {after}");
    assert!(after > Nanos::from_millis(20) && after < SOON, "{after}");
    let left = sound(ChannelMap::Left, -6.02);
    let after = room.settles_after(AudioOrder::Sound(left), |frame| (frame[1] - 0.25).abs() < 1e-3);
    println!("channels: {after}");
    assert!(after < SOON, "{after}");
}

#[test]
fn a_room_for_which_nothing_is_set_plays_every_bit_as_one_that_knows_no_such_thing_after_something_was_set_too() {
    let frame = [0.123_456_79, -0.987_654_3];
    let (mut room, mut plain) = (Room::playing(frame), Room::playing(frame));
    for shaped in [RoomSound::default(), sound(ChannelMap::Swapped, -3.0), RoomSound::default()] {
        room.renderer.obey(AudioOrder::Sound(shaped));
        room.run_for(500);
        plain.run_for(500);
    }
    let bits = |room: &Room| room.heard().iter().map(|sample| sample.to_bits()).collect::<Vec<_>>();
    let (heard, plain) = (bits(&room), bits(&plain));
    let second = 48_000 * CHANNELS;
    // Before anything was set, in between, and after it.
    assert_eq!((heard.len(), &heard[..second]), (plain.len(), &plain[..second]));
    assert!(heard != plain, "nothing was shaped");
    assert_eq!(heard[heard.len() - 9_600..], plain[plain.len() - 9_600..]);
}

#[test]
fn what_is_raised_too_far_is_held_to_full_scale_and_a_volume_that_has_room_for_it_gets_it_whole() {
    let mut room = Room::playing([0.9, -0.9]);
    room.renderer.obey(AudioOrder::Sound(sound(ChannelMap::Stereo, 12.0)));
    room.run_for(500);
    assert_eq!(room.heard().last(), Some(&-1.0));
    room.renderer.obey(AudioOrder::Gain(Gain::new(0.25), RAMP));
    room.run_for(500);
    let last = room.heard().last().copied().unwrap();
    assert!((last + 0.9 * 3.981 * 0.25).abs() < 1e-3, "{last}");
}

#[test]
fn a_beep_is_heard_while_nothing_plays_and_over_what_plays_as_loud_as_the_room_is() {
    let peak = |samples: &[f32]| samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let mut quiet = Room::new([0.0; 2]);
    quiet.run_for(500);
    let before = quiet.heard().len();
    quiet.renderer.obey(AudioOrder::Beep);
    quiet.run_for(400);
    let loud = peak(&quiet.heard()[before..]);
    assert!((0.1..0.3).contains(&loud) && peak(&quiet.heard()[..before]) == 0.0, "{loud}");
    quiet.run_for(1_500);
    let (all, begun) = (quiet.heard().len(), quiet.heard().len() - 2 * 24_000);
    assert_eq!(peak(&quiet.heard()[begun..all]), 0.0, "it does not end");
    quiet.renderer.obey(AudioOrder::Gain(Gain::new(0.1), RAMP));
    quiet.run_for(200);
    let before = quiet.heard().len();
    quiet.renderer.obey(AudioOrder::Beep);
    quiet.run_for(1_500);
    let softer = peak(&quiet.heard()[before..]);
    assert!((softer / loud - 0.1).abs() < 0.02, "{softer} of {loud}");

    let mut plays = Room::playing([0.9, 0.9]);
    let before = plays.heard().len();
    plays.renderer.obey(AudioOrder::Beep);
    plays.run_for(500);
    let least = plays.heard()[before..].iter().copied().fold(1.0, f32::min);
    assert!(least < 0.3, "what plays stays at {least}");
    plays.run_for(1_500);
    let last = plays.heard().last().copied().unwrap();
    assert!((last - 0.9).abs() < 1e-6, "{last}");
    assert!(peak(plays.heard()) < 0.95);
}

#[test]
fn what_is_faded_out_is_silent_whatever_still_rings_in_the_equaliser_and_what_comes_next_is_new() {
    let mut room = Room::playing([0.5, 0.5]);
    let deep = Band {
        kind: BandKind::HighPass,
        frequency: Frequency::new(20.0).unwrap(),
        gain: Decibels::ZERO,
        q: Quality::new(10.0).unwrap(),
    };
    let equaliser = Equaliser { enabled: true, preamp: Decibels::ZERO, bands: Bands::new(&[deep]).unwrap() };
    room.renderer.obey(AudioOrder::Sound(RoomSound { channels: ChannelMap::Stereo, equaliser }));
    room.run_for(100);
    let before = room.heard().len();
    room.renderer.obey(AudioOrder::Stop);
    room.plays = false;
    room.run_for(500);
    let heard = room.heard()[before..].iter().step_by(CHANNELS).copied().collect::<Vec<_>>();
    let step = heard.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(step < 0.02, "a step of {step}");
    assert_eq!(heard[heard.len() - 9_600..], [0.0; 9_600]);
}

#[test]
fn samples_are_scaled_by_what_the_device_leaves_of_the_volume_and_a_change_of_that_is_a_ramp() {
    let mut room = Room::playing([0.5, 0.5]);
    room.renderer.obey(AudioOrder::Gain(Gain::new(0.25), RAMP));
    room.run_for(500);
    assert_eq!((room.device.told, room.heard().last()), (Gain::new(0.25), Some(&0.125)));
    let before = room.heard().len();
    room.device.is_own = true;
    room.run_for(500);
    let step = |heard: &[f32]| heard.windows(3).map(|three| (three[2] - three[0]).abs()).fold(0.0, f32::max);
    assert!((room.heard().last().unwrap() - 0.5).abs() < 1e-6, "the device does it");
    assert!(step(&room.heard()[before..]) < 0.001, "a step of {}", step(&room.heard()[before..]));
    room.renderer.obey(AudioOrder::Gain(Gain::SILENT, RAMP));
    room.run_for(500);
    assert_eq!((room.device.told, room.heard().last()), (Gain::SILENT, Some(&0.0)), "silence is the samples'");
    assert!(step(&room.heard()[before..]) < 0.001, "a step of {}", step(&room.heard()[before..]));
}

#[test]
fn what_goes_over_from_a_speaker_with_a_volume_of_its_own_is_never_louder_than_the_room() {
    let mut room = Room::playing([0.5, 0.5]);
    room.device.is_own = true;
    room.renderer.obey(AudioOrder::Gain(Gain::new(0.1), RAMP));
    room.run_for(500);
    assert_eq!(room.heard().last(), Some(&0.5));
    room.renderer.set_retired(true);
    room.run_for(60);
    assert!(room.renderer.is_silent());
    let plain = Device { micros: 0, opened: 0, written: Vec::new(), is_own: false, told: Gain::UNITY };
    let mut line = super::line::Line::new(1, Box::new(plain), Nanos::ZERO);
    room.renderer.go_over(&mut line);
    // What it plays on from here on is the other device, which begins where this one is.
    (room.device.is_own, room.device.opened, room.device.written) = (false, room.device.micros, Vec::new());
    room.run_for(3_000);
    let loudest = room.device.written.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    assert!((loudest - 0.05).abs() < 1e-4, "{loudest}");
}
