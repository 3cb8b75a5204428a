//! Live inputs in the settings file.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{ffi::OsString, fs};

use clap::Parser as _;
use unisono_hub::config::{Arguments, HubSettings};
use unisono_media::live::Place;

/// The settings of a file with this in it, or what is wrong with it.
fn settings(text: &str) -> Result<HubSettings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.toml");
    fs::write(&path, text).unwrap();
    let arguments = ["unisono-hub", "--runtime", "/run/music", "--config"].map(OsString::from);
    let arguments = Arguments::parse_from(arguments.into_iter().chain([path.into_os_string()]));
    let said = arguments.settings().map_err(|error| error.to_string());
    said.map_err(|said| said.replace(&format!("{}/", folder.path().display()), ""))
}

#[test]
fn live_inputs_are_made_in_the_settings() {
    let text = "radio_hosts = [\"nas.local\"]\n\
        [[source]]\nname = \"mpd\"\nkind = \"fifo\"\nformat = \"44100:16:2\"\n\
        [[source]]\nname = \"snap\"\nkind = \"fifo\"\npath = \"/srv/snap\"\n\
        [[source]]\nname = \"network\"\nkind = \"tcp\"\naddress = \"4953\"\n\
        [[source]]\nname = \"deck\"\nkind = \"line_in\"\ndevice = \"hw:1\"\n\
        [[source]]\nname = \"pipe\"\nkind = \"stdin\"\n";
    let sources = settings(text).unwrap().engine.sources;
    assert_eq!(sources.radio_hosts, ["nas.local"]);
    let places: Vec<_> = sources.inputs.iter().map(|input| input.place.clone()).collect();
    let expected = [
        Place::Fifo("/run/music/mpd".into()),
        Place::Fifo("/srv/snap".into()),
        Place::Tcp("127.0.0.1:4953".parse().unwrap()),
        Place::LineIn("hw:1".into()),
        Place::StandardInput,
    ];
    assert_eq!(places, expected);
    assert_eq!(sources.inputs[0].format.to_string(), "44100:16:2");
    assert_eq!(sources.inputs[1].format.to_string(), "48000:16:2");
}

#[test]
fn what_is_wrong_with_a_live_input_is_said_with_its_line_and_key() {
    let fifo = "[[source]]\nname = \"mpd\"\nkind = \"fifo\"\n";
    for (text, expected) in [
        (format!("{fifo}format = \"44100\"\n"), "hub.toml:4: format: \"44100\" is no format"),
        (format!("{fifo}path = \"../mpd\"\n"), "hub.toml:4: path: \"../mpd\" is neither an absolute"),
        (format!("{fifo}pth = \"mpd\"\n"), "hub.toml:4: unknown field `pth`"),
        (format!("{fifo}address = \"1\"\n"), "hub.toml:1: source \"mpd\": `address` means nothing"),
        ("[[source]]\nname = \" \"\nkind = \"fifo\"\n".into(), "hub.toml:2: name: \" \" is no name"),
        (
            "[[source]]\nname = \"a/b\"\nkind = \"fifo\"\n".into(),
            "hub.toml:1: source \"a/b\": its `name` is no name of a file",
        ),
        ("[[source]]\nname = \"a\"\nkind = \"process\"\n".into(), "hub.toml:3: kind: unknown variant `process`"),
        ("[[source]]\nname = \"a\"\nkind = \"tcp\"\n".into(), "hub.toml:1: source \"a\": it needs an `address`"),
        ("[[source]]\nkind = \"stdin\"\n".into(), "hub.toml:1: missing field `name`"),
        (format!("{fifo}{fifo}"), "hub.toml:4: two sources are called \"mpd\""),
        (
            format!("{fifo}[[source]]\nname = \"b\"\nkind = \"fifo\"\npath = \"mpd\"\n"),
            "hub.toml:4: sources \"mpd\" and \"b\" are at the same place",
        ),
    ] {
        let said = settings(&text).map(drop).unwrap_err();
        assert!(said.starts_with(expected) && !said.contains('\n'), "{said:?}, not {expected:?}");
    }
}
