//! Which packet is decoded when, and what is done about those that do not come.

use unisono_core::{
    playout::{Decode, DecodeSchedule, Leads},
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    timeline::{Anchor, Play, Timeline},
    units::{Drift, FrameCount, FramePosition, SampleRate},
    wire::control::{Codec, Format},
};

const LEADS: Leads = Leads { ready: Nanos::from_millis(120), give_up: Nanos::from_millis(50) };

/// 20 ms at 48 kHz.
const FRAMES: u64 = 960;

/// The instant at which the stream's first frame is heard.
const START: i64 = 1_000;

fn at(millis: i64) -> Timestamp<NodeClock> {
    Timestamp::from_nanos(millis * 1_000_000)
}

fn format(lookahead: u32) -> Format {
    let packet_frames = u32::try_from(FRAMES).unwrap_or(0);
    Format { codec: Codec::Opus, rate: 48_000, channels: 2, packet_frames, lookahead, bit_rate: 0, header: vec![] }
}

fn anchor(sequence: u32, millis: i64, play: Option<(u32, u64)>) -> Anchor {
    let play = play.map(|(run, packet)| Play { run, position: FramePosition(packet * FRAMES), drift_ppb: 0 });
    Anchor { sequence, at: Timestamp::from_nanos(millis * 1_000_000), play }
}

fn timeline(anchors: &[Anchor]) -> Timeline {
    let mut timeline = Timeline::new(SampleRate::HZ_48000);
    anchors.iter().for_each(|anchor| timeline.insert(*anchor));
    timeline
}

/// A schedule whose packets carry their own number, on a node whose clock reads as the hub's does.
fn schedule(lookahead: u32, warm_up: u64, anchors: &[Anchor]) -> DecodeSchedule<u64> {
    let mut schedule = DecodeSchedule::new(format(lookahead), timeline(anchors), LEADS, warm_up);
    schedule.set_clock(Mapping::<NodeClock, HubClock>::new(at(0), Timestamp::from_nanos(0), Drift::ZERO));
    schedule
}

fn from_start(lookahead: u32) -> DecodeSchedule<u64> {
    schedule(lookahead, 0, &[anchor(1, START, Some((1, 0)))])
}

fn insert(schedule: &mut DecodeSchedule<u64>, packets: impl IntoIterator<Item = u64>) {
    packets.into_iter().for_each(|packet| schedule.insert(FramePosition(packet * FRAMES), packet));
}

/// Everything that is to be done in a span of time, in milliseconds, with the millisecond at which it was said.
fn run(schedule: &mut DecodeSchedule<u64>, millis: core::ops::Range<i64>) -> Vec<(i64, Decode<u64>)> {
    let mut said = Vec::new();
    for now in millis {
        for turn in 0.. {
            assert!(turn < 2_000, "it does not come to rest: {:?}", &said[said.len() - 20..]);
            match schedule.poll(at(now)) {
                Decode::Wait(_) | Decode::Early(_) => break,
                other => said.push((now, other)),
            }
        }
    }
    said
}

const fn decode(packet: u64, run: u32, output: i64) -> Decode<u64> {
    Decode::Packet { payload: packet, run, output }
}

#[test]
fn a_packet_is_decoded_one_lead_before_it_is_heard() {
    let mut schedule = from_start(0);
    insert(&mut schedule, 0..3);
    assert_eq!(
        run(&mut schedule, 0..START),
        [
            (START - 120, Decode::Reset),
            (START - 120, decode(0, 1, 0)),
            (START - 100, decode(1, 1, 960)),
            (START - 80, decode(2, 1, 1_920)),
        ],
    );
}

#[test]
fn it_says_when_to_ask_again() {
    let mut schedule = from_start(0);
    assert_eq!(schedule.poll(at(0)), Decode::Wait(Some(at(START - 120))));
    assert_eq!(schedule.poll(at(START - 120)), Decode::Reset);
    assert_eq!(schedule.poll(at(START - 120)), Decode::Wait(Some(at(START - 50))), "for a packet that is missing");
    insert(&mut schedule, [0, 1]);
    assert_eq!(schedule.poll(at(START - 110)), decode(0, 1, 0));
    assert_eq!(schedule.poll(at(START - 110)), Decode::Early(at(START - 100)), "for a packet that is there");
}

#[test]
fn nothing_is_decoded_before_the_clock_is_known() {
    let mut schedule = DecodeSchedule::new(format(0), timeline(&[anchor(1, 0, Some((1, 0)))]), LEADS, 0);
    insert(&mut schedule, 0..3);
    assert_eq!(schedule.poll(at(START)), Decode::Wait(None));
}

#[test]
fn a_missing_packet_is_waited_for_to_the_last_and_then_made_up() {
    let mut schedule = from_start(0);
    insert(&mut schedule, [0, 2]);
    let said = run(&mut schedule, 0..START - 10);
    assert_eq!(said[2..], [(START - 30, Decode::Conceal { run: 1, output: 960 }), (START - 30, decode(2, 1, 1_920))]);
    assert_eq!(schedule.concealed(), FRAMES);
    insert(&mut schedule, [1]);
    assert_eq!(schedule.late(), 1);
    assert_eq!(run(&mut schedule, START - 10..START), [], "a late packet is not played out of turn");
}

#[test]
fn a_packet_that_comes_just_in_time_is_played() {
    let mut schedule = from_start(0);
    insert(&mut schedule, [0, 2]);
    run(&mut schedule, 0..START - 31);
    insert(&mut schedule, [1]);
    let said = run(&mut schedule, START - 31..START - 29);
    assert_eq!(said, [(START - 31, decode(1, 1, 960)), (START - 31, decode(2, 1, 1_920))]);
    assert_eq!((schedule.concealed(), schedule.late()), (0, 0));
}

