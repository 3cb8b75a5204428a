//! Messages of every version that was ever released can be decoded, for ever.
//!
//! The files in `corpus/` are frozen. A new version adds a folder; it never changes an old one.

#![expect(clippy::unwrap_used, reason = "a test")]

use unisono_core::{
    leadership::Term,
    sound::{Band, BandKind, Bands, ChannelMap, Decibels, Equaliser, Frequency, Quality, RoomSound},
    time::{Nanos, Timestamp},
    timeline::{Anchor, Play},
    units::{FramePosition, Gain},
    wire::{
        VERSION, Version, clock,
        control::{
            Anchors, Answer, Ask, ClockReport, Codec, Evidence, Figures, Forget, Format, Hello, LatencyPart,
            LatencyReport, LatencySource, LatencyStage, Members, Message, Method, OutputChoice, OutputReport,
            Outranked, Refuse, RefuseReason, Report, Room, RoomFigures, RoomReport, RoomState, Rooms, SetGain,
            SetSound, SpeakerFigures, StreamStart, StreamStop, Trailing, Turned, VolumeBy, VolumeReport, Welcome,
        },
        frame::FrameReader,
        ids::{AskId, ClockTag, HouseholdId, PeerId, RoomIndex, StreamId},
        media::MediaHeader,
        nack::{Missing, Nack},
    },
};

const TERM: Term = Term { counter: 3, hub: PeerId([7; 32]) };

fn room() -> Room {
    Room {
        index: RoomIndex(1),
        name: "Küche".into(),
        output: "alsa:hw:CARD=DAC".into(),
        latency: Nanos::from_millis(85),
        term: Some(TERM),
    }
}

fn anchors() -> Vec<Anchor> {
    let play = Play { run: 2, position: FramePosition(96_000), drift_ppb: -40_000 };
    vec![
        Anchor { sequence: 4, at: Timestamp::from_nanos(-5), play: None },
        Anchor { sequence: 5, at: Timestamp::from_nanos(1_000_000_007), play: Some(play) },
    ]
}

fn messages() -> Vec<(&'static str, Message)> {
    let format = Format {
        codec: Codec::Flac,
        rate: 48_000,
        channels: 2,
        packet_frames: 480,
        lookahead: 0,
        bit_rate: 1_536_000,
        header: vec![1, 2, 3],
    };
    let hello = Hello {
        version: Version { major: 1, minor: 0 },
        name: "node".into(),
        household: Some(HouseholdId([9; 32])),
        members_version: 12,
        join: Some([5; 16]),
        codecs: vec![Codec::Opus, Codec::Flac, Codec::Pcm24, Codec::Pcm16],
        rooms: vec![room()],
    };
    let room_report = RoomReport {
        room: RoomIndex(1),
        state: RoomState::Playing,
        stream: Some(StreamId(6)),
        output: "alsa:hw:CARD=DAC".into(),
        sync_error: Nanos::new(-7_500),
        evidence: Evidence::Device,
        uncertainty: Nanos::new(21_000),
        buffered: Nanos::from_millis(410),
        dac_drift_ppb: 40_250,
        received: 1_000,
        lost: 20,
        repaired: 19,
        late: 1,
        concealed_frames: 960,
        underruns: 0,
        resyncs: 2,
    };
    let clock =
        ClockReport { locked: true, uncertainty: Nanos::new(11_000), rtt: Nanos::new(2_100_000), drift_ppb: -31_000 };
    vec![
        ("hello", hello.into()),
        ("rooms", Rooms { rooms: vec![room()] }.into()),
        (
            "report",
            Report {
                clock,
                rooms: vec![room_report],
                outputs: Trailing::default(),
                latencies: Trailing::default(),
                volumes: Trailing::default(),
            }
            .into(),
        ),
        ("outranked", Outranked { room: RoomIndex(0), term: TERM }.into()),
        (
            "welcome",
            Welcome {
                version: Version { major: 1, minor: 0 },
                name: "hub".into(),
                members: vec![1; 40],
                clock_tag: ClockTag(77),
            }
            .into(),
        ),
        ("refuse", Refuse { reason: RefuseReason::TokenExpired, text: "the token has expired".into() }.into()),
        ("members", Members { members: vec![2; 40] }.into()),
        (
            "stream_start",
            StreamStart {
                stream: StreamId(6),
                room: RoomIndex(1),
                term: TERM,
                format,
                anchors: anchors(),
                lead: Nanos::from_millis(420),
                continues: Trailing::default(),
            }
            .into(),
        ),
        ("anchors", Anchors { stream: StreamId(6), anchors: anchors(), lead: Trailing::default() }.into()),
        ("stream_stop", StreamStop { stream: StreamId(6), room: RoomIndex(1) }.into()),
        ("set_gain", SetGain { room: RoomIndex(1), gain: Gain::new(0.25), ramp_ms: 30 }.into()),
    ]
}

