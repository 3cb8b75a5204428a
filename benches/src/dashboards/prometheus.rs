//! A Prometheus of one's own, with the files that operators get, but for where the hub is and how often it is read.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use ureq::Agent;

/// It is ready within this, or it never is.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the hub is in the file that operators get.
const HUB: &str = "127.0.0.1:8480";

/// A Prometheus. Dropping it ends it.
pub struct Prometheus {
    child: Child,
    /// Where it answers.
    pub address: String,
    log: PathBuf,
    agent: Agent,
}

/// A series: its labels, and its values with the seconds since 1970 at which it had them.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When, and how much; not a number is left out.
    pub values: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Starts one that reads a hub, and what that names, so often; it keeps what it reads in a folder.
    ///
    /// # Errors
    /// When the package `prometheus` is not installed, or it does not start.
    pub fn start(folder: &Path, hub: &str, interval: &str) -> anyhow::Result<Self> {
        let files = super::folder().join("prometheus");
        fs::create_dir_all(folder)?;
        for name in ["recording.yml", "alerts.yml"] {
            fs::copy(files.join(name), folder.join(name)).with_context(|| format!("{name} cannot be copied"))?;
        }
        let config = fs::read_to_string(files.join("prometheus.yml"))?;
        ensure!(config.contains(HUB), "prometheus.yml does not name {HUB}");
        let config = config.replace(HUB, hub).replace("refresh_interval: 30s", "refresh_interval: 2s");
        let config = config.replace("_interval: 10s", &format!("_interval: {interval}"));
        fs::write(folder.join("prometheus.yml"), config)?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string();
        let log = folder.join("prometheus.log");
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", folder.join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log)?);
        let child = command.spawn().context("prometheus cannot be started; apt-get install prometheus")?;
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        let mut prometheus = Self { child, address, log, agent: config.into() };
        let begun = Instant::now();
        while !prometheus.is_ready() {
            if begun.elapsed() > PATIENCE || prometheus.child.try_wait()?.is_some() {
                bail!("prometheus does not start: {}", prometheus.said());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(prometheus)
    }

    /// What an expression gives now.
    ///
    /// # Errors
    /// When it is none, or Prometheus has ended.
    pub fn query(&self, expression: &str) -> anyhow::Result<Vec<Series>> {
        self.ask("query", &[("query", expression)])
    }

    /// What an expression gave between two instants, in seconds since 1970, every `step` seconds.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub fn query_range(&self, expression: &str, from: f64, to: f64, step: f64) -> anyhow::Result<Vec<Series>> {
        let [from, to, step] = [from, to, step].map(|second| second.to_string());
        self.ask("query_range", &[("query", expression), ("start", &from), ("end", &to), ("step", &step)])
    }

    /// What it has logged.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        self.agent.get(format!("http://{}/-/ready", self.address)).call().is_ok_and(|answer| answer.status() == 200)
    }

    fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Vec<Series>> {
        let mut request = self.agent.get(format!("http://{}/api/v1/{what}", self.address));
        for (name, value) in parameters {
            request = request.query(name, value);
        }
        let mut text = String::new();
        request.call()?.into_body().into_reader().read_to_string(&mut text)?;
        let answer: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
        ensure!(answer["status"] == "success", "{}: {}", parameters[0].1, answer["error"]);
        let result = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        Ok(result.iter().map(series).collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // One that has ended already is as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn series(json: &Value) -> Series {
    let labels = json["metric"].as_object().into_iter().flatten();
    let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
    let several = json["values"].as_array().cloned().unwrap_or_default();
    let one = json["value"].is_array().then(|| json["value"].clone());
    let value = |sample: Value| {
        let value: f64 = sample[1].as_str()?.parse().ok()?;
        value.is_finite().then_some((sample[0].as_f64()?, value))
    };
    Series { labels, values: several.into_iter().chain(one).filter_map(value).collect() }
}
