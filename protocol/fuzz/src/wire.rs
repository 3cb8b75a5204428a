//! Single messages. What is understood must mean the same after it was written again.

use unisono_core::wire::{
    clock::{Header, Probe, Report, is_clock_packet},
    control::{Hello, Message},
    frame::FrameReader,
    media::{MAX_FRAGMENTS, MediaHeader},
    nack::{MAX_ENTRIES, Nack},
};

/// A datagram of sound.
pub fn media_datagram(data: &[u8]) {
    if let Ok((header, payload)) = MediaHeader::parse(data) {
        assert!(header.fragment < header.fragments && header.fragments <= MAX_FRAGMENTS);
        assert!(!payload.is_empty() && usize::from(header.previous_len) <= payload.len());
        let again = [&header.encode(), payload].concat();
        assert_eq!(MediaHeader::parse(&again), Ok((header, payload)));
    }
}

/// A datagram that asks for repair.
pub fn nack_datagram(data: &[u8]) {
    if let Ok(nack) = Nack::parse(data) {
        assert!(nack.missing.len() <= MAX_ENTRIES);
        assert_eq!(Nack::parse(&nack.encode()), Ok(nack));
    }
}

/// A clock packet whose tag was checked and cut off.
pub fn clock_packet(data: &[u8]) {
    let header = Header::parse(data);
    if header.is_ok() {
        assert!(is_clock_packet(data[0]));
    }
    if let Ok(probe) = Probe::parse(data) {
        assert_eq!(header.map(|header| (header.tag, header.sequence)), Ok((probe.tag, probe.sequence)));
        assert!(probe.report_interval_ms >= 10);
        assert_eq!(Probe::parse(&probe.encode()), Ok(probe));
    }
    if let Ok(report) = Report::parse(data) {
        assert_eq!(header.map(|header| (header.tag, header.sequence)), Ok((report.tag, report.sequence)));
        assert_eq!(Report::parse(&report.encode()), Ok(report));
    }
}

/// What comes on the control stream, cut after the number of bytes that comes first.
pub fn control_stream(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let (head, tail) = bytes.split_at(usize::from(*first).min(bytes.len()));
    let (mut whole, mut cut) = (FrameReader::default(), FrameReader::default());
    whole.push(bytes);
    cut.push(head);
    let mut is_cut = true;
    while let Ok(Some(frame)) = whole.next_frame() {
        if let Ok(Some(message)) = Message::from_frame(&frame) {
            let again = message.to_frame();
            assert_eq!(again.kind, frame.kind);
            // By their bytes: no message is lost over a number that is not one.
            let read = Message::from_frame(&again).map(|read| read.map(|read| read.to_frame()));
            assert_eq!(read, Ok(Some(again)));
            if let Message::Hello(hello) = message {
                assert_eq!(Hello::version_of(&frame.body), Ok(hello.version));
            }
        }
        let mut same = cut.next_frame();
        if is_cut && same == Ok(None) {
            cut.push(tail);
            is_cut = false;
            same = cut.next_frame();
        }
        assert_eq!(same, Ok(Some(frame)));
    }
}