#[test]
fn after_a_tenth_of_a_second_silence_is_better_than_a_drone() {
    let mut schedule = from_start(0);
    insert(&mut schedule, [0].into_iter().chain(9..40));
    let said: Vec<Decode<u64>> = run(&mut schedule, 0..START + 200).into_iter().map(|(_, said)| said).collect();
    let made_up = said.iter().filter(|said| matches!(said, Decode::Conceal { .. })).count();
    assert_eq!(made_up, 5);
    let back = said.iter().position(|said| *said == decode(9, 1, 9 * 960));
    assert_eq!(back.map(|back| &said[back - 1]), Some(&Decode::Reset), "{said:?}");
    assert_eq!(schedule.concealed(), 8 * FRAMES, "the silence before a packet that came is counted");
}

#[test]
fn the_silence_of_a_hub_that_is_gone_is_not_concealment() {
    let mut schedule = from_start(0);
    insert(&mut schedule, 0..10);
    run(&mut schedule, 0..START + 60_000);
    assert_eq!(schedule.concealed(), 5 * FRAMES, "a tenth of a second is made up");
}

#[test]
fn a_decoder_that_lags_is_run_ahead_so_that_all_codecs_agree() {
    let mut schedule = from_start(312);
    insert(&mut schedule, 0..2);
    let said = run(&mut schedule, 0..START);
    assert_eq!(said[1].1, decode(0, 1, -312));
    assert_eq!(said[2].1, decode(1, 1, 648));
    // The frame at 648 is heard 13.5 ms after the start.
    assert_eq!(said[2].0, START - 120 + 14);
}

#[test]
fn a_speaker_that_adds_delay_gets_its_sound_so_much_earlier() {
    let mut schedule = from_start(0);
    schedule.set_output_latency(Nanos::from_millis(200));
    insert(&mut schedule, [0]);
    assert_eq!(run(&mut schedule, 0..START)[1], (START - 320, decode(0, 1, 0)));
}

#[test]
fn a_joiner_warms_its_decoder_up_and_is_heard_from_the_first_moment_that_is_in_time() {
    // Packet 100 is heard two seconds after the start; 50 ms before, 2.5 packets are too late already.
    let mut schedule = schedule(0, 4, &[anchor(1, START, Some((1, 0)))]);
    insert(&mut schedule, 90..110);
    let now = START + 2_000;
    let said: Vec<Decode<u64>> = run(&mut schedule, now..now + 1).into_iter().map(|(_, said)| said).collect();
    assert_eq!(said[0], Decode::Reset);
    assert_eq!(said[1..5], [98, 99, 100, 101].map(Decode::Warm));
    assert_eq!(said[5], decode(102, 1, 102 * 960));
}

#[test]
fn a_seek_starts_the_decoder_over_at_the_new_runs_first_packet() {
    let seek = START + 1_000;
    let mut schedule = schedule(0, 4, &[anchor(1, START, Some((1, 0))), anchor(2, seek, Some((2, 80)))]);
    insert(&mut schedule, (0..60).chain(80..100));
    let said = run(&mut schedule, 0..seek + 100);
    let jump = said.iter().position(|(_, said)| *said == decode(80, 2, 80 * 960));
    let Some(jump) = jump else { panic!("the new run is not played: {said:?}") };
    assert_eq!(said[jump - 1], (seek - 120, Decode::Reset));
    assert_eq!(said[jump].0, seek - 120);
    // One packet beyond the jump, for the resampler to look ahead into.
    assert_eq!(said[jump - 2].1, decode(50, 1, 50 * 960));
    assert_eq!(schedule.concealed(), 0);
}

#[test]
fn a_correction_of_the_rate_does_not_interrupt_the_decoder() {
    let continued = FramePosition(24 * FRAMES);
    let play = Play { run: 1, position: continued, drift_ppb: 40_000 };
    let slewed = Anchor { sequence: 2, at: Timestamp::from_nanos((START + 480) * 1_000_000), play: Some(play) };
    let mut schedule = schedule(0, 4, &[anchor(1, START, Some((1, 0))), slewed]);
    insert(&mut schedule, 0..50);
    let said = run(&mut schedule, 0..START + 800);
    let packets: Vec<u64> = said.iter().filter_map(|(_, said)| payload(said)).collect();
    assert_eq!(packets, (0..packets.len() as u64).collect::<Vec<_>>());
    assert!(packets.len() > 40 && said.iter().filter(|(_, said)| *said == Decode::Reset).count() == 1, "{said:?}");
}

#[test]
fn a_pause_decodes_nothing_beyond_it() {
    let pause = START + 100;
    let mut schedule = schedule(0, 0, &[anchor(1, START, Some((1, 0))), anchor(2, pause, None)]);
    insert(&mut schedule, 0..50);
    let said = run(&mut schedule, 0..pause + 1_000);
    let last = said.iter().filter_map(|(_, said)| payload(said)).next_back();
    assert!(matches!(last, Some(5 | 6)), "{said:?}");
}

#[test]
fn the_reserve_counts_only_up_to_the_first_gap() {
    let mut schedule = from_start(0);
    insert(&mut schedule, [0, 1, 2, 4, 5]);
    run(&mut schedule, 0..START - 119);
    assert_eq!(schedule.buffered(), FrameCount(2 * FRAMES));
}

#[test]
fn a_hub_that_sends_far_too_much_does_not_fill_the_memory() {
    let mut schedule = from_start(0);
    insert(&mut schedule, 0..5_000);
    run(&mut schedule, 0..START);
    assert!(schedule.buffered() <= FrameCount(1_024 * FRAMES));
}

const fn payload(said: &Decode<u64>) -> Option<u64> {
    match said {
        Decode::Packet { payload, .. } => Some(*payload),
        _ => None,
    }
}
