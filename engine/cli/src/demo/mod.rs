//! `unisono demo`: a hub and three rooms on one machine, as four processes that find each other, playing until Ctrl-C.

mod house;
mod leftovers;

use std::{
    fs,
    io::{self, ErrorKind, IsTerminal, Write, stdout},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use unisono_core::words::count;
use unisono_hub::{
    api::types::{GroupView, NewGroup, Play, RoomChange, RoomView},
    location,
};
use unisono_settings::print;

use self::house::DemoHouse;
use crate::{client::Client, show, table};

/// What is played when no file is named. Made by `cargo run -p unisono-benches --bin compose`.
const TRACK: &[u8] = include_bytes!("../../assets/track.flac");

/// A program that has not answered by then will not.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The table is drawn anew so often on a terminal; elsewhere a line of history is enough.
const REDRAW: Duration = Duration::from_millis(500);
const REPRINT: Duration = Duration::from_secs(5);

/// How to run the demonstration.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A WAV, FLAC, AIFF, MP3, M4A, AAC, Ogg Vorbis or Ogg Opus file; without it a short piece is repeated
    file: Option<PathBuf>,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// How loud, 0 to 100
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(..=100))]
    volume: u8,
}

/// Runs the demonstration.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopper = Arc::clone(&stop);
    ctrlc::set_handler(move || stopper.store(true, Relaxed)).context("Ctrl-C cannot be caught")?;
    if let Some(file) = &options.file {
        // Sooner than the hub would say it.
        let shown = file.display();
        match fs::metadata(file) {
            Ok(metadata) => ensure!(metadata.is_file(), "{shown} is no file; name one with music in it"),
            Err(error) if error.kind() == ErrorKind::NotFound => bail!("{shown} does not exist; check the name"),
            Err(error) => bail!("{shown} cannot be read: {error}; check who may read it"),
        }
    }
    let house = DemoHouse::start()?;
    let file = match &options.file {
        Some(file) => std::path::absolute(file).with_context(|| format!("{}", file.display()))?,
        None => {
            let path = house.folder().join("track.flac");
            fs::write(&path, TRACK).with_context(|| format!("cannot write {}", path.display()))?;
            path
        }
    };
    let client = Client::hub(house.api());
    let demo = Demo { house, client, stop, file: location::of(&file) };
    let ended = demo.run(options);
    // What Ctrl-C has cut short has not failed.
    if demo.stop.load(Relaxed) { Ok(()) } else { ended }
}

struct Demo {
    house: DemoHouse,
    client: Client,
    stop: Arc<AtomicBool>,
    file: String,
}

impl Demo {
    fn run(&self, options: &Options) -> anyhow::Result<()> {
        let Some(group) = self.prepare(options.volume)? else { return Ok(()) };
        self.play(&group)?;
        self.watch(&group, options)
    }

    /// Waits for the hub and its rooms and puts them into a group; `None` when it is to stop already.
    fn prepare(&self, volume: u8) -> anyhow::Result<Option<String>> {
        let begun = Instant::now();
        let mut said = false;
        loop {
            if self.stop.load(Relaxed) {
                return Ok(None);
            }
            self.house.check()?;
            match self.client.get::<Vec<RoomView>>("rooms") {
                Ok(rooms) if rooms.iter().filter(|room| room.online && room.sync.is_some()).count() == house::ROOMS => {
                    break;
                }
                Ok(_) if !said => {
                    print(format_args!("The hub is up; waiting for {} rooms to join.", house::ROOMS))?;
                    said = true;
                }
                Ok(_) | Err(_) => {}
            }
            if begun.elapsed() > START_LIMIT {
                bail!("the rooms have not joined; see the logs in {}", self.house.keep_logs().display());
            }
            thread::sleep(Duration::from_millis(100));
        }
        let rooms: Vec<RoomView> = self.client.get("rooms")?;
        for room in &rooms {
            let change = RoomChange { volume: Some(volume), ..RoomChange::default() };
            self.client.patch::<RoomView>(&["rooms", &room.id], &change)?;
        }
        let rooms = rooms.into_iter().map(|room| room.id).collect();
        let group: GroupView = self.client.post("groups", &NewGroup { name: "demo".into(), rooms })?;
        Ok(Some(group.id))
    }

    fn play(&self, group: &str) -> anyhow::Result<()> {
        let play = Play { file: Some(self.file.clone()), position_s: 0.0 };
        self.client.post_to::<GroupView>(&["groups", group, "play"], &play)?;
        Ok(())
    }

    /// Shows the rooms until Ctrl-C, or until the time is over.
    fn watch(&self, group: &str, options: &Options) -> anyhow::Result<()> {
        let begun = Instant::now();
        let terminal = stdout().is_terminal();
        let mut drawn = None::<Instant>;
        while !self.stop.load(Relaxed) && options.seconds.is_none_or(|limit| begun.elapsed().as_secs() < limit) {
            self.house.check()?;
            let every = if terminal { REDRAW } else { REPRINT };
            if drawn.is_none_or(|drawn| drawn.elapsed() >= every) {
                drawn = Some(Instant::now());
                let playing: GroupView = self.client.get_from(&["groups", group])?;
                if playing.state == "stopped" {
                    if options.file.is_some() {
                        return Ok(print(ended(&playing)?)?);
                    }
                    self.play(group)?;
                }
                match self.draw(&playing, &self.client.get::<Vec<RoomView>>("rooms")?, terminal) {
                    // Whoever closes standard output has seen enough.
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                    drawn => drawn.context("standard output")?,
                }
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn draw(&self, group: &GroupView, rooms: &[RoomView], terminal: bool) -> io::Result<()> {
        let mut rooms = rooms.to_vec();
        rooms.sort_by_key(|room| house::order_of(&room.name));
        let position = group.position_s.map(show::clock).unwrap_or_default();
        let length = group.length_s.map(show::clock).unwrap_or_default();
        let title = group.title.as_deref().unwrap_or_default();
        let warning = group.warning.as_ref().map(|warning| format!("warning: {warning}\n")).unwrap_or_default();
        let text = format!(
            "\"{title}\" {position} of {length} in {}, {:.0} ms behind the hub.\n\
             Page: http://{api}/ · API: http://{api}/api/v1\n{warning}\n{}\n\
             The sync error is what the converters report, not what a microphone hears. Ctrl-C ends it.\n",
            count(rooms.len(), "room"),
            group.latency_s * 1e3,
            table::rooms(&rooms),
            api = self.house.api(),
        );
        let mut out = stdout().lock();
        if terminal {
            // Home, then each line to its end, then what is below.
            write!(out, "\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n"))?;
        } else {
            writeln!(out, "{text}")?;
        }
        out.flush()
    }
}

/// What is said of a file that plays no more.
///
/// # Errors
/// When not all of it could be played, with what the hub says of it.
fn ended(group: &GroupView) -> anyhow::Result<String> {
    if let Some(warning) = &group.warning {
        bail!("{warning}");
    }
    Ok(format!("\"{}\" has played to its end.", group.title.as_deref().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_broke_off_has_not_played_to_its_end() {
        let whole = GroupView { title: Some("Song".into()), ..GroupView::default() };
        assert_eq!(ended(&whole).unwrap(), "\"Song\" has played to its end.");
        let line = "\"song.mp3\" breaks off at 3.0 s; what can be decoded is played. Try another copy";
        let broken = GroupView { warning: Some(line.into()), ..whole };
        assert_eq!(ended(&broken).unwrap_err().to_string(), line);
    }
}
