//! Commands to a hub.

use std::{cell::OnceCell, path::PathBuf};

use anyhow::{Context, bail};
use serde::Serialize;
use unisono_hub::{
    api::types::{
        GroupChange, GroupView, HealthView, HubView, NewGroup, NewToken, NodeChange, NodeView, Play, RoomChange,
        RoomView, Seek, TokenView,
    },
    location,
};

use crate::{
    access,
    arguments::{Command, GroupCommand, In, NodeCommand, RoomCommand},
    bluetooth::Speakers,
    client::Client,
    demo, doctor, equaliser,
    out::Out,
    shell, show, table,
};

/// A hub, and how to print what it says.
pub(crate) struct Cli {
    pub(crate) client: Client,
    out: Out,
    /// The group that was made for what is to be played.
    made: OnceCell<String>,
}

impl Cli {
    pub(crate) fn new(api: &str, token: Option<String>, out: Out) -> Self {
        Self { client: Client::hub(api).with_token(token), out, made: OnceCell::new() }
    }

    /// Does what was said. A group that was made for it goes with it when it fails.
    pub(crate) fn run(&self, command: Command) -> anyhow::Result<()> {
        let done = self.carry_out(command);
        if done.is_err()
            && let Some(made) = self.made.get()
        {
            let path = ["groups", made.as_str()];
            let is_silent = self.client.get_from(&path).is_ok_and(|group: GroupView| group.state == "stopped");
            // Why it failed is what is said.
            let _ = is_silent.then(|| self.client.delete::<Option<()>>(&path));
        }
        done
    }

    fn carry_out(&self, command: Command) -> anyhow::Result<()> {
        match command {
            Command::Status => self.status(),
            Command::Rooms => self.print(&self.client.get::<Vec<RoomView>>("rooms")?, |rooms| table::rooms(rooms)),
            Command::Groups => self.print(&self.client.get::<Vec<GroupView>>("groups")?, |groups| show::groups(groups)),
            Command::Nodes => self.print(&self.client.get::<Vec<NodeView>>("nodes")?, |nodes| show::nodes(nodes)),
            Command::Group(command) => self.group(command),
            Command::Room(command) => self.room(command),
            Command::Node(command) => self.node(command),
            Command::Play { file, from, group } => self.play(file, from, group),
            Command::Pause(group) => self.act(group, "pause", &()),
            Command::Stop(group) => self.act(group, "stop", &()),
            Command::Seek { seconds, group } => self.act(group, "seek", &Seek { position_s: seconds }),
            Command::Queue { command, group } => self.queue(command, In { name: group }),
            Command::Next(group) => self.act(group, "next", &()),
            Command::Previous(group) => self.act(group, "previous", &()),
            Command::Shuffle { switch, group } => self.shuffle(switch, group),
            Command::Repeat { again, group } => self.repeat(again, group),
            Command::Scene(command) => self.scene(command),
            Command::Station(command) => self.station(command),
            Command::Library(command) => self.library(command),
            Command::Sources => self.sources(),
            Command::Volume { name, percent } => self.change(&name, Some(percent), None),
            Command::Mute { name } => self.change(&name, None, Some(true)),
            Command::Unmute { name } => self.change(&name, None, Some(false)),
            Command::Token { minutes, uses } => {
                let wanted = NewToken { lifetime_s: minutes.saturating_mul(60), uses };
                self.print(&self.client.post::<TokenView>("tokens", &wanted)?, show::token)
            }
            Command::Bluetooth { room, command } => {
                let room = self.pick_room(room)?;
                Speakers::new(&self.client, self.out, vec!["rooms".into(), room, "bluetooth".into()]).run(command)
            }
            Command::Doctor { room } => {
                let room = self.pick_room(room)?;
                doctor::print(&self.client, self.out, &["rooms", &room, "doctor"])
            }
            Command::Setup { code } => access::setup(&self.client, self.out, code),
            Command::Access(command) => access::run(&self.client, self.out, command),
            Command::Health => self.print(&self.client.get::<Vec<HealthView>>("health")?, |found| show::health(found)),
            Command::Demo(options) => demo::run(&options),
            Command::Completions { shell } => shell::completions(shell),
            Command::Man { folder } => shell::man(folder),
        }
    }

