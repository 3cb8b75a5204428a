//! A hub on free ports in a folder of its own, and nodes that say what they drive and then only listen.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    task::{JoinHandle, JoinSet},
};
use unisono_core::{
    time::Nanos,
    wire::{
        VERSION,
        control::{Codec, Hello, Message, Refuse, Room},
        ids::RoomIndex,
    },
};
use unisono_household::{node_store::NodeStore, token::JoinToken};
use unisono_hub::{
    api,
    engine::{Catalogue, Engine, EngineSettings, Error},
    house::StreamSettings,
    sources::SourceSettings,
};
use unisono_transport::{Connection, ControlReceiver, ControlSender, Endpoint, Expect, Identity, Options};
use ureq::{
    Agent,
    http::{Request, Response},
};

/// A bound for failures only.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Hub {
    pub(crate) folder: TempDir,
    pub(crate) api: SocketAddr,
    made: Made,
    runtime: Option<Runtime>,
    _tasks: JoinSet<()>,
    agent: Agent,
}

/// What is special about a hub.
#[derive(Clone)]
struct Made {
    streams: StreamSettings,
    /// Instead of its own.
    catalogue: Option<Arc<dyn Catalogue>>,
    sources: SourceSettings,
    api_at: Ipv4Addr,
}

impl Default for Made {
    fn default() -> Self {
        let (streams, sources) = (StreamSettings::default(), SourceSettings::default());
        Self { streams, catalogue: None, sources, api_at: Ipv4Addr::LOCALHOST }
    }
}

/// A status and what came with it; `Null` when nothing did.
pub(crate) type Answer = (u16, Value);

impl Hub {
    pub(crate) fn start() -> Self {
        Self::made(TempDir::new().unwrap(), Made::default())
    }

    /// A hub that streams as told and can play more than files.
    pub(crate) fn start_with(streams: StreamSettings, catalogue: Arc<dyn Catalogue>) -> Self {
        Self::made(TempDir::new().unwrap(), Made { streams, catalogue: Some(catalogue), ..Made::default() })
    }