/// What 1.1 added to.
fn messages_1_1() -> Vec<(&'static str, Message)> {
    let (name, message) = messages().swap_remove(7);
    let Message::StreamStart(start) = message else { panic!("another message") };
    let continues = Some(FramePosition(96_960)).into();
    vec![(name, StreamStart { continues, ..start }.into())]
}

/// What 1.2 added.
fn messages_1_2() -> Vec<(&'static str, Message)> {
    let Message::Report(report) = messages().swap_remove(2).1 else { panic!("another message") };
    let Message::Anchors(anchors) = messages().swap_remove(8).1 else { panic!("another message") };
    let mut alone = report.clone();
    alone.rooms[0].state = RoomState::Alone;
    let output = OutputReport {
        room: RoomIndex(1),
        choice: OutputChoice::Fallback,
        held: Nanos::from_secs(61),
        latency: Nanos::from_millis(182),
        why: "alsa:hw:CARD=DAC: no such device is here".into(),
        back: "plug it in".into(),
    };
    let ask = Ask {
        id: AskId(70_000),
        method: Method::Post,
        path: "/bluetooth/scan?seconds=30".into(),
        body: br#"{"address":"AA:BB:CC:DD:EE:FF"}"#.into(),
    };
    let answer = Answer { id: AskId(70_000), status: 200, part: b"{}\n".into(), last: true };
    vec![
        ("report", Report { outputs: vec![output].into(), ..report }.into()),
        ("report_alone", alone.into()),
        ("anchors", Anchors { lead: Some(Nanos::from_millis(620)).into(), ..anchors }.into()),
        ("ask", ask.into()),
        ("forget", Forget { id: AskId(70_000) }.into()),
        ("answer", answer.into()),
    ]
}

/// What 1.3 added.
fn messages_1_3() -> Vec<(&'static str, Message)> {
    let speaker = SpeakerFigures {
        connected: true,
        packets: 90_000,
        dropped: 12,
        late: 3,
        delay_reports: 2,
        connects: 4,
        failures: vec![("page_timeout".into(), 5)],
    };
    let kitchen = RoomFigures { room: RoomIndex(1), starved: 1, speaker: Some(speaker) };
    let Message::Report(report) = messages_1_2().swap_remove(0).1 else { panic!("another message") };
    let part = |stage, millis, source, uncertainty: Option<i64>| LatencyPart {
        stage,
        value: Nanos::from_millis(millis),
        source,
        uncertainty: uncertainty.map(Nanos::from_millis),
    };
    let parts = vec![
        part(LatencyStage::Device, 50, LatencySource::Computed, None),
        part(LatencyStage::Speaker, 182, LatencySource::Report, Some(30)),
        part(LatencyStage::Trim, -7, LatencySource::Setting, None),
    ];
    let latencies = vec![LatencyReport { room: RoomIndex(1), parts }].into();
    let band = |kind, frequency, gain, q| Band {
        kind,
        frequency: Frequency::new(frequency).unwrap(),
        gain: Decibels::new(gain).unwrap(),
        q: Quality::new(q).unwrap(),
    };
    let bands = [band(BandKind::LowShelf, 105.5, 4.5, 0.7), band(BandKind::Peak, 3_150.0, -6.25, 2.0)];
    let equaliser =
        Equaliser { enabled: true, preamp: Decibels::new(-4.5).unwrap(), bands: Bands::new(&bands).unwrap() };
    let sound = RoomSound { channels: ChannelMap::Left, equaliser };
    vec![
        ("figures", Figures { rooms: vec![kitchen], api: Some(([0, 0, 0, 0], 8_481).into()) }.into()),
        ("report", Report { latencies, ..report }.into()),
        ("set_sound", SetSound { room: RoomIndex(1), sound }.into()),
        ("set_sound_as_it_is", SetSound { room: RoomIndex(0), sound: RoomSound::default() }.into()),
    ]
}

