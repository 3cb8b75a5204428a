//! The processes of the demonstration: started together, ended together, nothing left behind.

use std::{
    env,
    fs::{self, DirBuilder, File},
    net::{TcpListener, UdpSocket},
    os::unix::{fs::DirBuilderExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{self, Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use unisono_settings::{API_PORT, HUB_PORT};

use super::leftovers;

/// Rooms and what each plays into. The first takes the sound card when there is one.
const ROOM_OUTPUTS: [(&str, &str); ROOMS] =
    [("kitchen", "auto"), ("living room", "model:ppm=40"), ("bedroom", "model:ppm=-35")];

/// How many rooms there are.
pub(super) const ROOMS: usize = 3;

/// A process that has not ended by then is killed.
const END_LIMIT: Duration = Duration::from_secs(3);

/// Rooms in the order in which they are shown.
pub(super) fn order_of(name: &str) -> usize {
    ROOM_OUTPUTS.iter().position(|(room, _)| *room == name).unwrap_or(ROOMS)
}

/// A program that runs. It ends by itself when its standard input does, so that nothing is left behind even when this
/// process is killed.
struct Program {
    name: String,
    child: Child,
    log: PathBuf,
    _lifeline: Option<ChildStdin>,
}

/// A hub and its nodes. Dropping it ends them and deletes what they kept.
pub(super) struct DemoHouse {
    folder: PathBuf,
    api: String,
    programs: Vec<Program>,
}

impl DemoHouse {
    /// Starts four processes.
    pub(super) fn start() -> anyhow::Result<Self> {
        leftovers::clean(&env::temp_dir());
        let folder = private_folder()?;
        let listen = free_udp_port().context("no free UDP port")?;
        let api = free_tcp_port().context("no free TCP port")?;
        let mut house = Self { folder, api: format!("127.0.0.1:{api}"), programs: Vec::new() };
        house.spawn("hub", "unisono-hub", |command, folder| {
            command.args([
                "--name",
                "demo",
                "--listen",
                &format!("127.0.0.1:{listen}"),
                "--api",
                &format!("127.0.0.1:{api}"),
            ]);
            command.arg("--config").arg(folder.join("empty.toml")).arg("--state").arg(folder.join("hub"));
        })?;
        for (room, output) in ROOM_OUTPUTS {
            house.spawn(room, "unisono-node", |command, folder| {
                command.args(["--name", room, "--output", output, "--hub", &format!("127.0.0.1:{listen}")]);
                command.arg("--config").arg(folder.join("empty.toml")).arg("--state").arg(folder.join(room));
            })?;
        }
        Ok(house)
    }

    /// Where the control API answers.
    pub(super) fn api(&self) -> &str {
        &self.api
    }

    /// Deleted at the end.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// # Errors
    /// When one of the programs has ended; with what it said last.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for program in &self.programs {
            let ended = kill(Pid::from_raw(program.child.id().cast_signed()), None).is_err() || program.is_zombie();
            if ended {
                let said = fs::read_to_string(&program.log).unwrap_or_default();
                let last = said.lines().last().unwrap_or("it said nothing");
                bail!("{} has ended: {last}", program.name);
            }
        }
        Ok(())
    }

    /// Copies the logs to a new folder, which is not deleted.
    pub(super) fn keep_logs(&self) -> PathBuf {
        let kept = env::temp_dir().join(format!("unisono-demo-logs-{}", process::id()));
        // Nobody else can have made it, with links in it.
        if DirBuilder::new().mode(0o700).create(&kept).is_err() {
            return self.folder.clone();
        }
        for program in &self.programs {
            if let Some(name) = program.log.file_name() {
                // What cannot be copied is lost; the demonstration has failed anyway.
                let _ = fs::copy(&program.log, kept.join(name));
            }
        }
        kept
    }

    fn spawn(&mut self, name: &str, program: &str, arguments: impl Fn(&mut Command, &Path)) -> anyhow::Result<()> {
        let log = self.folder.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(beside_this(program));
        arguments(&mut command, &self.folder);
        command.arg("--runtime").arg(self.folder.join("run")).arg("--with-parent");
        // Ctrl-C is for this process, which ends the others in their order.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(file).process_group(0);
        let mut child =
            command.spawn().with_context(|| format!("cannot start {program}; is it installed beside this?"))?;
        let lifeline = child.stdin.take();
        self.programs.push(Program { name: name.into(), child, log, _lifeline: lifeline });
        Ok(())
    }
}

impl Program {
    fn is_zombie(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
    }
}

impl Drop for DemoHouse {
    fn drop(&mut self) {
        for program in &self.programs {
            // One that has ended already is as it should be.
            let _ = kill(Pid::from_raw(program.child.id().cast_signed()), Signal::SIGTERM);
        }
        let until = Instant::now() + END_LIMIT;
        for program in &mut self.programs {
            while matches!(program.child.try_wait(), Ok(None)) && Instant::now() < until {
                thread::sleep(Duration::from_millis(10));
            }
            // Nothing that has ended can be killed, and that is fine.
            let _ = program.child.kill();
            let _ = program.child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A program in the folder of this one, else wherever the system finds it.
fn beside_this(program: &str) -> PathBuf {
    let beside = env::current_exe().ok().and_then(|this| Some(this.parent()?.join(program)));
    beside.filter(|path| path.exists()).unwrap_or_else(|| program.into())
}

/// A new folder that only this user can read, with the empty settings file in it.
fn private_folder() -> anyhow::Result<PathBuf> {
    let folder = env::temp_dir().join(format!("{}{}", leftovers::PREFIX, process::id()));
    DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    fs::write(folder.join("empty.toml"), "").context("cannot write to the new folder")?;
    Ok(folder)
}

/// The usual port if it is free, else any.
fn free_tcp_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", API_PORT)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)))?;
    Ok(listener.local_addr()?.port())
}

fn free_udp_port() -> std::io::Result<u16> {
    let socket = UdpSocket::bind(("127.0.0.1", HUB_PORT)).or_else(|_| UdpSocket::bind(("127.0.0.1", 0)))?;
    Ok(socket.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_is_not_for_the_programs_and_they_end_when_this_one_does() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("demo");
        fs::create_dir(&folder).unwrap();
        let mut house = DemoHouse { folder, api: String::new(), programs: Vec::new() };
        let reads_to_the_end = |command: &mut Command, _: &Path| {
            command.args(["-c", "cat"]);
        };
        house.spawn("kitchen", "sh", reads_to_the_end).unwrap();
        house.check().unwrap();
        let process = house.programs[0].child.id();
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        // Behind the name: its state, its parent, its group.
        let group = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(2).unwrap();
        assert_eq!(group, process.to_string());
        // As when this process is killed.
        house.programs[0]._lifeline = None;
        let until = Instant::now() + Duration::from_secs(20);
        while house.check().is_ok() {
            assert!(Instant::now() < until, "it is left behind");
            thread::sleep(Duration::from_millis(5));
        }
    }
}
