//! A Bluetooth speaker as a program: the other end of what is proved in the machine that `benches/bluetooth/vm` starts.
//!
//! It is an A2DP sink on one of `BlueZ`'s adapters. It decodes what arrives, emits it after a delay that nobody else is
//! told, reports another if it is to, and records every frame with its instant, as `labdac` does. Lines on its standard
//! input are [`Command`]s; each is answered with a line of JSON.
//!
//! | module | what is in it | |
//! |---|---|---|
//! | `command` | what it can be told | |
//! | `bluez` | the interfaces of `BlueZ` that it uses | |
//! | `objects` | its own on the bus: endpoint and agent | |
//! | `radio` | adapter, pairing mode, transports | |
//! | [`packet`] | RTP and the header of SBC in it | sans-IO |
//! | [`emission`] | when each frame leaves it | sans-IO |
//! | `recorder` | the recording | |
//! | `stream` | the threads from the socket to the recording | |

mod bluez;
mod command;
pub mod emission;
mod objects;
pub mod packet;
mod radio;
mod recorder;
mod stream;

use std::{path::PathBuf, sync::Arc};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::mpsc,
};

pub use self::command::Command;
use self::{radio::Radio, stream::Stream};

/// What kind of speaker it is.
#[derive(Clone, Debug)]
pub struct Options {
    /// The adapter that it is on, such as `hci1`.
    pub adapter: String,
    /// What it says that it can do: the four bytes of SBC's capabilities.
    pub capabilities: [u8; 4],
    /// Whether it can report a delay at all.
    pub reports: bool,
    /// Its true delay, in milliseconds: from the arrival of a packet to its first frame.
    pub delay_ms: f64,
    /// What it reports at first, in milliseconds.
    pub report_ms: Option<f64>,
    /// How fast its converter runs before it has found the pace of what arrives, in parts per million.
    pub ppm: f64,
    /// PREFIX of the recording.
    pub record: PathBuf,
}

/// Runs until standard input ends.
///
/// # Errors
/// When there is no system bus, or the recording cannot be written.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let stream = Arc::new(Stream::start(&options.record, options.delay_ms, options.ppm)?);
    let (events, mut said) = mpsc::unbounded_channel();
    let mut radio = Radio::start(&options, Arc::clone(&stream), events).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line? else { return Ok(()) };
                let answer = match line.parse::<Command>() {
                    Ok(command) => obey(&mut radio, &stream, command).await,
                    Err(error) => json!({ "error": error.to_string() }),
                };
                unisono_settings::print(answer)?;
            }
            Some(event) = said.recv() => radio.handle(event).await,
        }
    }
}

async fn obey(radio: &mut Radio, stream: &Stream, command: Command) -> Value {
    let done = match command {
        Command::Delay(ms) => {
            stream.set_delay(ms);
            Ok(())
        }
        Command::Report(ms) => radio.report(ms).await,
        Command::Power(on) => radio.power(on).await,
        Command::Pairing(on) => radio.pairing(on).await,
        Command::Forget => radio.forget().await,
        Command::Call => radio.call().await,
        Command::Disconnect => radio.disconnect().await,
        Command::Volume(volume) => radio.turn(volume).await,
        Command::Record(prefix) => stream.record(&prefix),
        Command::Status => {
            let (counts, radio) = (stream.counts(), radio.status().await);
            return json!({ "radio": radio, "stream": counts });
        }
    };
    match done {
        Ok(()) => json!({}),
        Err(error) => json!({ "error": format!("{error:#}") }),
    }
}
