//! What a shell and `man` know of the command.

use std::{io, path::PathBuf};

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;

/// Prints what a shell needs to complete commands.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "unisono", &mut text);
    print(&text)
}

/// Prints the man page, or writes that and one for each command into a folder.
pub(crate) fn man(folder: Option<PathBuf>) -> anyhow::Result<()> {
    let command = Arguments::command();
    if let Some(folder) = folder {
        return clap_mangen::generate_to(command, &folder).with_context(|| format!("{}", folder.display()));
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text)?;
    print(&text)
}

fn print(text: &[u8]) -> anyhow::Result<()> {
    io::Write::write_all(&mut io::stdout(), text).context("standard output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_completed_and_has_a_page() {
        let mut command = Arguments::command();
        command.build();
        let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "unisono", &mut text);
            let text = String::from_utf8(text).unwrap();
            assert!(names.iter().all(|name| text.contains(name.as_str())), "{shell}");
        }
        let folder = tempfile::tempdir().unwrap();
        man(Some(folder.path().into())).unwrap();
        for name in names.iter().filter(|name| *name != "help") {
            assert!(folder.path().join(format!("unisono-{name}.1")).exists(), "{name}");
        }
    }
}
