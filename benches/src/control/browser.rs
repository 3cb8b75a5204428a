//! The page in Chromium, as its own clock and its own list of what it has fetched have it.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use ureq::Agent;

/// A browser that has not answered by then will not.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was seen of one visit.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// From the beginning of the navigation until something was painted, in milliseconds.
    pub paint_ms: f64,
    /// Until all rooms were in the page.
    pub rooms_ms: f64,
    /// Bytes that were fetched until then, with their heads.
    pub on_the_wire: f64,
    /// The same unpacked, without.
    pub unpacked: f64,
    /// Files.
    pub files: f64,
}

/// Chromium and its driver.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    agent: Agent,
    session: String,
}

impl Browser {
    /// A window as large as a phone's.
    ///
    /// # Errors
    /// When there is no Chromium.
    pub fn open(profile: &Path) -> anyhow::Result<Self> {
        let _ = std::fs::remove_dir_all(profile);
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("chromedriver cannot be started; apt-get install chromium chromium-driver")?;
        let said = driver.stdout.take().context("chromedriver says nothing")?;
        let mut said = BufReader::new(said).lines().map_while(Result::ok);
        let port =
            said.find_map(|line| Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned()));
        // What it says further is not read, and must not fill the pipe.
        thread::spawn(move || said.for_each(drop));
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).build();
        let root = format!("http://127.0.0.1:{}/session", port.unwrap_or_default());
        let mut browser = Self { driver, agent: config.into(), session: root.clone() };
        let folder = format!("--user-data-dir={}", profile.display());
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", &folder];
        let capabilities = json!({ "alwaysMatch": { "goog:chromeOptions": { "args": arguments } } });
        let answer = browser.post("", &json!({ "capabilities": capabilities }))?;
        let id = answer["sessionId"].as_str().context("chromedriver gives no session")?;
        browser.session = format!("{root}/{id}");
        let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": false });
        browser.command("Emulation.setDeviceMetricsOverride", &phone)?;
        // Notes by the page's own clock when the last of the rooms is there.
        browser.command("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": NOTE }))?;
        Ok(browser)
    }

    /// Goes to the page as somebody who has never been there.
    ///
    /// # Errors
    /// When the page does not show so many rooms.
    pub fn visit(&self, hub: SocketAddr, rooms: usize) -> anyhow::Result<Visit> {
        self.post("/url", &json!({ "url": "about:blank" }))?;
        self.command("Network.clearBrowserCache", &json!({}))?;
        self.post("/url", &json!({ "url": format!("http://{hub}/") }))?;
        let begun = Instant::now();
        loop {
            let seen = self.eval(LOOK, &json!([rooms]))?;
            if let Some(&[paint_ms, rooms_ms, on_the_wire, unpacked, files]) = numbers(&seen).as_deref() {
                return Ok(Visit { paint_ms, rooms_ms, on_the_wire, unpacked, files });
            }
            if begun.elapsed() > PATIENCE {
                bail!(
                    "the page does not show {rooms} rooms: {}",
                    self.eval("return document.body.innerText", &json!([]))?
                );
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn eval(&self, script: &str, arguments: &Value) -> anyhow::Result<Value> {
        self.post("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    fn command(&self, command: &str, parameters: &Value) -> anyhow::Result<Value> {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    fn post(&self, command: &str, body: &Value) -> anyhow::Result<Value> {
        let mut answer = self.agent.post(format!("{}{command}", self.session)).send_json(body)?;
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        Ok(answer["value"].clone())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It takes its browser along.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

const NOTE: &str = "window.roomsAt = {};
    new MutationObserver(() => {
        window.roomsAt[document.querySelectorAll('u-room-row').length] ??= performance.now();
    }).observe(document, { childList: true, subtree: true });";

/// Nothing until all rooms are there and what was painted is known.
const LOOK: &str = "const rooms = window.roomsAt?.[arguments[0]];
    const paint = performance.getEntriesByName('first-contentful-paint')[0]?.startTime;
    if (rooms === undefined || paint === undefined) return null;
    const fetched = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
        .filter((entry) => !entry.name.includes('/api/'));
    const sum = (key) => fetched.reduce((sum, entry) => sum + entry[key], 0);
    return [paint, rooms, sum('transferSize'), sum('decodedBodySize'), fetched.length];";
