//! A guest, from outside: it is started, asked, and gone when it is dropped.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use serde::de::DeserializeOwned;

use super::{
    clock::{Exchange, Mapping},
    orders::{Answer, Order},
};
use crate::lab::{interrupt::pause, setup::nanos};

/// A guest that has not started by then will not: it takes 8 s on an idle machine.
const BOOT: Duration = Duration::from_secs(120);

/// An answer that has not come by then will not, beyond what the question itself may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// From one look at the guest's clock to the next.
const LOOKS_APART: Duration = Duration::from_millis(20);

/// A guest that runs.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    work: PathBuf,
    orders: UnixStream,
    answers: BufReader<UnixStream>,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    over: Arc<AtomicBool>,
}

impl Machine {
    /// Starts a guest in `dir`, in which the programs in a folder are /programs and `work` is /work; `vm` is the command
    /// with which the script of this name is run.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(mut vm: Command, dir: &Path, programs: &Path, work: &Path) -> anyhow::Result<Self> {
        for port in ["command", "clock"] {
            let _ = fs::remove_file(work.join(format!("{port}.socket")));
        }
        let log = fs::File::create(work.join("vm.log"))?;
        vm.arg("run").args([dir, programs, work]);
        vm.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = vm.spawn().context("the virtual machine cannot be started")?;
        match Self::reach(&mut child, work) {
            Ok((orders, exchanges, over)) => {
                let answers = BufReader::new(orders.try_clone()?);
                let mut machine = Self { child, work: work.into(), orders, answers, exchanges, over };
                machine.run(&["true"]).context("the guest did not start")?;
                Ok(machine)
            }
            Err(error) => {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                let said = fs::read_to_string(work.join("vm.log")).unwrap_or_default();
                Err(error.context(said.trim().to_owned()))
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "used once")]
    fn reach(
        child: &mut Child,
        work: &Path,
    ) -> anyhow::Result<(UnixStream, Arc<Mutex<Vec<Exchange>>>, Arc<AtomicBool>)> {
        let orders = connected(child, &work.join("command.socket"))?;
        orders.set_read_timeout(Some(BOOT))?;
        let clock = connected(child, &work.join("clock.socket"))?;
        clock.set_read_timeout(Some(BOOT))?;
        let (exchanges, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (kept, ended) = (Arc::clone(&exchanges), Arc::clone(&over));
        thread::Builder::new().name("clock".into()).spawn(move || watch(&clock, &kept, &ended))?;
        Ok((orders, exchanges, over))
    }

    /// The folder that is /work inside.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Runs a command in the guest, and gives what it printed.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub fn run(&mut self, words: &[&str]) -> anyhow::Result<String> {
        self.run_within(words, PATIENCE)
    }

    /// As [`Self::run`], for a command that may take so long.
    ///
    /// # Errors
    /// As there.
    pub fn run_within(&mut self, words: &[&str], limit: Duration) -> anyhow::Result<String> {
        let order = Order::Run { words: owned(words), limit_s: limit.as_secs_f64() };
        match self.ask(&order, limit)? {
            Answer::Ran { code: Some(0), said, .. } => Ok(said),
            Answer::Ran { code, complained, .. } => {
                let code = code.map_or("was ended by the limit".into(), |code| format!("ended with {code}"));
                Err(anyhow!("{} {code}: {}", words.join(" "), complained.trim()))
            }
            other => bail!("{}: {other:?}", words.join(" ")),
        }
    }

    /// Runs a command in the guest that prints JSON.
    ///
    /// # Errors
    /// When it fails, or prints something else.
    pub fn json<T: DeserializeOwned>(&mut self, words: &[&str]) -> anyhow::Result<T> {
        let said = self.run(words)?;
        serde_json::from_str(&said).with_context(|| format!("{} printed {said:?}", words.join(" ")))
    }

