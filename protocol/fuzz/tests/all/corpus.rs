//! What a fuzzer has found once does no harm again.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{collections::BTreeSet, fs, path::Path};

use unisono_fuzz::TARGETS;

fn replay(target: &str) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).expect("the test names a target");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());
    for path in inputs {
        // Shown when the test fails.
        println!("{}", path.display());
        run(&fs::read(&path).unwrap());
    }
    run(&[]);
}

macro_rules! replay {
    ($($target:ident,)+) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target));
        })+

        #[test]
        fn every_target_is_replayed() {
            let names = |folder: &str| -> BTreeSet<String> {
                let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
                files.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
            };
            let replayed = BTreeSet::from([$(stringify!($target).to_owned()),+]);
            assert_eq!(replayed, TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect());
            assert_eq!(replayed, names("corpus"));
            assert_eq!(replayed, names("fuzz_targets"));
        }
    };
}

replay! {
    api_body,
    certificate,
    clock_packet,
    codec_packets,
    config_commands,
    config_database,
    control_stream,
    discovery_record,
    hub_session,
    hub_settings,
    hub_snapshot,
    join_token,
    key_file,
    library_file,
    media_datagram,
    member_list,
    music_file,
    nack_datagram,
    node_session,
    node_settings,
    node_state,
    recovery_code,
    room_sounds,
    session_state,
    speaker_table,
    station_playlist,
    station_titles,
    stream_format,
}
