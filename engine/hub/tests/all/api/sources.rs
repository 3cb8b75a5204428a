//! Live inputs as the API shows them, and that nobody makes one over the network.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};
use unisono_hub::sources::{InputSettings, SourceSettings};
use unisono_media::live::Place;

use crate::api::{events::Socket, hub::Hub};

fn input(name: &str, place: Place) -> InputSettings {
    InputSettings { name: name.into(), place, format: "44100:16:2".parse().unwrap() }
}

#[test]
fn live_inputs_say_what_they_do() {
    let folder = tempfile::tempdir().unwrap();
    let (fifo, taken) = (folder.path().join("fifo"), folder.path().join("taken"));
    std::fs::write(&taken, "mine").unwrap();
    let inputs = vec![
        input("mpd", Place::Fifo(fifo.clone())),
        input("other", Place::Fifo(taken.clone())),
        input("deck", Place::LineIn("no-such-device".into())),
    ];
    let hub = Hub::with_sources(SourceSettings { inputs, radio_hosts: Vec::new() });
    let (status, sources) = hub.get("/sources");
    assert_eq!(status, 200);
    let waiting = json!({
        "name": "mpd", "kind": "fifo", "format": "44100:16:2", "state": "waiting", "problem": null, "drift_ppm": null,
        "underruns": 0,
    });
    assert_eq!(sources[0], waiting);
    assert_eq!((&sources[1]["state"], &sources[2]["kind"]), (&json!("failed"), &json!("line_in")));
    let problem = sources[1]["problem"].as_str().unwrap();
    assert!(problem.starts_with(&*taken.to_string_lossy()) && problem.contains("something else is there"), "{problem}");

    let mut socket = Socket::open(&hub, &[]).unwrap();
    socket.next();
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    writer.write_all(&[0, 0x40].repeat(44_100)).unwrap();
    let mut becomes = |state: &str| {
        let seen = socket.until("sources", |source| source["name"] == "mpd" && source["state"] == state);
        assert_eq!(hub.get("/sources").1[0]["state"], seen["state"]);
    };
    becomes("playing");
    becomes("silent");
    drop(writer);
    becomes("waiting");
}

#[test]
fn an_input_that_does_not_work_takes_the_place_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (fifo, taken) = (folder.path().join("fifo"), folder.path().join("taken"));
    std::fs::write(&taken, "mine").unwrap();
    let inputs = vec![input("mpd", Place::Fifo(fifo)), input("other", Place::Fifo(taken))];
    let hub = Hub::with_sources(SourceSettings { inputs, radio_hosts: Vec::new() });
    let _node = hub.join("ground floor", &["kitchen"]);
    hub.post("/groups", &json!({"name": "all", "rooms": ["kitchen"]}));
    let wanted = |source: &str| json!({"items": [{"source": source}], "at": "replace", "play": true});
    let (status, queue) = hub.post("/groups/all/queue", &wanted("mpd"));
    assert_eq!((status, &queue["entries"][0]["title"]), (200, &json!("mpd")), "it waits for who writes");
    let names = "source \"other\" does not work: ";
    hub.refused(422, names, "POST", "/groups/all/queue", Some(&wanted("other").to_string()));
    assert_eq!(hub.get("/groups/all/queue").1, queue);
    let group = hub.get("/groups/all").1;
    assert_eq!((&group["title"], &group["state"], &group["warning"]), (&json!("mpd"), &json!("playing"), &Value::Null));
}

#[test]
fn whoever_is_in_the_group_gets_to_a_fifo_in_the_runtime_folder() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Fifo("music".into());
    let inputs = vec![input("music", place)];
    let runtime = folder.path().join("runtime");
    let sources = SourceSettings { inputs, radio_hosts: Vec::new() }.in_folder(&runtime);
    let hub = Hub::with_sources_in(folder, sources);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&runtime), mode(&runtime.join("music"))), (0o711, 0o660));
    assert!(runtime.join("hub.join").exists());
    drop(hub);
}

#[test]
fn nobody_makes_a_live_input_over_the_network() {
    let hub = Hub::start();
    for wanted in [json!({"name": "x", "kind": "fifo", "path": "/tmp/x"}), json!({"name": "x", "kind": "process"})] {
        assert_eq!(hub.post("/sources", &wanted).0, 405);
    }
    assert_eq!(hub.get("/sources"), (200, Value::Array(Vec::new())));
}