    pub(crate) fn print<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        self.out.print(value, text)
    }

    /// The room that is meant.
    fn pick_room(&self, name: Option<String>) -> anyhow::Result<String> {
        if let Some(name) = name {
            return Ok(name);
        }
        let rooms: Vec<RoomView> = self.client.get("rooms")?;
        match rooms.as_slice() {
            [only] => Ok(only.id.clone()),
            [] => bail!("there is no room yet; `unisono token` tells how to add one"),
            several => {
                let names: Vec<&str> = several.iter().map(|room| room.name.as_str()).collect();
                bail!("say which room with --room: {}", names.join(", "))
            }
        }
    }

    fn status(&self) -> anyhow::Result<()> {
        let hub: HubView = self.client.get("hub")?;
        let (rooms, groups): (Vec<RoomView>, Vec<GroupView>) = (self.client.get("rooms")?, self.client.get("groups")?);
        let all = serde_json::json!({ "hub": hub, "groups": groups, "rooms": rooms });
        self.print(&all, |_| format!("{}\n\n{}\n{}", show::hub(&hub), show::groups(&groups), table::rooms(&rooms)))
    }

    fn group(&self, command: GroupCommand) -> anyhow::Result<()> {
        let changed: GroupView = match command {
            GroupCommand::Create { name, rooms } => self.client.post("groups", &NewGroup { name, rooms })?,
            GroupCommand::Add { name, rooms } => {
                self.each(&rooms, |room| self.client.put(&["groups", &name, "rooms", room]))?
            }
            GroupCommand::Remove { name, rooms } => {
                self.each(&rooms, |room| self.client.delete(&["groups", &name, "rooms", room]))?
            }
            GroupCommand::Rename { name, to } => {
                self.client.patch(&["groups", &name], &GroupChange { name: Some(to), ..GroupChange::default() })?
            }
            GroupCommand::Delete { name } => {
                self.client.delete::<Option<()>>(&["groups", &name])?;
                return self.print(&(), |()| format!("group \"{name}\" is dissolved"));
            }
        };
        self.print(&changed, |group| show::groups(std::slice::from_ref(group)))
    }

    fn room(&self, command: RoomCommand) -> anyhow::Result<()> {
        let (name, change) = match command {
            RoomCommand::Rename { name, to: Some(to) } if to.is_empty() => {
                bail!("a name needs a letter; without one, \"{name}\" gets back what its node calls it")
            }
            RoomCommand::Rename { name, to } => {
                (name, RoomChange { name: Some(to.unwrap_or_default()), ..RoomChange::default() })
            }
            RoomCommand::Limit { name, percent } => {
                (name, RoomChange { max_volume: Some(percent), ..RoomChange::default() })
            }
            RoomCommand::StartVolume { name, percent } => {
                (name, RoomChange { start_volume: Some(percent.0), ..RoomChange::default() })
            }
            RoomCommand::Channels { name, channels } => {
                (name, RoomChange { channels: Some(channels), ..RoomChange::default() })
            }
            RoomCommand::Equaliser { name, change } => return self.equaliser(&name, change),
            RoomCommand::Beep { name } => {
                self.client.post_to::<Option<()>>(&["rooms", &name, "beep"], &())?;
                return self.print(&(), |()| format!("room \"{name}\" beeps"));
            }
            RoomCommand::Forget { name } => {
                self.client.delete::<Option<()>>(&["rooms", &name])?;
                return self.print(&(), |()| format!("room \"{name}\" is forgotten"));
            }
        };
        let changed: RoomView = self.client.patch(&["rooms", &name], &change)?;
        self.print(&changed, |room| table::rooms(std::slice::from_ref(room)))
    }

    fn equaliser(&self, name: &str, change: equaliser::Change) -> anyhow::Result<()> {
        let rooms: Vec<RoomView> = self.client.get("rooms")?;
        let is = |room: &RoomView| room.id == name || room.name.to_lowercase() == name.to_lowercase();
        let found = rooms.into_iter().find(is);
        let mut room = found.with_context(|| format!("there is no room \"{name}\"; `unisono rooms` lists them"))?;
        let offered = change.speaker().map(|address| {
            let speakers = self.client.get_from(&["rooms", &room.id, "bluetooth"])?;
            equaliser::offered(speakers, address, &room.output).map(|offer| offer.equaliser)
        });
        let next = match offered.transpose()? {
            Some(offered) => Some(offered),
            None => change.of(&room.equaliser)?,
        };
        if let Some(equaliser) = next {
            let change = RoomChange { equaliser: Some(equaliser), ..RoomChange::default() };
            room = self.client.patch(&["rooms", &room.id], &change)?;
        }
        self.print(&room, equaliser::show)
    }

    fn node(&self, command: NodeCommand) -> anyhow::Result<()> {
        match command {
            NodeCommand::Rename { name, to } => {
                let changed: NodeView = self.client.patch(&["nodes", &name], &NodeChange { name: to })?;
                self.print(&changed, |node| show::nodes(std::slice::from_ref(node)))
            }
            NodeCommand::Remove { name } => {
                self.client.delete::<Option<()>>(&["nodes", &name])?;
                self.print(&(), |()| format!("\"{name}\" is no member of the household any more"))
            }
        }
    }

    /// Does something for each room; gives the last answer.
    fn each(&self, rooms: &[String], act: impl Fn(&str) -> anyhow::Result<GroupView>) -> anyhow::Result<GroupView> {
        let mut last = None;
        for room in rooms {
            last = Some(act(room)?);
        }
        last.context("name at least one room")
    }

    fn play(&self, file: Option<PathBuf>, from: f64, group: In) -> anyhow::Result<()> {
        let Some(file) = file else {
            return self.act(group, "play", &Play::default());
        };
        let path = std::path::absolute(&file).with_context(|| format!("{}", file.display()))?;
        let name = self.pick(group, true)?;
        let play = Play { file: Some(location::of(&path)), position_s: from };
        self.print(&self.client.post_to(&["groups", &name, "play"], &play)?, |group: &GroupView| {
            show::groups(std::slice::from_ref(group))
        })
    }

    fn act(&self, group: In, verb: &str, body: &impl Serialize) -> anyhow::Result<()> {
        let name = self.pick(group, false)?;
        self.print(&self.client.post_to(&["groups", &name, verb], body)?, |group: &GroupView| {
            show::groups(std::slice::from_ref(group))
        })
    }

    /// The group that is meant. Where there is none yet and something is to be played, one of all rooms is made.
    fn pick(&self, group: In, create: bool) -> anyhow::Result<String> {
        if let Some(name) = group.name {
            return Ok(name);
        }
        let mut groups: Vec<GroupView> = self.client.get("groups")?;
        if groups.len() > 1 {
            // One without rooms is not meant, and to pause or to seek one that has stopped neither.
            groups.retain(|group| !group.rooms.is_empty() && (create || group.state != "stopped"));
        }
        match groups.as_slice() {
            [only] => Ok(only.id.clone()),
            [] if create => {
                let rooms: Vec<RoomView> = self.client.get("rooms")?;
                if rooms.is_empty() {
                    bail!(
                        "there is no room yet; start a node with `unisono-node --join TOKEN` (`unisono token` makes one)"
                    );
                }
                let rooms = rooms.into_iter().map(|room| room.id).collect();
                let made: GroupView = self.client.post("groups", &NewGroup { name: "everywhere".into(), rooms })?;
                Ok(self.made.get_or_init(|| made.id).clone())
            }
            [] => bail!("nothing plays; start with `unisono play FILE`"),
            several => {
                let names: Vec<&str> = several.iter().map(|group| group.name.as_str()).collect();
                bail!("say which group with --group: {}", names.join(", "))
            }
        }
    }

    /// As [`Self::pick`], whether it plays or not.
    pub(crate) fn pick_any(&self, group: In, create: bool) -> anyhow::Result<String> {
        if group.name.is_none() && !create {
            let groups: Vec<GroupView> = self.client.get("groups")?;
            match groups.as_slice() {
                [only] => return Ok(only.id.clone()),
                [] => bail!("no groups; `unisono group create NAME ROOM…` makes one"),
                _ => {}
            }
        }
        self.pick(group, true)
    }

    /// Changes a group or a room, whichever has the name.
    fn change(&self, name: &str, volume: Option<u8>, muted: Option<bool>) -> anyhow::Result<()> {
        let groups: Vec<GroupView> = self.client.get("groups")?;
        let is = |other: &str| other.to_lowercase() == name.to_lowercase();
        if groups.iter().any(|group| is(&group.name) || is(&group.id)) {
            let change = GroupChange { volume, muted, ..GroupChange::default() };
            let changed: GroupView = self.client.patch(&["groups", name], &change)?;
            return self.print(&changed, |group| show::groups(std::slice::from_ref(group)));
        }
        let changed: RoomView =
            self.client.patch(&["rooms", name], &RoomChange { volume, muted, ..RoomChange::default() })?;
        self.print(&changed, |room| table::rooms(std::slice::from_ref(room)))
    }
}
