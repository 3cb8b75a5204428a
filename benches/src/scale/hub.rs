//! The hub: the program, alone on a core, asked through its API.

use std::{
    fs,
    fs::File,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use unisono_household::token::JoinToken;
use ureq::Agent;

use super::machine::{self, Process};

/// A hub that has not answered by then will not.
const PATIENCE: Duration = Duration::from_secs(60);

/// The way to a hub's API. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Api {
    agent: Agent,
    address: SocketAddr,
}

/// A hub that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Hub {
    child: Child,
    /// Its API.
    pub api: Api,
    /// What it uses.
    pub process: Process,
}

impl Hub {
    /// Founds a household in an empty folder, with a hub that keeps to one core. This thread then keeps to `mine`.
    ///
    /// # Errors
    /// When the program is not beside this one, or does not answer.
    pub fn start(folder: &Path, core: usize, mine: usize, more: &[String]) -> anyhow::Result<Self> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        fs::write(folder.join("empty.toml"), "")?;
        let programs = std::env::current_exe()?;
        let program = programs.parent().context("this program is in no folder")?.join("unisono-hub");
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let listen = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = File::create(folder.join("hub.log"))?;
        machine::pin_to(core)?;
        let child = Command::new(&program)
            .arg("--config")
            .arg(folder.join("empty.toml"))
            .arg("--state")
            .arg(folder.join("state"))
            .arg("--runtime")
            .arg(folder.join("runtime"))
            .arg("--listen")
            .arg(format!("127.0.0.1:{listen}"))
            .arg("--api")
            .arg(address.to_string())
            .arg("--with-parent")
            .args(more)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        machine::pin_to(mine)?;
        let child = child.with_context(|| format!("{} cannot be started; build the workspace", program.display()))?;
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).build();
        let api = Api { agent: config.into(), address };
        let process = Process::new(child.id());
        let hub = Self { child, api, process };
        let begun = Instant::now();
        while hub.api.get("/hub").is_err() {
            if begun.elapsed() > PATIENCE {
                bail!("the hub does not answer; its log is in {}", folder.display());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(hub)
    }

    /// A token with which so many nodes can join.
    ///
    /// # Errors
    /// When the hub does not give one.
    pub fn token(&self, uses: usize) -> anyhow::Result<JoinToken> {
        let answer = self.api.post("/tokens", &json!({ "lifetime_s": 3_600, "uses": uses }))?;
        Ok(answer["token"].as_str().context("the answer holds no token")?.parse()?)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Api {
    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.address)
    }

    /// What is at a path.
    ///
    /// # Errors
    /// When the hub does not answer, or refuses.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        let mut answer = self.agent.get(self.url(path)).call()?;
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    }

    /// Has something done.
    ///
    /// # Errors
    /// When the hub does not answer, or refuses.
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let mut answer = self.agent.post(self.url(path)).send_json(body)?;
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    }

    /// How long an answer takes, to its last byte, in seconds; what it says is not looked at.
    ///
    /// # Errors
    /// When there is none.
    pub fn time(&self, path: &str) -> anyhow::Result<f64> {
        let begun = Instant::now();
        self.agent.get(self.url(path)).call()?.body_mut().read_to_vec()?;
        Ok(begun.elapsed().as_secs_f64())
    }
}