    /// Starts a program in the guest; its complaints are in NAME.stderr in the work folder.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&mut self, name: &str, words: &[&str]) -> anyhow::Result<()> {
        self.done(&Order::Start { name: name.into(), words: owned(words) })
    }

    /// Gives a program a line, and reads the JSON with which it answers.
    ///
    /// # Errors
    /// When it has ended, or answers with an error.
    pub fn tell(&mut self, name: &str, line: &str) -> anyhow::Result<serde_json::Value> {
        let order = Order::Tell { name: name.into(), line: line.into() };
        match self.ask(&order, PATIENCE)? {
            Answer::Line(said) => {
                let value: serde_json::Value = serde_json::from_str(&said).with_context(|| format!("{said:?}"))?;
                match value["error"].as_str() {
                    Some(error) => bail!("{name}: {line}: {error}"),
                    None => Ok(value),
                }
            }
            other => bail!("{name}: {line}: {other:?}"),
        }
    }

    /// Ends a program in order.
    ///
    /// # Errors
    /// When it has ended before, or does not end.
    pub fn end(&mut self, name: &str) -> anyhow::Result<()> {
        self.done(&Order::End { name: name.into() })
    }

    /// Ends a program as a power cut would.
    ///
    /// # Errors
    /// When it has ended before.
    pub fn kill(&mut self, name: &str) -> anyhow::Result<()> {
        self.done(&Order::Kill { name: name.into() })
    }

    /// The guest's clock on ours, by all looks at it up to now.
    ///
    /// # Errors
    /// When it was never seen.
    pub fn clock(&self) -> anyhow::Result<Mapping> {
        let exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        Mapping::new(&exchanges).context("the guest has never said what time it is")
    }

    fn done(&mut self, order: &Order) -> anyhow::Result<()> {
        match self.ask(order, PATIENCE)? {
            Answer::Done => Ok(()),
            other => bail!("{order:?}: {other:?}"),
        }
    }

    fn ask(&mut self, order: &Order, limit: Duration) -> anyhow::Result<Answer> {
        self.orders.set_read_timeout(Some(limit.max(BOOT) + PATIENCE))?;
        writeln!(self.orders, "{}", serde_json::to_string(order)?)?;
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).with_context(|| format!("no answer to {order:?}"))?;
        if read == 0 {
            let console = fs::read_to_string(self.work.join("console.log")).unwrap_or_default();
            let last: Vec<&str> = console.lines().rev().take(5).collect();
            bail!("the guest is gone; it said last: {}", last.into_iter().rev().collect::<Vec<_>>().join(" / "));
        }
        match serde_json::from_str(&line)? {
            Answer::Refused(why) => Err(anyhow!("{why}")),
            answer => Ok(answer),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // One that has ended already is as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn connected(child: &mut Child, path: &Path) -> anyhow::Result<UnixStream> {
    let begun = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(stream),
            Err(error) if begun.elapsed() > PATIENCE => return Err(error).context(path.display().to_string()),
            Err(_) => {}
        }
        if let Some(status) = child.try_wait()? {
            bail!("the virtual machine ended with {status}");
        }
        pause(Duration::from_millis(20))?;
    }
}

/// Looks at the guest's clock until it is over.
fn watch(port: &UnixStream, kept: &Mutex<Vec<Exchange>>, over: &AtomicBool) {
    let Ok(answers) = port.try_clone() else { return };
    let (mut port, mut answers) = (port, BufReader::new(answers));
    let mut line = String::new();
    while !over.load(Ordering::Relaxed) {
        let asked = nanos();
        if port.write_all(b"?\n").is_err() {
            return;
        }
        line.clear();
        // What was asked before the guest listened may come to nothing.
        let Ok(1..) = answers.read_line(&mut line) else { return };
        let answered = nanos();
        if let Ok(said) = line.trim().parse() {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(Exchange { asked, said, answered });
        }
        thread::sleep(LOOKS_APART);
    }
}
