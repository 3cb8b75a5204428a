//! Chromium through its driver, and a person with a keyboard before it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fantoccini::{Client, Locator, elements::Element, key::Key};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::house::PATIENCE;

/// After so many steps of the Tab key a whole screen has been gone through.
const MOST_STOPS: usize = 150;

pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
    address: String,
    session: String,
    _profile: TempDir,
}

/// Starts chromedriver; gives its port too, if it found one.
fn start_driver() -> Option<(Child, String)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("chromedriver: {error}; apt-get install chromium chromium-driver"));
    let mut said = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port = said.find_map(|line| Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned()));
    // What it says further is not read, and must not fill the pipe.
    std::thread::spawn(move || said.for_each(drop));
    if port.is_none() {
        driver.wait().unwrap();
    }
    Some((driver, port?))
}

impl Browser {
    /// A window as large as a phone's, at an address.
    pub(crate) async fn open(page: &str) -> Self {
        // It looks for a port that is free in IPv4, and ends where another has it in IPv6.
        let (driver, port) = (0..10).find_map(|_| start_driver()).expect("chromedriver has a port");
        let address = format!("http://127.0.0.1:{port}");
        let profile = TempDir::new().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", &folder];
        let capabilities = json!({
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
        let client = Client::with_capabilities_and_connector(&address, &capabilities, HttpConnector::new());
        let client = client.await.unwrap();
        let session = client.session_id().await.unwrap().unwrap();
        let browser = Self { client, driver, address, session, _profile: profile };
        browser.size(390, 844).await;
        browser.client.goto(page).await.unwrap();
        browser
    }

    /// Has the page be so large, in CSS pixels.
    pub(crate) async fn size(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Has the system wish for `light` or `dark`.
    pub(crate) async fn look(&self, look: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": look}]});
        self.command("Emulation.setEmulatedMedia", &features);
    }

    /// Goes to a screen of the page.
    pub(crate) async fn show(&self, screen: &str) {
        self.client.execute("location.hash = arguments[0]", vec![json!(screen)]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
    }

    pub(crate) async fn find(&self, selector: &str) -> Element {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// What a script gives.
    pub(crate) async fn eval(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until a script gives true.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        let begun = Instant::now();
        while self.eval(&format!("return Boolean({script})")).await != json!(true) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}; the page has\n{}", self.text().await);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// All that can be read.
    pub(crate) async fn text(&self) -> String {
        self.eval("return document.body.innerText").await.as_str().unwrap_or_default().to_owned()
    }

    /// Presses a key where the focus is.
    pub(crate) async fn press(&self, key: Key) {
        let text: String = char::from(key).into();
        self.type_in(&text).await;
    }

    /// Types where the focus is.
    pub(crate) async fn type_in(&self, text: &str) {
        self.client.active_element().await.unwrap().send_keys(text).await.unwrap();
    }

    /// Goes on with the Tab key until what a screen reader would call by this name has the focus.
    pub(crate) async fn tab_to(&self, name: &str) {
        for _ in 0..MOST_STOPS {
            self.press(Key::Tab).await;
            let at = self.eval(FOCUSED).await;
            if at.as_str().is_some_and(|at| at.contains(name)) {
                return;
            }
        }
        panic!("the Tab key does not lead to {name}; the page has\n{}", self.text().await);
    }

    /// What the browser has complained of since it was last asked, but for what `excused` says.
    pub(crate) fn complaints(&self, excused: impl Fn(&str) -> bool) -> Vec<String> {
        let log = self.post("se/log", &json!({"type": "browser"}));
        let entries = log["value"].as_array().cloned().unwrap_or_default();
        let bad = entries.iter().filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        let texts = bad.filter_map(|entry| entry["message"].as_str().map(String::from));
        texts.filter(|text| !excused(text)).collect()
    }

    /// Fails when the browser has complained.
    pub(crate) fn assert_content(&self) {
        let complaints = self.complaints(|_| false);
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    fn command(&self, command: &str, parameters: &Value) {
        self.post("goog/cdp/execute", &json!({"cmd": command, "params": parameters}));
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        let uri = format!("{}/session/{}/{command}", self.address, self.session);
        ureq::post(uri).send_json(body).unwrap().body_mut().read_json().unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It takes its browser along.
        let _ = ureq::delete(format!("{}/session/{}", self.address, self.session)).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// What has the focus, as it is called.
const FOCUSED: &str = "const at = document.activeElement;
    const label = at.labels?.[0]?.innerText;
    return at.getAttribute('aria-label') ?? label ?? at.innerText ?? '';";
