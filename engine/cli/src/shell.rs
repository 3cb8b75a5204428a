//! What a shell and `man` know of the command.

use std::{fs, io, path::PathBuf};

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

/// Prints the man page, or writes that and one for each command into a folder, which is made when it is not there.
pub(crate) fn man(folder: Option<PathBuf>) -> anyhow::Result<()> {
    let command = Arguments::command();
    if let Some(folder) = folder {
        let written = fs::create_dir_all(&folder).and_then(|()| clap_mangen::generate_to(command, &folder));
        return written.map_err(|error| {
            anyhow::anyhow!("no man pages can be written into {} ({error}); name another --folder", folder.display())
        });
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
        let made = folder.path().join("share/man1");
        man(Some(made.clone())).unwrap();
        for name in names.iter().filter(|name| *name != "help") {
            assert!(made.join(format!("unisono-{name}.1")).exists(), "{name}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_what_to_try() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "mine").unwrap();
        for wanted in [file.clone(), file.join("below")] {
            let said = format!("{:#}", man(Some(wanted.clone())).unwrap_err());
            assert!(said.contains(&*wanted.to_string_lossy()) && said.contains("--folder"), "{said}");
            assert!(!said.contains('\n'), "{said}");
        }
        assert_eq!(fs::read_to_string(file).unwrap(), "mine");
    }
}
