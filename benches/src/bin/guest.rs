//! What runs inside the machine that `benches/bluetooth/vm` starts.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use unisono_benches::bluetooth::{serve::serve, source, speed::Speed};
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
    /// Pair and play without a node, as lines on standard input say
    Source {
        /// Where speakers are remembered
        #[arg(default_value = "/tmp/source")]
        state: PathBuf,
    },
    /// Print as JSON what this machine can do
    Speed,
}

fn main() -> ExitCode {
    let done = match unisono_settings::arguments::<Arguments>() {
        Arguments::Serve { work } => serve(&work),
        Arguments::Source { state } => awaited(source::run(state)),
        Arguments::Speed => awaited(speed()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("guest: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn speed() -> anyhow::Result<()> {
    Ok(print(serde_json::to_string(&Speed::measure().await?)?)?)
}

fn awaited(done: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    unisono_settings::start_logging();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(done)
}
