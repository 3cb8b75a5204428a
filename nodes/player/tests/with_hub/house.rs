//! A hub that can be taken away, and `unisono-node` with a room that records.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};
use unisono_benches::lab::recording::Recording;
use unisono_hub::{
    api,
    engine::{Engine, EngineSettings},
    house::StreamSettings,
    sources::SourceSettings,
};
use ureq::{Agent, http::Request};

/// A bound for failures only.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct House {
    pub(crate) folder: TempDir,
    listen: SocketAddr,
    hub: Option<(Runtime, SocketAddr)>,
    node: Child,
    node_api: String,
    agent: Agent,
}

impl House {
    /// A hub with a group of the one room that its node has; the node with more arguments.
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let listen = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        let agent: Agent = config.into();
        let hub = start_hub(folder.path(), listen);
        let (_, token) = ask(&agent, &hub.1.to_string(), "POST", "/tokens", Some(&json!({})));
        let token = token["token"].as_str().unwrap();
        let (node, node_api) = start_node(folder.path(), "kitchen", listen, Some(token), arguments);
        let house = Self { folder, listen, hub: Some(hub), node, node_api, agent };
        house.wait("the room to be there", |house| !house.room()["sync"].is_null());
        house.wait("its clock", |house| house.node("GET", "/standalone", None).1["state"] == "with hub");
        house.tell("PATCH", "/rooms/kitchen", &json!({"volume": 100}));
        house.tell("POST", "/groups", &json!({"name": "all", "rooms": ["kitchen"]}));
        house
    }

    /// One more node, with a room of its name that plays into a model; where its API answers. It ends with the test.
    pub(crate) fn another_node(&self, name: &str) -> (Guest, String) {
        let token = self.tell("POST", "/tokens", &json!({}));
        let (child, api) = start_node(self.folder.path(), name, self.listen, token["token"].as_str(), &[]);
        self.wait("the other room to be there", |house| house.room_called(name)["sync"].is_object());
        (Guest(child), api)
    }

    /// A node that is in no household; where its API answers. It ends with the test.
    pub(crate) fn stranger(&self, name: &str) -> (Guest, String) {
        let (child, api) = start_node(self.folder.path(), name, self.listen, None, &[]);
        (Guest(child), api)
    }

    /// A room, as its hub sees it.
    pub(crate) fn room_called(&self, name: &str) -> Value {
        let rooms = self.hub("GET", "/rooms", None).1;
        rooms.as_array().into_iter().flatten().find(|room| room["name"] == name).cloned().unwrap_or_default()
    }

    /// Where the hub's API answers.
    pub(crate) fn hub_api(&self) -> String {
        self.hub.as_ref().unwrap().1.to_string()
    }

    /// Where the node's does.
    pub(crate) fn node_api(&self) -> &str {
        &self.node_api
    }

    pub(crate) fn stop_hub(&mut self) {
        let (runtime, _) = self.hub.take().unwrap();
        runtime.shutdown_background();
    }

    pub(crate) fn start_hub(&mut self) {
        let begun = Instant::now();
        // Its port may be held a moment longer.
        while UdpSocket::bind(self.listen).is_err() {
            assert!(begun.elapsed() < PATIENCE);
            thread::sleep(Duration::from_millis(5));
        }
        self.hub = Some(start_hub(self.folder.path(), self.listen));
    }

    /// What the hub says.
    pub(crate) fn hub(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let (_, api) = self.hub.as_ref().unwrap();
        ask(&self.agent, &api.to_string(), method, path, body)
    }

    /// Has the hub do something that it must do.
    pub(crate) fn tell(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, said) = self.hub(method, path, Some(body));
        assert!((200..300).contains(&status), "{method} {path}: {said}");
        said
    }

    /// What the node says.
    pub(crate) fn node(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.ask_at(&self.node_api, method, path, body)
    }

    /// What the node says whose API answers there.
    pub(crate) fn ask_at(&self, api: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        ask(&self.agent, api, method, path, body)
    }

    /// The room, as its hub sees it.
    pub(crate) fn room(&self) -> Value {
        self.hub("GET", "/rooms", None).1[0].clone()
    }

    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            let log = fs::read_to_string(self.folder.path().join("kitchen.stderr")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}; the node says {log}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn stop_node(&mut self) {
        self.node.kill().unwrap();
        self.node.wait().unwrap();
    }

    /// Ends the node, and gives what it emitted.
    pub(crate) fn recording(mut self) -> Recording {
        drop(self.node.stdin.take());
        assert!(self.node.wait().unwrap().success());
        Recording::read(&self.folder.path().join("kitchen")).unwrap()
    }
}

