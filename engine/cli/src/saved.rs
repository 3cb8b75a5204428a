//! `unisono scene` and `unisono station`.

use clap::Subcommand;
use unisono_core::words::count;
use unisono_hub::api::types::{
    GroupView, Item, ItemsAt, NewEntries, NewScene, NewStation, QueueView, SceneView, StationView,
};

use crate::{arguments::In, hub::Cli, show};

/// What can be done with scenes.
#[derive(Debug, Subcommand)]
pub(crate) enum SceneCommand {
    /// List the scenes
    List,
    /// Save which rooms are together now, and how loud
    Save {
        /// What it is to be called
        name: String,
    },
    /// Bring rooms back together as a scene has them
    Recall {
        /// The scene
        name: String,
    },
    /// Forget a scene
    Forget {
        /// The scene
        name: String,
    },
}

/// What can be done with stations.
#[derive(Debug, Subcommand)]
pub(crate) enum StationCommand {
    /// List the stations
    List,
    /// Keep a station
    Add {
        /// What it is to be called
        name: String,
        /// Where it is: http or https
        url: String,
    },
    /// Play a station, in the place of what is in the queue
    Play {
        /// The station
        station: String,
        #[command(flatten)]
        group: In,
    },
    /// Remove a station
    Remove {
        /// The station
        name: String,
    },
}

impl Cli {
    pub(crate) fn scene(&self, command: SceneCommand) -> anyhow::Result<()> {
        match command {
            SceneCommand::List => self.print(&self.client.get::<Vec<SceneView>>("scenes")?, |scenes| text(scenes)),
            SceneCommand::Save { name } => {
                let saved: SceneView = self.client.post("scenes", &NewScene { name })?;
                self.print(&saved, |scene| text(std::slice::from_ref(scene)))
            }
            SceneCommand::Recall { name } => {
                let groups: Vec<GroupView> = self.client.post_to(&["scenes", &name, "recall"], &())?;
                self.print(&groups, |groups| show::groups(groups))
            }
            SceneCommand::Forget { name } => {
                self.client.delete::<Option<()>>(&["scenes", &name])?;
                self.print(&(), |()| format!("scene \"{name}\" is forgotten"))
            }
        }
    }

    pub(crate) fn station(&self, command: StationCommand) -> anyhow::Result<()> {
        match command {
            StationCommand::List => {
                self.print(&self.client.get::<Vec<StationView>>("stations")?, |stations| lines(stations))
            }
            StationCommand::Add { name, url } => {
                let added: StationView = self.client.post("stations", &NewStation { name, url })?;
                self.print(&added, |station| lines(std::slice::from_ref(station)))
            }
            StationCommand::Play { station, group } => {
                let group = self.pick_any(group, true)?;
                let items = vec![Item::Station(station)];
                let wanted = NewEntries { items, at: ItemsAt::Replace, play: true, index: 0 };
                let _: QueueView = self.client.post_to(&["groups", &group, "queue"], &wanted)?;
                let plays: GroupView = self.client.get_from(&["groups", &group])?;
                self.print(&plays, |group| show::groups(std::slice::from_ref(group)))
            }
            StationCommand::Remove { name } => {
                self.client.delete::<Option<()>>(&["stations", &name])?;
                self.print(&(), |()| format!("station \"{name}\" is removed"))
            }
        }
    }
}

fn text(scenes: &[SceneView]) -> String {
    if scenes.is_empty() {
        return String::from("no scenes; `unisono scene save NAME` saves one\n");
    }
    let group = |(name, rooms): (&str, usize)| format!("{name} ({})", count(rooms, "room"));
    let line = |scene: &SceneView| {
        let groups = scene.groups.iter().map(|saved| group((&saved.name, saved.rooms.len())));
        let groups: Vec<String> = groups.collect();
        format!("{}: {}\n", scene.name, if groups.is_empty() { "no groups".into() } else { groups.join(", ") })
    };
    scenes.iter().map(line).collect()
}

fn lines(stations: &[StationView]) -> String {
    if stations.is_empty() {
        return String::from("no stations; `unisono station add NAME URL` keeps one\n");
    }
    stations.iter().map(|station| format!("{:<24} {}\n", station.name, station.url)).collect()
}
