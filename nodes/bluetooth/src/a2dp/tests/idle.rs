//! A speaker that is let go while there is only silence, and had back when there is sound.

use unisono_core::time::Nanos;

use super::rig::{JOINT, MTU, Rig, noise, socket_pair};
use crate::{
    Failure,
    a2dp::{IdleMode, Options, SbcConfig, Transport, Wish},
};

fn silence(_: u64) -> [f32; 2] {
    [0.0; 2]
}

fn options(idle: IdleMode) -> Options {
    Options { idle, idle_after: Nanos::from_secs(5), ..Options::default() }
}

#[test]
fn a_suspended_speaker_is_asked_for_again_and_the_audio_thread_hears_nothing_of_it() {
    for (mode, wish) in [(IdleMode::Suspend, Wish::Suspend), (IdleMode::Disconnect, Wish::Disconnect)] {
        let mut rig = Rig::new(JOINT, &options(mode));
        rig.source = Some(noise);
        rig.run(1_000);
        assert_eq!(rig.stream.wish(), Wish::None);
        rig.source = Some(silence);
        rig.run(6_000);
        assert_eq!(rig.stream.wish(), wish);
        let sent = rig.heard.len();
        rig.run(60_000);
        assert_eq!(rig.heard.len(), sent, "nothing is sent");
        rig.source = Some(noise);
        rig.run(300);
        assert_eq!(rig.stream.wish(), Wish::Resume);
        let (near, far) = socket_pair();
        rig.far = Some(far);
        rig.stream.resume(Transport { fd: near, mtu: MTU, config: rig.config, stamped: false }).unwrap();
        rig.run(700);
        assert_eq!(rig.stream.wish(), Wish::None);
        let resumed = &rig.heard[sent..];
        assert!(resumed.len() > 50 && resumed.iter().skip(1).all(|heard| heard.sound.iter().any(|s| s.abs() > 0.1)));
        for heard in &rig.heard {
            assert_eq!(heard.timestamp, u32::from(heard.sequence) * 640, "it has counted on");
        }
        assert!(rig.faults.is_empty());
        assert!(rig.taken.windows(2).all(|pair| pair[1].1 - pair[0].1 < 40_000_000), "frames were taken all the time");
    }
}

#[test]
fn a_transport_of_another_kind_is_refused() {
    let rig = Rig::new(JOINT, &options(IdleMode::Suspend));
    let other = SbcConfig::from_bytes([0x21, 0x15, 2, 53]).unwrap();
    for (mtu, config) in [(MTU, other), (300, rig.config)] {
        let resumed = rig.stream.resume(Transport { fd: socket_pair().0, mtu, config, stamped: false });
        assert_eq!(resumed, Err(Failure::NoCommonCodec));
    }
}

#[test]
fn when_nobody_can_get_the_speaker_back_and_the_sound_is_over_it_rests_again() {
    let mut rig = Rig::new(JOINT, &options(IdleMode::Suspend));
    rig.source = Some(silence);
    rig.run(6_000);
    rig.source = Some(noise);
    rig.run(200);
    assert_eq!(rig.stream.wish(), Wish::Resume);
    rig.source = Some(silence);
    rig.run(6_000);
    assert_eq!(rig.stream.wish(), Wish::Suspend);
}
