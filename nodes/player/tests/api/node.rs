//! A node without a household in a folder of its own, with two rooms that nobody hears, and its API.

use std::{path::PathBuf, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tower::ServiceExt;
use unisono_core::time::Nanos;
use unisono_player::{
    BluetoothSettings, api,
    session::{self, NodeSettings, RoomSettings},
    standalone::{Material, Place, StandaloneSettings},
};

/// A bound for failures only.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Node {
    pub(crate) folder: TempDir,
    router: Router,
    task: JoinHandle<Result<(), session::Error>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    pub(crate) fn start(standalone: StandaloneSettings) -> Self {
        Self::start_in(TempDir::new().unwrap(), standalone)
    }

    /// With a folder of three pieces of a second each as what it plays by itself.
    pub(crate) fn with_music(mut standalone: StandaloneSettings) -> Self {
        let folder = TempDir::new().unwrap();
        let music = folder.path().join("music");
        for name in ["1", "2", "10"] {
            write_wav(&music.join(format!("{name}.wav")), 1);
        }
        standalone.material = Some(material(music));
        Self::start_in(folder, standalone)
    }

    fn start_in(folder: TempDir, standalone: StandaloneSettings) -> Self {
        let room = |name: &str| RoomSettings {
            name: name.into(),
            outputs: vec!["model".parse().unwrap()],
            latency: Nanos::ZERO,
        };
        let settings = NodeSettings {
            bluetooth: BluetoothSettings::default(),
            name: "ground floor".into(),
            // Nobody is there.
            hubs: vec!["127.0.0.1:9".into()],
            state: folder.path().join("state"),
            runtime: folder.path().join("run"),
            join: None,
            rooms: vec![room("kitchen"), room("hall")],
            standalone,
            api: None,
        };
        let node = session::Node::start(settings).unwrap();
        let router = api::router(node.handle());
        let task = tokio::spawn(node.run(std::future::pending()));
        Self { folder, router, task }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask("POST", path, Some(body)).await
    }

    /// A request that must be refused with a status and a line that names what is wrong.
    pub(crate) async fn refused(&self, status: u16, names: &str, method: &str, path: &str, body: Option<Value>) {
        let (answered, said) = self.ask(method, path, body.clone()).await;
        assert_eq!(answered, status, "{method} {path} {body:?}: {said}");
        let line = said["error"].as_str().unwrap_or_else(|| panic!("{said} is no error"));
        assert!(line.contains(names) && !line.contains('\n'), "{line:?} does not name {names:?}");
        assert_eq!(said.as_object().unwrap().len(), 1, "{said}");
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let (status, text) = self.raw(method, path, body, &[("host", "localhost")]).await;
        let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(json!(text)) };
        (status, value)
    }

    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let answer = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(bytes.into()).unwrap())
    }

    /// Waits until a room or how the node stands alone is so.
    pub(crate) async fn wait(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let value = self.get(path).await;
            if is_so(&value) {
                return value;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain: {value:#}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) fn material(path: PathBuf) -> Material {
    Material { place: Place::Path(path), format: unisono_media::RawFormat::CD_48, shuffle: false }
}

/// So many seconds of quiet noise.
pub(crate) fn write_wav(path: &std::path::Path, seconds: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..seconds * 96_000 {
        writer.write_sample(i16::try_from(i * 7_919 % 200).unwrap()).unwrap();
    }
    writer.finalize().unwrap();
}
