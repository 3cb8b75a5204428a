//! `unisono`: commands a hub, or a node, from a shell.

mod access;
mod arguments;
mod bluetooth;
mod client;
mod demo;
mod doctor;
mod equaliser;
mod hub;
mod library;
mod node;
mod out;
mod queue;
mod saved;
mod shell;
mod show;
mod table;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;
use unisono_api::ErrorView;

use self::{arguments::Arguments, hub::Cli, node::NodeArguments, out::Out};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    match node::address_in(&words) {
        Some(words) => with(NodeArguments::try_parse_from(&words), |arguments: NodeArguments| {
            let out = Out { json: arguments.json };
            (out.json, node::run(&arguments.node, out, arguments.command))
        }),
        None => with(Arguments::try_parse_from(&words), |arguments: Arguments| {
            let out = Out { json: arguments.json };
            (out.json, Cli::new(&arguments.api, arguments.token, out).run(arguments.command))
        }),
    }
}

/// Does what was said, if it could be understood.
fn with<T>(said: Result<T, clap::Error>, run: impl FnOnce(T) -> (bool, anyhow::Result<()>)) -> ExitCode {
    let arguments = match said {
        Ok(arguments) => arguments,
        Err(wrong) if wrong.use_stderr() && std::env::args_os().any(|argument| argument == "--json") => {
            complain(&unisono_settings::one_line(&wrong), true);
            return ExitCode::from(unisono_settings::WRONG_USAGE);
        }
        Err(wrong) => unisono_settings::misunderstood("unisono", &wrong),
    };
    match run(arguments) {
        (_, Ok(())) => ExitCode::SUCCESS,
        (json, Err(error)) => {
            complain(&format!("{error:#}"), json);
            ExitCode::FAILURE
        }
    }
}

/// Says on standard error what went wrong: standard output holds an answer or nothing.
fn complain(error: &str, json: bool) {
    if json {
        unisono_settings::complain(serde_json::json!(ErrorView { error: error.into() }));
    } else {
        unisono_settings::complain(format_args!("unisono: {error}"));
    }
}
