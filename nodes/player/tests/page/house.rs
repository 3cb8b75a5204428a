//! A hub that can be taken away and put back at the same address, and nodes whose rooms are models.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as StdListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, sync::watch};
use unisono_hub::{
    access::SetupCode,
    api::{self, ApiSettings},
    engine::{Engine, EngineSettings},
    house::StreamSettings,
};
use ureq::{Agent, http::Request};

/// A bound for failures only.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What somebody might call a room who means ill.
pub(crate) const HOSTILE: &str = "<img src=x onerror=\"document.title='caught'\"> &amp;";

pub(crate) struct House {
    pub(crate) folder: TempDir,
    listen: SocketAddr,
    api: SocketAddr,
    library: Vec<PathBuf>,
    /// What sets the hub up; on loopback it is of no use.
    pub(crate) code: SetupCode,
    hub: Option<Runtime>,
    nodes: Vec<Child>,
    agent: Agent,
}

impl House {
    /// A hub, a kitchen and a study; the study has a hostile name. Neither is in a group.
    pub(crate) fn new() -> Self {
        Self::made(TempDir::new().unwrap(), Ipv4Addr::LOCALHOST, Vec::new())
    }

    /// The same with everything that is in a folder called `music` in its own to play.
    pub(crate) fn with_library(folder: TempDir) -> Self {
        let music = folder.path().join("music");
        let house = Self::made(folder, Ipv4Addr::LOCALHOST, vec![music]);
        house.wait("the library", |house| house.ask("GET", "/library", None)["scan"].is_null());
        house
    }

    /// The same with a hub that answers the whole network, and that nobody has set up.
    pub(crate) fn on_the_network() -> Self {
        Self::made(TempDir::new().unwrap(), Ipv4Addr::UNSPECIFIED, Vec::new())
    }

    fn made(folder: TempDir, answers: Ipv4Addr, library: Vec<PathBuf>) -> Self {
        let listen = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let api = StdListener::bind((answers, 0)).unwrap().local_addr().unwrap();
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        let code = SetupCode::draw().unwrap();
        let mut house = Self { folder, listen, api, library, code, hub: None, nodes: Vec::new(), agent: config.into() };
        house.start_hub();
        for name in ["kitchen", "study"] {
            let node = house.start_node(name);
            house.nodes.push(node);
        }
        house.wait("both rooms", |house| {
            let rooms = house.ask("GET", "/rooms", None);
            rooms.as_array().is_some_and(|rooms| rooms.len() == 2 && rooms.iter().all(|room| room["online"] == true))
        });
        house.ask("PATCH", "/rooms/study", Some(&json!({"name": format!("{HOSTILE}\u{202e}")})));
        house
    }

    /// Where the page is.
    pub(crate) fn page(&self) -> String {
        format!("http://{}/", self.here())
    }

    /// The same, asked as anybody on the network asks: by an address that is not loopback.
    pub(crate) fn page_from_the_network(&self) -> String {
        format!("http://{}/", SocketAddr::new(own_address(), self.api.port()))
    }

