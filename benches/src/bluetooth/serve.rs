//! The guest's part: does what is asked of it through one port, and answers what time it is on another.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};

use super::orders::{Answer, Order};
use crate::lab::setup::nanos;

/// A program that does not end by itself within this is killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Does what is asked until nobody asks any more; logs of programs go to `work`.
///
/// # Errors
/// When the ports are not there.
pub fn serve(work: &Path) -> anyhow::Result<()> {
    let (command, clock) = (port("command")?, port("clock")?);
    thread::Builder::new().name("clock".into()).spawn(move || tell_time(clock))?;
    let mut programs = Programs { work: work.into(), running: HashMap::new() };
    let mut answers = command.try_clone()?;
    for line in BufReader::new(command).lines() {
        let answer = match serde_json::from_str(&line?) {
            Ok(order) => programs.obey(order).unwrap_or_else(|error| Answer::Refused(format!("{error:#}"))),
            Err(error) => Answer::Refused(error.to_string()),
        };
        writeln!(answers, "{}", serde_json::to_string(&answer)?)?;
    }
    Ok(())
}

/// Answers each line with the nanoseconds of `CLOCK_MONOTONIC` at which it came.
fn tell_time(port: File) {
    let Ok(mut answers) = port.try_clone() else { return };
    let mut port = BufReader::new(port);
    let mut line = String::new();
    while port.read_line(&mut line).is_ok_and(|length| length > 0) {
        let now = nanos();
        line.clear();
        if writeln!(answers, "{now}").is_err() {
            return;
        }
    }
}

/// Opens the port that the other side has given this name.
fn port(name: &str) -> anyhow::Result<File> {
    let begun = Instant::now();
    loop {
        for entry in fs::read_dir("/sys/class/virtio-ports").into_iter().flatten().flatten() {
            if fs::read_to_string(entry.path().join("name")).is_ok_and(|said| said.trim() == name) {
                let device = Path::new("/dev").join(entry.file_name());
                return OpenOptions::new().read(true).write(true).open(&device).context(device.display().to_string());
            }
        }
        if begun.elapsed() > PATIENCE {
            bail!("there is no port {name}");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

struct Programs {
    work: PathBuf,
    running: HashMap<String, Program>,
}

struct Program {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Programs {
    fn obey(&mut self, order: Order) -> anyhow::Result<Answer> {
        match order {
            Order::Run { words, limit_s } => run(&words, Duration::from_secs_f64(limit_s)),
            Order::Start { name, words } => self.start(name, &words),
            Order::Tell { name, line } => self.tell(&name, &line),
            Order::End { name } => {
                let mut program = self.take(&name)?;
                drop(program.child.stdin.take());
                let begun = Instant::now();
                while program.child.try_wait()?.is_none() {
                    if begun.elapsed() > PATIENCE {
                        program.child.kill()?;
                        program.child.wait()?;
                        bail!("{name} did not end and was killed");
                    }
                    thread::sleep(Duration::from_millis(10));
                }
                Ok(Answer::Done)
            }
            Order::Kill { name } => {
                let mut program = self.take(&name)?;
                program.child.kill()?;
                program.child.wait()?;
                Ok(Answer::Done)
            }
        }
    }

    fn start(&mut self, name: String, words: &[String]) -> anyhow::Result<Answer> {
        if self.running.contains_key(&name) {
            bail!("{name} runs already");
        }
        let log = OpenOptions::new().append(true).create(true).open(self.work.join(format!("{name}.stderr")))?;
        let mut child = command(words)?.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let answers = child.stdout.take().context("it has no standard output")?;
        self.running.insert(name, Program { child, answers: BufReader::new(answers) });
        Ok(Answer::Done)
    }

    fn tell(&mut self, name: &str, line: &str) -> anyhow::Result<Answer> {
        let program = self.running.get_mut(name).ok_or_else(|| anyhow!("{name} does not run"))?;
        let input = program.child.stdin.as_mut().context("its standard input has ended")?;
        writeln!(input, "{line}").with_context(|| format!("{name} has ended"))?;
        let mut answer = String::new();
        if program.answers.read_line(&mut answer)? == 0 {
            bail!("{name} has ended");
        }
        Ok(Answer::Line(answer.trim_end().into()))
    }

    fn take(&mut self, name: &str) -> anyhow::Result<Program> {
        let mut program = self.running.remove(name).ok_or_else(|| anyhow!("{name} does not run"))?;
        match program.child.try_wait()? {
            None => Ok(program),
            Some(status) => bail!("{name} has ended by itself: {status}"),
        }
    }
}

fn command(words: &[String]) -> anyhow::Result<Command> {
    let (program, arguments) = words.split_first().context("no program is named")?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

fn run(words: &[String], limit: Duration) -> anyhow::Result<Answer> {
    let mut child = command(words)?.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let said = collected(child.stdout.take());
    let complained = collected(child.stderr.take());
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > limit {
            child.kill()?;
            break child.wait()?;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let text = |thread: thread::JoinHandle<Vec<u8>>| {
        let bytes = thread.join().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ok(Answer::Ran { code: status.code(), said: text(said), complained: text(complained) })
}

/// Reads to the end in a thread of its own.
fn collected(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before it broke off is what there is.
        let _ = from.map(|mut from| from.read_to_end(&mut bytes));
        bytes
    })
}