    /// The same hub after its program has ended and was started again.
    pub(crate) fn restarted(mut self) -> Self {
        let folder = std::mem::replace(&mut self.folder, TempDir::new().unwrap());
        self._tasks.abort_all();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(PATIENCE);
        }
        Self::made(folder, self.made.clone())
    }

    /// One that people on other machines can reach.
    pub(crate) fn start_for_all() -> Self {
        Self::made(TempDir::new().unwrap(), Made { api_at: Ipv4Addr::UNSPECIFIED, ..Made::default() })
    }

    /// A hub with live inputs.
    pub(crate) fn with_sources(sources: SourceSettings) -> Self {
        Self::with_sources_in(TempDir::new().unwrap(), sources)
    }

    /// The same, with its runtime folder in that.
    pub(crate) fn with_sources_in(folder: TempDir, sources: SourceSettings) -> Self {
        Self::made(folder, Made { sources, ..Made::default() })
    }

    /// In a folder; with a library when there is `music` in it.
    pub(crate) fn start_in(folder: TempDir) -> Self {
        Self::made(folder, Made::default())
    }

    fn made(folder: TempDir, made: Made) -> Self {
        let Made { streams, catalogue, sources, api_at } = made.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let settings = EngineSettings {
            name: "attic".into(),
            listen: loopback,
            state: folder.path().join("state"),
            runtime: folder.path().join("runtime"),
            streams,
            library: Some(folder.path().join("music")).filter(|music| music.is_dir()).into_iter().collect(),
            sources,
        };
        let mut tasks = JoinSet::new();
        let api = runtime.block_on(async {
            let listener = TcpListener::bind(SocketAddr::from((api_at, 0))).await.unwrap();
            let api = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()));
            let engine = start(&settings);
            let engine = match catalogue {
                Some(catalogue) => engine.with_catalogue(catalogue),
                None => engine,
            };
            let serve = api::serve(listener, engine.handle());
            tasks.spawn(async move { serve.await.unwrap() });
            tasks.spawn(engine.run(std::future::pending()));
            api
        });
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        Self { folder, api, made, runtime: Some(runtime), _tasks: tasks, agent: config.into() }
    }

    /// A hub, a room called kitchen that is online, and a group of it that is called all.
    pub(crate) fn with_a_group() -> (Self, JoinHandle<()>) {
        let hub = Self::start();
        let node = hub.join("ground floor", &["kitchen"]);
        let (status, _) = hub.post("/groups", &json!({"name": "all", "rooms": ["kitchen"]}));
        assert_eq!(status, 201);
        (hub, node)
    }

    /// A node joins with a token, and its rooms are there. It goes when the task is aborted.
    pub(crate) fn join(&self, name: &str, rooms: &[&str]) -> JoinHandle<()> {
        self.join_saying(name, rooms, &[])
    }

    /// The same; once it is let in it says this.
    pub(crate) fn join_saying(&self, name: &str, rooms: &[&str], says: &[Message]) -> JoinHandle<()> {
        let token = self.token();
        let store = NodeStore::open(&self.folder.path().join(name)).unwrap();
        let hello = hello(name, rooms, *token.secret());
        let node = self.runtime.as_ref().unwrap().spawn(listen(store, token, hello, says.to_vec()));
        self.wait(|hub| rooms.iter().all(|room| hub.room(room)["online"] == true));
        node
    }

    /// A machine that was never there comes with a secret; why it is refused, if it is.
    pub(crate) fn knock(&self, name: &str, token: &JoinToken, secret: [u8; 16]) -> Option<Refuse> {
        let store = NodeStore::open(&self.folder.path().join(name)).unwrap();
        let frame = self.runtime.as_ref().unwrap().block_on(async {
            let (_connection, _sender, mut receiver) = greet(&store, token, hello(name, &[], secret)).await;
            receiver.recv().await.unwrap().unwrap()
        });
        match Message::from_frame(&frame).unwrap().unwrap() {
            Message::Refuse(refuse) => Some(refuse),
            _ => None,
        }
    }

    /// A token for one node.
    pub(crate) fn token(&self) -> JoinToken {
        let (_, token) = self.post("/tokens", &json!({}));
        token["token"].as_str().unwrap().parse().unwrap()
    }

    /// Runs something beside the hub for as long as that runs.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.runtime.as_ref().unwrap().spawn(task)
    }

    /// Waits until something is so.
    pub(crate) fn wait(&self, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain; the hub says {:#?}", self.everything());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Everything that can be asked for.
    pub(crate) fn everything(&self) -> Vec<Value> {
        let mut everything =
            ["/hub", "/rooms", "/groups", "/nodes", "/scenes", "/stations"].map(|path| self.get(path).1);
        // Where music that plays has got to changes by itself.
        let groups = everything[2].as_array_mut().into_iter().flatten();
        for group in groups.filter(|group| group["state"] == "playing") {
            group.as_object_mut().unwrap().remove("position_s");
        }
        everything.into()
    }

    pub(crate) fn room(&self, name: &str) -> Value {
        let rooms = self.get("/rooms").1;
        rooms.as_array().unwrap().iter().find(|room| room["name"] == name).cloned().unwrap_or_default()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None, &[])
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, Some(&body.to_string()), &[])
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask("PUT", path, Some(&body.to_string()), &[])
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, None, &[])
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        self.ask("PATCH", path, Some(&body.to_string()), &[])
    }

    /// A request as JSON unless the headers say otherwise.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&str>, headers: &[(&str, &str)]) -> Answer {
        let (answer, value) = self.answer(method, path, body, headers);
        (answer.status().as_u16(), value)
    }

    /// As [`Self::ask`], with all that comes.
    pub(crate) fn answer(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
        headers: &[(&str, &str)],
    ) -> (Response<ureq::Body>, Value) {
        let uri = format!("http://{}/api/v1{path}", self.api);
        let mut request = Request::builder().method(method).uri(uri);
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = match body {
            Some(body) => self.agent.run(request.body(body.to_owned()).unwrap()).unwrap(),
            None => self.agent.run(request.body(()).unwrap()).unwrap(),
        };
        let text = answer.body_mut().read_to_string().unwrap();
        let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(json!(text)) };
        check_form(&answer, &value);
        (answer, value)
    }

    /// What is there beside the API, as text.
    pub(crate) fn beside(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = Request::builder().uri(format!("http://{}{path}", self.api));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = self.agent.run(request.body(()).unwrap()).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// A request that must be refused with a status and a line that names what is wrong, and must change nothing.
    pub(crate) fn refused(&self, status: u16, names: &str, method: &str, path: &str, body: Option<&str>) {
        self.refused_with(status, names, method, path, body, &[]);
    }

    pub(crate) fn refused_with(
        &self,
        status: u16,
        names: &str,
        method: &str,
        path: &str,
        body: Option<&str>,
        headers: &[(&str, &str)],
    ) {
        // What was asked for before may still be on its way.
        let mut before = self.everything();
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(50));
            let earlier = std::mem::replace(&mut before, self.everything());
            if earlier == before {
                break;
            }
        }
        let (answered, said) = self.ask(method, path, body, headers);
        assert_eq!(answered, status, "{method} {path} {body:?} {headers:?}: {said}");
        let line = said["error"].as_str().unwrap();
        assert!(line.contains(names), "{method} {path} {body:?} {headers:?}: {line:?} does not name {names:?}");
        assert_eq!(self.everything(), before, "{method} {path} {body:?} {headers:?}");
    }

    /// A file of so many seconds of quiet noise.
    pub(crate) fn wav(&self, name: &str, seconds: u32) -> PathBuf {
        let path = self.folder.path().join(name);
        write_wav(&path, seconds);
        path
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Threads of a hub that has just ended may hold its state for a moment.
fn start(settings: &EngineSettings) -> Engine {
    let begun = Instant::now();
    loop {
        match Engine::start(settings) {
            Err(Error::State(unisono_household::Error::Locked { .. })) if begun.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            started => return started.unwrap(),
        }
    }
}

/// An error is always `{"error": "one line"}`, and nothing else is.
fn check_form(answer: &Response<ureq::Body>, value: &Value) {
    if answer.status().is_success() {
        assert!(value.get("error").is_none(), "{value}");
        return;
    }
    let line = value["error"].as_str().unwrap_or_else(|| panic!("{}: {value} is no error view", answer.status()));
    assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
    assert_eq!(value.as_object().unwrap().len(), 1, "{value}");
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers().contains_key("allow"), answer.status() == 405);
}

