//! Those who watch, without sockets.

use unisono_household::config::{Command, GroupId};

use super::*;
use crate::{
    access::{Hosts, SetupCode},
    engine::{Engine, EngineSettings},
    house::StreamSettings,
};

#[tokio::test]
async fn one_who_was_away_too_long_takes_a_snapshot_and_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let settings = EngineSettings {
        name: "attic".into(),
        listen: "127.0.0.1:0".parse().unwrap(),
        state: folder.path().join("state"),
        runtime: folder.path().join("runtime"),
        streams: StreamSettings::default(),
        library: Vec::new(),
        sources: crate::sources::SourceSettings::default(),
    };
    let running = Engine::start(&settings).unwrap();
    let engine = running.handle();
    tokio::spawn(running.run(std::future::pending()));
    let access = Arc::new(Access::new(engine.config(), Hosts::default(), None, 0, SetupCode::none()));
    let watch = Watch::new(engine.clone(), access, false);
    let (first, mut watcher) = watch.begin().await.unwrap();
    let seq = |text: &str| {
        let message: Value = serde_json::from_str(text).unwrap();
        message["seq"].as_u64().unwrap()
    };
    let make = async |number: u64| {
        let name = format!("group {number}");
        let made = engine.configure(Command::CreateGroup { group: GroupId(number), name, rooms: vec![] }).await;
        made.unwrap().unwrap();
        watch.look().await.unwrap();
    };
    make(1).await;
    assert_eq!(seq(&watcher.next().await.unwrap()), seq(&first) + 1);
    let missed = u64::try_from(BACKLOG).unwrap() + 10;
    for number in 2..=missed {
        make(number).await;
    }
    let again = watcher.next().await.unwrap();
    let message: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(message["resync"], true);
    assert_eq!(message["snapshot"]["groups"].as_array().unwrap().len(), usize::try_from(missed).unwrap());
    make(missed + 1).await;
    assert_eq!(seq(&watcher.next().await.unwrap()), seq(&again) + 1);
    drop(watcher);
    assert_eq!(watch.watchers.load(Relaxed), 0);
}