/// A node that ends when this is dropped.
pub(crate) struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
        if let Some((runtime, _)) = self.hub.take() {
            runtime.shutdown_background();
        }
    }
}

fn start_hub(folder: &Path, listen: SocketAddr) -> (Runtime, SocketAddr) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let settings = EngineSettings {
        name: "attic".into(),
        listen,
        state: folder.join("hub"),
        runtime: folder.join("run"),
        streams: StreamSettings { codec: unisono_core::wire::control::Codec::Flac, ..StreamSettings::default() },
        library: Vec::new(),
        sources: SourceSettings::default(),
    };
    let api = runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let api = listener.local_addr().unwrap();
        let engine = Engine::start(&settings).unwrap();
        let serve = api::serve(listener, engine.handle());
        tokio::spawn(async move { serve.await.unwrap() });
        tokio::spawn(engine.run(std::future::pending()));
        api
    });
    (runtime, api)
}

/// Starts `unisono-node`; gives where its API answers, as its log has it.
#[expect(clippy::zombie_processes, reason = "the house waits for it")]
fn start_node(folder: &Path, name: &str, hub: SocketAddr, token: Option<&str>, arguments: &[&str]) -> (Child, String) {
    fs::write(folder.join("empty.toml"), "").unwrap();
    let log = folder.join(format!("{name}.stderr"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_unisono-node"));
    command.arg("--config").arg(folder.join("empty.toml"));
    command.arg("--state").arg(folder.join(format!("{name}-state"))).arg("--runtime").arg(folder.join("nowhere"));
    command.args(["--name", name, "--api", "127.0.0.1:0", "--with-parent"]);
    command.args(token.into_iter().flat_map(|token| ["--join", token]));
    command.args(["--hub", &hub.to_string(), "--output", &format!("model:record={}", folder.join(name).display())]);
    command.args(arguments).stdin(Stdio::piped()).stderr(fs::File::create(&log).unwrap());
    let node = command.spawn().unwrap();
    let begun = Instant::now();
    loop {
        let said = BufReader::new(fs::File::open(&log).unwrap()).lines().map_while(Result::ok);
        let mut api = said.filter_map(|line| Some(line.split_once("control API at http://")?.1.to_owned()));
        if let Some(api) = api.next() {
            return (node, api);
        }
        assert!(begun.elapsed() < PATIENCE, "{}", fs::read_to_string(&log).unwrap());
        thread::sleep(Duration::from_millis(10));
    }
}

fn ask(agent: &Agent, api: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let uri = format!("http://{api}/api/v1{path}");
    let mut request = Request::builder().method(method).uri(uri);
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let mut answer = match body {
        Some(body) => agent.run(request.body(body.to_string()).unwrap()).unwrap(),
        None => agent.run(request.body(()).unwrap()).unwrap(),
    };
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(json!(text)))
}

/// Noise of so many seconds that is like no other of another seed; gives its mean of two channels.
pub(crate) fn noise(path: &Path, seconds: usize, seed: u64) -> Vec<f32> {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut random = fastrand::Rng::with_seed(seed);
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    let mut mono = Vec::new();
    let mut slow = 0.0_f32;
    for _ in 0..seconds * 48_000 {
        // Mostly below 4 kHz, as music is.
        slow += (random.f32() - 0.5 - slow) * 0.4;
        #[expect(clippy::cast_possible_truncation, reason = "it fits")]
        let sample = (slow * 20_000.0) as i16;
        (0..2).for_each(|_| writer.write_sample(sample).unwrap());
        mono.push(f32::from(sample) / 32_768.0);
    }
    writer.finalize().unwrap();
    mono
}

/// The true clock, in seconds.
pub(crate) fn now() -> f64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0.0, |time| Duration::from(time).as_secs_f64())
}
