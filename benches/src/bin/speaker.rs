//! A Bluetooth speaker to prove with: an A2DP sink on one of `BlueZ`'s adapters, told what to do on its standard input.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use unisono_benches::speaker::{self, Options};
use unisono_settings::complain;

/// A Bluetooth speaker to prove with. Lines on standard input tell it what to do (delay 182, report 196, off, on, pairing
/// on, status, …); each is answered with a line of JSON.
#[derive(Debug, Parser)]
#[command(name = "speaker")]
struct Arguments {
    /// The adapter that it is on
    #[arg(long, default_value = "hci1")]
    adapter: String,
    /// What it can do: SBC's four bytes, in hexadecimal
    #[arg(long, default_value = "ffff0235", value_parser = |text: &str| u32::from_str_radix(text, 16))]
    capabilities: u32,
    /// It cannot report a delay
    #[arg(long)]
    mute: bool,
    /// Its true delay, in milliseconds
    #[arg(long, default_value_t = 150.0)]
    delay_ms: f64,
    /// The delay that it reports [default: none]
    #[arg(long)]
    report_ms: Option<f64>,
    /// How fast its converter runs at first, in parts per million
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    ppm: f64,
    /// PREFIX.raw and PREFIX.log get what it emits
    #[arg(long)]
    record: PathBuf,
}

fn main() -> ExitCode {
    let arguments = unisono_settings::arguments::<Arguments>();
    let options = Options {
        adapter: arguments.adapter,
        capabilities: arguments.capabilities.to_be_bytes(),
        reports: !arguments.mute,
        delay_ms: arguments.delay_ms,
        report_ms: arguments.report_ms,
        ppm: arguments.ppm,
        record: arguments.record,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(speaker::run(options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("speaker: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
