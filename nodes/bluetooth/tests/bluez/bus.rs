//! A private bus for each test.
//!
//! The C library below `bluer` reads the address of the bus once per process, from the environment. So each test runs in
//! a process of its own: the test that the harness
//! calls starts a `dbus-daemon` and then this same program once more, told to run that one test, with the address in its
//! environment.

use std::{
    env, fs,
    future::Future,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Where the D-Bus library looks.
const ADDRESS: &str = "DBUS_SYSTEM_BUS_ADDRESS";
/// That this is the inner process.
const INNER: &str = "UNISONO_TEST_ALONE";
/// A test that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(150);

/// Everybody may do everything, and nothing is started by being named.
const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:dir=FOLDER</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"#;

/// Runs a test on a bus of its own. `name` is what the harness calls it, with its modules.
pub(crate) fn alone<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    if env::var_os(INNER).is_some() {
        // Shown when the test fails.
        tracing_subscriber::fmt().with_env_filter("unisono_bluetooth=debug").with_writer(std::io::stderr).init();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::time::timeout(LIMIT, test()).await.expect("the test hangs");
        });
        // What still waits for an answer that never comes does not hold the test up.
        runtime.shutdown_timeout(Duration::from_millis(100));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("bus.conf");
    fs::write(&configuration, CONFIGURATION.replace("FOLDER", folder.path().to_str().unwrap())).unwrap();
    let mut daemon = Daemon(
        Command::new("dbus-daemon")
            .arg("--nofork")
            .arg("--print-address=1")
            .arg(format!("--config-file={}", configuration.display()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon is needed (apt install dbus-daemon)"),
    );
    let mut address = String::new();
    BufReader::new(daemon.0.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ADDRESS, address.trim())
        .env(INNER, "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("1 passed") || !output.status.success(), "there is no test called {name}\n{out}{err}");
    assert!(output.status.success(), "{out}{err}");
    print!("{}", out.lines().filter(|line| line.starts_with("| ")).map(|line| format!("{line}\n")).collect::<String>());
}

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tests, each on a bus of its own.
macro_rules! on_a_bus {
    ($($(#[$meta:meta])* async fn $name:ident() $body:block)+) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            async fn test() $body
            let name = concat!(module_path!(), "::", stringify!($name));
            $crate::bus::alone(name.split_once("::").unwrap().1, test);
        }
    )+};
}
pub(crate) use on_a_bus;
