//! Settings files, read as the programs read them. What is wrong with one is a line that names it.

use std::{fmt::Display, fs, path::Path};

use clap::Parser;
use unisono_bluetooth::speakers::Table;

use crate::state::folder;

/// A hub's.
pub fn hub_settings(data: &[u8]) {
    with_file(data, |path| {
        let arguments = unisono_hub::config::Arguments::parse_from(["unisono-hub".as_ref(), "--config".as_ref(), path]);
        arguments.settings().map(drop)
    });
}

/// A node's.
pub fn node_settings(data: &[u8]) {
    with_file(data, |path| {
        let arguments =
            unisono_player::config::Arguments::parse_from(["unisono-node".as_ref(), "--config".as_ref(), path]);
        arguments.settings().map(|settings| {
            assert!(!settings.rooms.is_empty() && settings.rooms.iter().all(|room| !room.outputs.is_empty()));
        })
    });
}

/// A person's own table of speakers.
pub fn speaker_table(data: &[u8]) {
    with_file(data, |path| {
        let (table, bad) = Table::with_file(path);
        assert!(table.models().len() >= Table::built_in().models().len());
        bad.map_or(Ok(()), Err)
    });
}

fn with_file<E: Display>(data: &[u8], read: impl FnOnce(&Path) -> Result<(), E>) {
    let folder = folder();
    let path = folder.path().join("unisono.toml");
    fs::write(&path, data).expect("the folder is ours");
    if let Err(error) = read(&path) {
        let said = error.to_string();
        assert!(!said.contains('\n') && said.contains("unisono.toml") || said.contains("speakers"), "{said}");
    }
}
