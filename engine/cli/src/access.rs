//! `unisono setup` and `unisono access`: who may use the hub's API.

use std::{
    io::{self, BufRead, IsTerminal},
    process::Command,
};

use anyhow::{Context, bail};
use clap::Subcommand;
use unisono_hub::api::types::{AccessView, NewAccess, NewAccessView, Setup};

use crate::{client::Client, out::Out};

#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// List tokens, and browsers that are logged in
    List,
    /// Make a token for a program; it is shown this once
    Create {
        /// What it is for
        name: String,
        /// What it may do: see everything, play and group too, or everything
        #[arg(long, default_value = "control", value_parser = ["read", "control", "admin"])]
        scope: String,
    },
    /// End a token, or log a browser out
    Revoke {
        /// Its id, or a token's name
        id: String,
    },
}

/// Does what was said.
pub(crate) fn run(client: &Client, out: Out, command: AccessCommand) -> anyhow::Result<()> {
    match command {
        AccessCommand::List => out.print(&client.get::<Vec<AccessView>>("access")?, |all| lines(all)),
        AccessCommand::Create { name, scope } => {
            let made: NewAccessView = client.post("access", &NewAccess { name, scope })?;
            out.print(&made, |made| {
                let NewAccessView { id, name, scope, token } = made;
                format!("token \"{name}\" ({id}) with scope {scope}; it is not shown again:\n\n  {token}")
            })
        }
        AccessCommand::Revoke { id } => {
            let all: Vec<AccessView> = client.get("access")?;
            let named = all.iter().find(|one| one.id == id).or_else(|| all.iter().find(|one| one.name == id));
            let Some(named) = named else {
                bail!("there is no token \"{id}\"; `unisono access list` lists them");
            };
            client.delete::<Option<()>>(&["access", &named.id])?;
            out.print(&(), |()| format!("\"{}\" is good no more", named.name))
        }
    }
}

/// Gives the hub an administrator's secret, or another one.
pub(crate) fn setup(client: &Client, out: Out, code: Option<String>) -> anyhow::Result<()> {
    let setup = Setup { code: code.unwrap_or_default(), secret: secret()? };
    client.post::<Option<()>>("setup", &setup)?;
    out.print(&(), |()| {
        String::from(
            "the secret is set. Browsers log in with it; programs on other machines use a token \
             (`unisono access create`).",
        )
    })
}

/// From a terminal twice and unseen, else a line of standard input.
fn secret() -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        return line();
    }
    eprint!("A secret, 8 letters or more: ");
    let secret = unseen()?;
    eprint!("The same again: ");
    if unseen()? != secret {
        bail!("the two are not the same");
    }
    Ok(secret)
}

fn unseen() -> anyhow::Result<String> {
    echo("-echo")?;
    let line = line();
    echo("echo")?;
    eprintln!();
    line
}

/// Has the terminal show what is typed, or not.
fn echo(setting: &str) -> anyhow::Result<()> {
    let status = Command::new("stty").arg(setting).status().context("stty")?;
    if status.success() { Ok(()) } else { bail!("the terminal shows what is typed; give the secret on standard input") }
}

fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn lines(all: &[AccessView]) -> String {
    if all.is_empty() {
        return String::from("no tokens; `unisono access create NAME` makes one\n");
    }
    let line = |one: &AccessView| format!("{}  {:<7}  {:<7}  {}\n", one.id, one.kind, one.scope, one.name);
    all.iter().map(line).collect()
}
