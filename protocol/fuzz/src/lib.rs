//! Parsers of bytes from outside, each as a function of bytes: for a fuzzer, and for a test that replays what it found.
//!
//! Not here: paths, queries and headers of HTTP, which `make contract` asks; a station's sound, a library's index, remembered
//! speakers, files of equalisers and what BlueZ and kernel say, which their own crates test (`unisono_media`,
//! `unisono_bluetooth`, `unisono_cli`).
//!
//! Each function takes anything and panics only over a defect: of the parser, or of what must hold for what it
//! accepted. `tests/all/corpus.rs` calls them with every file in `corpus/`, on any toolchain. To look for more, from the
//! root of the repository, with `cargo install cargo-fuzz` and the name of one of [`TARGETS`]:
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir protocol/fuzz --target-dir protocol/fuzz/target --features fuzzing \
//!     --sanitizer none media_datagram -- -max_total_time=120
//! ```
//!
//! What it finds goes to `corpus/` (new code reached) and `artifacts/` (crashes). Before a commit `cargo fuzz cmin`,
//! with the same options, takes out what reaches nothing new; a crash that was mended joins the corpus.
//!
//! | module | whose bytes |
//! |---|---|
//! | `wire` | anyone's on the network: datagrams, control messages |
//! | `session` | a peer's, over the length of a connection |
//! | `sound` | a hub's: stream formats, packets |
//! | `stranger` | of someone unknown: certificates, announcements |
//! | `text` | a person's: join tokens, recovery codes |
//! | `settings` | a person's: settings of hub and node, speaker tables |
//! | `members` | a hub's: signed member lists |
//! | `api` | anyone's who may ask the APIs: bodies of requests |
//! | `state` | files that may be damaged: keys, state, configuration, what a hub and a room keep |
//! | `music` | a music library's |
//! | `radio` | a station's: playlists, titles |
#![forbid(unsafe_code)]

mod api;
mod keys;
mod members;
mod music;
mod radio;
mod session;
mod settings;
mod sound;
mod state;
mod stranger;
mod text;
mod wire;

pub use api::api_body;
pub use members::member_list;
pub use music::{library_file, music_file};
pub use radio::{station_playlist, station_titles};
pub use session::{hub_session, node_session};
pub use settings::{hub_settings, node_settings, speaker_table};
pub use sound::{codec_packets, stream_format};
pub use state::{config_commands, config_database, hub_snapshot, key_file, node_state, room_sounds, session_state};
pub use stranger::{certificate, discovery_record};
pub use text::{join_token, recovery_code};
pub use wire::{clock_packet, control_stream, media_datagram, nack_datagram};

/// A function and its name, which is that of its file in `fuzz_targets/` and of its folder in `corpus/`.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("api_body", api_body),
    ("certificate", certificate),
    ("clock_packet", clock_packet),
    ("codec_packets", codec_packets),
    ("config_commands", config_commands),
    ("config_database", config_database),
    ("control_stream", control_stream),
    ("discovery_record", discovery_record),
    ("hub_session", hub_session),
    ("hub_settings", hub_settings),
    ("hub_snapshot", hub_snapshot),
    ("join_token", join_token),
    ("key_file", key_file),
    ("library_file", library_file),
    ("media_datagram", media_datagram),
    ("member_list", member_list),
    ("music_file", music_file),
    ("nack_datagram", nack_datagram),
    ("node_session", node_session),
    ("node_settings", node_settings),
    ("node_state", node_state),
    ("recovery_code", recovery_code),
    ("room_sounds", room_sounds),
    ("session_state", session_state),
    ("speaker_table", speaker_table),
    ("station_playlist", station_playlist),
    ("station_titles", station_titles),
    ("stream_format", stream_format),
];