    /// Where programs on the hub's own machine ask.
    fn here(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.api.port()))
    }

    pub(crate) fn start_hub(&mut self) {
        let begun = Instant::now();
        // Its ports may be held a moment longer.
        while UdpSocket::bind(self.listen).is_err() {
            assert!(begun.elapsed() < PATIENCE);
            thread::sleep(Duration::from_millis(5));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let settings = EngineSettings {
            name: "attic".into(),
            listen: self.listen,
            state: self.folder.path().join("hub"),
            runtime: self.folder.path().join("run"),
            streams: StreamSettings::default(),
            library: self.library.clone(),
            sources: unisono_hub::sources::SourceSettings::default(),
        };
        let (api, served) = (self.api, ApiSettings { code: Some(self.code.clone()), ..ApiSettings::default() });
        runtime.spawn(async move {
            let listener = loop {
                match TcpListener::bind(api).await {
                    Ok(listener) => break listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            };
            let engine = Engine::start(&settings).unwrap();
            let handle = engine.handle();
            tokio::spawn(async move {
                let (_goes_on, stop) = watch::channel(false);
                api::serve_until(listener, handle, served, stop).await
            });
            engine.run(std::future::pending()).await;
        });
        self.hub = Some(runtime);
        let answers = |house: &Self| house.try_ask("GET", "/hub", None).is_some();
        self.wait("the hub", answers);
    }

    pub(crate) fn stop_hub(&mut self) {
        self.hub.take().unwrap().shutdown_background();
    }

    /// Ends the kitchen's node without a word.
    pub(crate) fn kill_kitchen(&mut self) {
        self.nodes[0].kill().unwrap();
        self.nodes[0].wait().unwrap();
    }

    /// The room of that name.
    pub(crate) fn room(&self, name: &str) -> Value {
        let rooms = self.ask("GET", "/rooms", None);
        rooms.as_array().unwrap().iter().find(|room| room["name"] == name).cloned().unwrap_or_default()
    }

    /// A group of the kitchen alone, playing half a minute of a tone.
    pub(crate) fn play(&self, name: &str) {
        self.ask("POST", "/groups", Some(&json!({"name": name, "rooms": ["kitchen"]})));
        let file = self.folder.path().join("A long tone.wav");
        tone(&file, 30);
        let group = self.ask("GET", "/groups", None)[0]["id"].as_str().unwrap().to_owned();
        self.ask("POST", &format!("/groups/{group}/play"), Some(&json!({"file": file})));
        self.wait("the kitchen to play", |house| house.room("kitchen")["state"] == "playing");
    }

    /// What the hub says to something that it must do.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, said) = self.try_ask(method, path, body).unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {said}");
        said
    }

    fn try_ask(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let request = Request::builder().method(method).uri(format!("http://{}/api/v1{path}", self.here()));
        let request = request.header("content-type", "application/json");
        let mut answer = match body {
            Some(body) => self.agent.run(request.body(body.to_string()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        }
        .ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        Some((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(json!(text))))
    }

    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn start_node(&self, name: &str) -> Child {
        let token = self.ask("POST", "/tokens", Some(&json!({})))["token"].as_str().unwrap().to_owned();
        self.start_node_with(name, &["--name", name, "--join", &token])
    }

    /// Somebody types at another machine what the page says.
    pub(crate) fn type_in(&mut self, line: &str) {
        let mut words = line.split(' ');
        assert_eq!(words.next(), Some("unisono-node"));
        let node = self.start_node_with("typed", &words.collect::<Vec<_>>());
        self.nodes.push(node);
    }

    fn start_node_with(&self, name: &str, arguments: &[&str]) -> Child {
        let folder = self.folder.path();
        fs::write(folder.join("empty.toml"), "").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_unisono-node"));
        command.arg("--config").arg(folder.join("empty.toml"));
        command.arg("--state").arg(folder.join(name)).arg("--runtime").arg(folder.join("nowhere"));
        command.args(arguments).args(["--api", "127.0.0.1:0", "--with-parent"]);
        command.args(["--hub", &self.listen.to_string(), "--output", "model"]);
        let log = fs::File::create(folder.join(format!("{name}.log"))).unwrap();
        command.stdin(Stdio::piped()).stderr(log).spawn().unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
        if let Some(runtime) = self.hub.take() {
            runtime.shutdown_background();
        }
    }
}

/// By which other machines know this one. Nothing is sent.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).expect("this machine is on a network");
    socket.local_addr().unwrap().ip()
}

/// A quiet tone as a WAV file of 16 bits.
fn tone(path: &Path, seconds: u32) {
    const RATE: u32 = 48_000;
    let bytes = seconds * RATE * 2;
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(RATE.to_le_bytes());
    file.extend((RATE * 2).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(bytes.to_le_bytes());
    for frame in 0..seconds * RATE {
        #[expect(clippy::cast_possible_truncation, reason = "it fits")]
        let sample = ((f64::from(frame) * 440.0 / f64::from(RATE) * std::f64::consts::TAU).sin() * 3_000.0) as i16;
        file.extend(sample.to_le_bytes());
    }
    fs::write(path, file).unwrap();
}