fn hello(name: &str, rooms: &[&str], secret: [u8; 16]) -> Hello {
    let room = |(index, name): (u8, &&str)| Room {
        index: RoomIndex(index),
        name: (*name).into(),
        output: "a speaker".into(),
        latency: Nanos::ZERO,
        term: None,
    };
    Hello {
        version: VERSION,
        name: name.into(),
        household: None,
        members_version: 0,
        join: Some(secret),
        codecs: vec![Codec::Opus],
        rooms: (0..).zip(rooms).map(room).collect(),
    }
}

/// Connects and greets.
async fn greet(store: &NodeStore, token: &JoinToken, hello: Hello) -> (Connection, ControlSender, ControlReceiver) {
    let identity = Identity::from_pkcs8(store.key().pkcs8()).unwrap();
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let endpoint = Endpoint::bind(here, &identity, &Options::new([0; 64])).unwrap();
    let connection = endpoint.connect(token.addresses()[0], Expect::Key(token.hub())).await.unwrap();
    let (sender, receiver) = connection.control().await.unwrap();
    sender.send(Message::from(hello).encode()).await.unwrap();
    (connection, sender, receiver)
}

/// Connects, greets, says something once it is let in, and stays for as long as the hub does.
async fn listen(store: NodeStore, token: JoinToken, hello: Hello, says: Vec<Message>) {
    let (_connection, sender, mut receiver) = greet(&store, &token, hello).await;
    // It is let in, or refused.
    let _ = receiver.recv().await;
    for message in says {
        sender.send(message.encode()).await.unwrap();
    }
    while let Ok(Some(_)) = receiver.recv().await {}
}

fn write_wav(path: &Path, seconds: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..seconds * 48_000 {
        writer.write_sample(i16::try_from(i * 7_919 % 200).unwrap()).unwrap();
    }
    writer.finalize().unwrap();
}
