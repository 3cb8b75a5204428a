//! What runs inside the machine that `benches/bluetooth/vm` starts.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use unisono_benches::bluetooth::{serve::serve, speed::Speed};
use unisono_settings::{complain, print};

/// What runs inside the machine that benches/bluetooth/vm starts.
#[derive(Debug, Parser)]
#[command(name = "guest")]
enum Arguments {
    /// Do what is asked through the ports
    Serve {
        /// Where logs go
        #[arg(default_value = "/work")]
        work: PathBuf,
    },
    /// Print as JSON what this machine can do
    Speed,
}

fn main() -> ExitCode {
    let done = match unisono_settings::arguments::<Arguments>() {
        Arguments::Serve { work } => serve(&work),
        Arguments::Speed => speed(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("guest: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn speed() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let speed = runtime.block_on(Speed::measure())?;
    Ok(print(serde_json::to_string(&speed)?)?)
}
