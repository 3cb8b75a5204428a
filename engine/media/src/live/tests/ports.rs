//! The ports for real: other programs and threads that write.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    thread,
    time::{Duration, Instant},
};

use unisono_core::units::SampleRate;

use crate::{
    RawFormat, Source as _,
    live::{
        Input, LiveSource, Place, State,
        port::{Got, Port as _, StandardInput},
        tcp::Tcp,
    },
};

const RATE: SampleRate = SampleRate::HZ_48000;

fn input(place: &Place) -> Input {
    Input::open("music", place, RawFormat::CD_48, RATE, 2).unwrap()
}

/// Waits for something that comes soon, on the slowest machine in a while.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < end, "never {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Reads as the hub does, in blocks as they are due, until `is` likes one.
fn listen(source: &mut LiveSource, what: &str, mut is: impl FnMut(&[f32]) -> bool) {
    let mut out = vec![0.0; 960 * 2];
    until(what, || {
        thread::sleep(Duration::from_millis(15));
        assert_eq!(source.read(&mut out), Ok(960), "a live source never ends");
        is(&out)
    });
}

fn write(to: &mut impl std::io::Write, millis: u32) -> std::io::Result<()> {
    let frame = [0_u8, 0x40, 0, 0xc0];
    to.write_all(&frame.repeat(48 * millis as usize))
}

#[test]
fn a_fifo_is_made_for_the_group_and_whoever_writes_to_it_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unisono/music");
    let input = input(&Place::Fifo(path.clone()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(input.status().state, State::Waiting);
    let mut source = input.listen();
    for _ in 0..2 {
        let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
        let writing = thread::spawn(move || {
            for _ in 0..25 {
                write(&mut writer, 20).unwrap();
                thread::sleep(Duration::from_millis(20));
            }
        });
        listen(&mut source, "heard", |out| out.iter().any(|sample| (*sample - 0.5).abs() < 1e-6));
        assert_eq!(input.status().state, State::Playing);
        listen(&mut source, "silent again", |out| out.iter().all(|sample| *sample == 0.0));
        writing.join().unwrap();
        until("waiting", || input.status().state == State::Waiting);
    }
}

#[test]
fn a_fifo_does_not_take_the_place_of_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("music");
    fs::write(&path, "mine").unwrap();
    let refused = input(&Place::Fifo(path.clone()));
    let status = refused.status();
    assert_eq!(status.state, State::Failed);
    assert!(status.problem.as_ref().unwrap().contains("something else is there"), "{status:?}");
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    fs::remove_file(&path).unwrap();
    until("there", || refused.status().state == State::Waiting);
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).unwrap();
    assert_eq!(input(&Place::Fifo(link)).status().state, State::Failed);
    assert!(!folder.path().join("elsewhere").exists());
}

#[test]
fn a_fifo_that_was_removed_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("music");
    let input = input(&Place::Fifo(path.clone()));
    fs::remove_file(&path).unwrap();
    until("there again", || path.exists());
    let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
    write(&mut writer, 200).unwrap();
    until("playing", || input.status().state == State::Playing);
}

#[test]
fn without_a_listener_a_writer_gets_on_as_fast_as_it_would_be_heard() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("music");
    let _input = input(&Place::Fifo(path.clone()));
    let began = Instant::now();
    let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
    // As fast as it can: what is held, and what a pipe holds, are 1.9 s of it.
    write(&mut writer, 4_000).unwrap();
    assert!(began.elapsed() > Duration::from_millis(1_500), "{:?}", began.elapsed());
}

#[test]
fn one_program_at_a_time_writes_to_a_port() {
    let mut tcp = Tcp::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = tcp.address().unwrap();
    let mut bytes = [0; 64];
    let mut first = TcpStream::connect(address).unwrap();
    first.write_all(b"one").unwrap();
    until("read", || tcp.read(&mut bytes, Duration::from_millis(10)) == Got::Bytes(3));
    let mut second = TcpStream::connect(address).unwrap();
    until("sent away", || {
        assert_eq!(tcp.read(&mut bytes, Duration::from_millis(10)), Got::Nothing);
        second.write_all(b"two").is_err()
    });
    drop(first);
    until("gone", || tcp.read(&mut bytes, Duration::from_millis(10)) == Got::Gone);
    let mut third = TcpStream::connect(address).unwrap();
    third.write_all(b"three").unwrap();
    until("read", || tcp.read(&mut bytes, Duration::from_millis(10)) == Got::Bytes(5));
}

#[test]
fn a_port_that_is_taken_is_said() {
    let taken = Tcp::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let place = Place::Tcp(taken.address().unwrap());
    let input = input(&place);
    let said = input.status().problem.unwrap();
    assert!(said.starts_with("TCP port 127.0.0.1:"), "{said}");
    drop(taken);
    until("waiting", || input.status().state == State::Waiting);
}

#[test]
fn the_end_of_standard_input_is_the_end_of_it() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut port = StandardInput::of(File::from(std::os::fd::OwnedFd::from(reader)));
    let mut bytes = [0; 64];
    assert_eq!(port.read(&mut bytes, Duration::ZERO), Got::Nothing);
    writer.write_all(b"four").unwrap();
    assert_eq!(port.read(&mut bytes, Duration::ZERO), Got::Bytes(4));
    drop(writer);
    assert_eq!(port.read(&mut bytes, Duration::ZERO), Got::Gone);
    assert_eq!(port.read(&mut bytes, Duration::ZERO), Got::Nothing);
}

#[test]
fn a_device_that_is_not_there_is_said_and_looked_for_again() {
    for device in ["no-such-device", "cpal:no such device"] {
        let input = input(&Place::LineIn(device.into()));
        until("failed", || input.status().state == State::Failed);
        let problem = input.status().problem.unwrap();
        assert!(problem.contains(device.trim_start_matches("cpal:")) && !problem.contains('\n'), "{problem}");
        let mut out = [1.0; 1_920];
        assert_eq!(input.listen().read(&mut out), Ok(960));
        assert!(out.iter().all(|sample| *sample == 0.0));
    }
}
