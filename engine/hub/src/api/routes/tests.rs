//! Every route is described, and its description is what the programs go by.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use tower::ServiceExt;

use super::*;
use crate::{
    access::{Hosts, SetupCode},
    api::{events::Sockets, watch::Watch},
    engine::{Engine, EngineSettings},
    house::StreamSettings,
};

/// What routes are served with.
fn state(folder: &std::path::Path) -> Shared {
    let settings = EngineSettings {
        name: "attic".into(),
        listen: "127.0.0.1:0".parse().unwrap(),
        state: folder.join("state"),
        runtime: folder.join("runtime"),
        streams: StreamSettings::default(),
        library: Vec::new(),
        sources: crate::sources::SourceSettings::default(),
    };
    let engine = Engine::start(&settings).unwrap().handle();
    let access = Arc::new(Access::new(engine.config(), Hosts::default(), None, 0, SetupCode::none()));
    let watch = Arc::new(Watch::new(engine.clone(), Arc::clone(&access), false));
    let stop = tokio::sync::watch::Sender::new(false).subscribe();
    let events = Events { watch, access: Arc::clone(&access), sockets: Arc::new(Sockets::default()), stop };
    Shared { engine, access, events, description: openapi::Description::of(openapi::head()) }
}

/// The paths that the router knows, as it prints them.
fn paths() -> BTreeSet<String> {
    let (api, _) = described().split_for_parts();
    let printed = format!("{api:?}");
    let quoted = printed.split('"').skip(1).step_by(2);
    // What answers for all that is no route has a path in it, too.
    quoted.filter(|text| text.len() > 1 && text.starts_with('/') && !text.contains('*')).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let (api, description) = described().split_for_parts();
    let api = api.with_state(state(folder.path()));
    let paths = paths();
    assert!(paths.len() > 40, "{paths:?}");
    let described: BTreeSet<String> = description.paths.paths.keys().cloned().collect();
    assert_eq!(paths, described);
    let json = serde_json::to_value(&description).unwrap();
    for path in paths {
        let operations = json["paths"][&path].as_object().unwrap();
        // No route has this method, and the answer says which it has.
        let request = Request::builder().method("BREW").uri(path.replace(['{', '}'], "")).body(Body::empty()).unwrap();
        let answer = api.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allowed = answer.headers()[header::ALLOW].to_str().unwrap();
        let allowed: BTreeSet<&str> = allowed.split(',').filter(|method| *method != "HEAD").collect();
        let described: BTreeSet<String> = operations.keys().map(|method| method.to_uppercase()).collect();
        assert_eq!(allowed, described.iter().map(String::as_str).collect(), "{path}");
    }
}