/// What 1.4 added.
fn messages_1_4() -> Vec<(&'static str, Message)> {
    let Message::Report(mut report) = messages_1_3().swap_remove(1).1 else { panic!("another message") };
    report.latencies.0[0].parts.push(LatencyPart {
        stage: LatencyStage::Link,
        value: Nanos::new(3_250_000),
        source: LatencySource::Completion,
        uncertainty: Some(Nanos::from_millis(1)),
    });
    let volume = |room, by, why: &str| VolumeReport { room: RoomIndex(room), by, why: why.into() };
    let why = "the speaker was asked and does not follow";
    let volumes = vec![volume(0, VolumeBy::Speaker, ""), volume(1, VolumeBy::Samples, why)].into();
    vec![
        ("report", Report { volumes, ..report }.into()),
        ("turned", Turned { room: RoomIndex(1), gain: Gain::new(0.125) }.into()),
    ]
}

fn corpus(name: &str) -> Vec<u8> {
    frozen("v1.0", name)
}

fn frozen(version: &str, name: &str) -> Vec<u8> {
    let path = format!("{}/corpus/{version}/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn control_messages_of_version_1_0_are_understood() {
    understood("v1.0", messages());
}

#[test]
fn datagrams_of_version_1_0_are_understood() {
    let media = corpus("media");
    let header = MediaHeader {
        repair: true,
        stream: StreamId(6),
        fragment: 2,
        fragments: 5,
        previous_len: 0,
        position: FramePosition(480_000),
    };
    assert_eq!(MediaHeader::parse(&media), Ok((header, &b"sound"[..])));
    let missing = vec![
        Missing { position: FramePosition(960), fragments: u32::MAX },
        Missing { position: FramePosition(2_880), fragments: 0b101 },
    ];
    assert_eq!(Nack::parse(&corpus("nack")), Ok(Nack { stream: StreamId(6), missing }));
    let probe = clock::Probe { tag: ClockTag(77), sequence: 1_000, report_interval_ms: 20 };
    assert_eq!(clock::Probe::parse(&corpus("clock_probe")), Ok(probe));
    let report = clock::Report {
        tag: ClockTag(77),
        sequence: 2_000,
        sent: [Some(Timestamp::from_nanos(123_456_789)), None],
        least_interval_ms: 0,
        echoes: vec![clock::Echo { sequence: 999, received: Timestamp::from_nanos(123_000_000) }],
    };
    assert_eq!(clock::Report::parse(&corpus("clock_report")), Ok(report));
}

#[test]
fn control_messages_of_version_1_1_are_understood() {
    understood("v1.1", messages_1_1());
}

#[test]
fn control_messages_of_version_1_2_are_understood() {
    understood("v1.2", messages_1_2());
}

#[test]
fn control_messages_of_version_1_3_are_understood() {
    understood("v1.3", messages_1_3());
}

#[test]
fn control_messages_of_version_1_4_are_understood() {
    understood("v1.4", messages_1_4());
}

fn understood(version: &str, messages: Vec<(&str, Message)>) {
    for (name, expected) in messages {
        let mut reader = FrameReader::default();
        reader.push(&frozen(version, name));
        let frame = reader.next_frame().unwrap().unwrap();
        assert_eq!(Message::from_frame(&frame).unwrap(), Some(expected), "{version} {name}");
    }
}

/// As long as this build speaks 1.4 it also writes it, byte for byte: every message as the version has it that changed it
/// last.
#[test]
fn this_build_writes_what_it_froze() {
    if VERSION != (Version { major: 1, minor: 4 }) {
        return;
    }
    let versions = [
        ("v1.0", messages()),
        ("v1.1", messages_1_1()),
        ("v1.2", messages_1_2()),
        ("v1.3", messages_1_3()),
        ("v1.4", messages_1_4()),
    ];
    let mut newer = Vec::new();
    for (version, messages) in versions.iter().rev() {
        for (name, message) in messages.iter().filter(|(_, message)| !newer.contains(&message.to_frame().kind)) {
            assert_eq!(message.encode(), frozen(version, name), "{version} {name}");
        }
        newer.extend(messages.iter().map(|(_, message)| message.to_frame().kind));
    }
}
