//! `unisono bluetooth`: the speakers of a room, through its hub or on its node.

mod choose;
mod show;

use anyhow::{bail, ensure};
use clap::Subcommand;
use serde_json::Value;
use unisono_api::bluetooth::{Pair, PairLine, ScanLine, SpeakerChange, SpeakerSummary};

use crate::{client::Client, out::Out};

/// What can be done with speakers.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the speakers that are in reach, as they are found
    Scan {
        /// For how long, in seconds
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=120))]
        seconds: u16,
    },
    /// Pair a speaker, connect it and play a chime
    Pair {
        /// Its address; without it, those in reach are listed to choose from
        address: Option<String>,
        /// Its PIN, for the few that want one
        #[arg(long)]
        pin: Option<String>,
        /// For how long to look, in seconds, where no address is given
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=120))]
        seconds: u16,
    },
    /// Disconnect a speaker and forget it
    Forget {
        /// Its address
        address: String,
    },
    /// Connect a speaker that is remembered
    Connect {
        /// Its address
        address: String,
    },
    /// Disconnect a speaker until it is connected again
    Disconnect {
        /// Its address
        address: String,
    },
    /// Show the speakers that are remembered, and how each is doing
    List,
    /// Play a chime on a speaker
    Test {
        /// Its address
        address: String,
    },
    /// Change what is remembered of a speaker
    Set {
        /// Its address
        address: String,
        #[command(flatten)]
        change: Change,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Change {
    /// What it is called
    #[arg(long)]
    name: Option<String>,
    /// Whether it is kept connected and left to others (polite) or taken from them (exclusive), or is connected only while
    /// a room plays on it (`on_demand`)
    #[arg(long, value_parser = ["polite", "exclusive", "on_demand"])]
    mode: Option<String>,
    /// What is added to its latency, in milliseconds: more when the speaker is heard late
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    trim_ms: Option<f64>,
    /// What becomes of it while nothing plays: a tone that nobody hears or silence keep it awake
    #[arg(long, value_parser = ["tone", "silence", "suspend", "disconnect"])]
    idle: Option<String>,
    /// How much is asked of the radio
    #[arg(long, value_parser = ["standard", "xq"])]
    quality: Option<String>,
    /// What stands for the room's volume: the speaker's own, where it has one that follows, or the samples alone
    #[arg(long, value_parser = ["speaker", "samples"])]
    volume: Option<String>,
}

/// What a person is to do first.
const FIRST: &str = "Switch the speaker off and on, and set its pairing mode (mostly: hold its Bluetooth button until it \
                     blinks quickly or says so). Hold it near, and disconnect it from phones that are near.";

/// The speakers of one node.
pub(crate) struct Speakers<'a> {
    client: &'a Client,
    out: Out,
    path: Vec<String>,
}

impl<'a> Speakers<'a> {
    /// Those at a path of an API.
    pub(crate) const fn new(client: &'a Client, out: Out, path: Vec<String>) -> Self {
        Self { client, out, path }
    }

    /// Does something.
    pub(crate) fn run(&self, command: Command) -> anyhow::Result<()> {
        match command {
            Command::Scan { seconds } => self.scan(seconds),
            Command::Pair { address, pin, seconds } => {
                self.out.say(FIRST);
                let address = match address {
                    Some(address) => address,
                    None => self.choose(seconds)?,
                };
                self.pair(&Pair { address, pin })
            }
            Command::List => {
                let speakers: Value = self.client.get_from(&self.below(&[]))?;
                if self.out.json {
                    return self.out.print(&speakers, |_| String::new());
                }
                let speakers: Vec<SpeakerSummary> = serde_json::from_value(speakers)?;
                self.out.print(&(), |()| show::speakers(&speakers))
            }
            Command::Forget { address } => self.act(&address, "forget", "is forgotten"),
            Command::Connect { address } => self.act(&address, "connect", "is connected"),
            Command::Disconnect { address } => self.act(&address, "disconnect", "is disconnected"),
            Command::Test { address } => self.act(&address, "test", "has played a chime"),
            Command::Set { address, change } => {
                let Change { name, mode, trim_ms, idle, quality, volume } = change;
                let change = SpeakerChange { name, mode, trim_ms, idle, quality, volume_mode: volume };
                let changed: Value = self.client.patch(&self.below(&[&address]), &change)?;
                self.out.print(&changed, |changed| match changed["quality_why"].as_str() {
                    Some(why) => format!("{address} is changed; quality: {why}"),
                    None => format!("{address} is changed"),
                })
            }
        }
    }

    fn scan(&self, seconds: u16) -> anyhow::Result<()> {
        self.out.say(FIRST);
        let mut failure = None;
        self.client.lines(&self.below(&["scan"]), &query(seconds), &(), |text, line: Option<ScanLine>| {
            match line {
                None => {}
                Some(_) if self.out.json => self.out.line(text)?,
                Some(ScanLine::Found(found)) => self.out.line(show::found(&found))?,
                Some(ScanLine::Over { failure: why }) => failure = why,
            }
            Ok(true)
        })?;
        match failure {
            Some(failure) => bail!("{}; {}", failure.cause, failure.remedy),
            None => Ok(()),
        }
    }

    fn pair(&self, pair: &Pair) -> anyhow::Result<()> {
        let mut end = None;
        self.client.lines(&self.below(&["pair"]), "", pair, |text, line: Option<PairLine>| {
            let Some(line) = line else { return Ok(true) };
            if self.out.json {
                self.out.line(text)?;
            }
            match line {
                PairLine::Step { text, .. } => self.out.say(text),
                PairLine::Paired { address } => end = Some(Ok(address)),
                PairLine::Failed { failure } => end = Some(Err(failure)),
            }
            Ok(true)
        })?;
        match end {
            Some(Ok(_)) if self.out.json => Ok(()),
            Some(Ok(address)) => self.out.line(format_args!("{address} is paired and connected")),
            Some(Err(failure)) => bail!("{}; {}", failure.cause, failure.remedy),
            None => bail!("the pairing broke off; try again"),
        }
    }

    fn act(&self, address: &str, verb: &str, done: &str) -> anyhow::Result<()> {
        ensure!(!address.is_empty(), "an address is like AA:BB:CC:DD:EE:FF; `unisono bluetooth list` has them");
        let answer: Value = self.client.post_slowly(&self.below(&[address, verb]), &())?;
        self.out.print(&answer, |_| format!("{address} {done}"))
    }

    fn below<'b>(&'b self, more: &[&'b str]) -> Vec<&'b str> {
        self.path.iter().map(String::as_str).chain(more.iter().copied()).collect()
    }
}

/// For how long to scan.
fn query(seconds: u16) -> String {
    format!("?seconds={seconds}")
}
