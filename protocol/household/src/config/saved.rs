//! What people have saved: scenes and stations.

use std::{collections::BTreeMap, fmt, net::Ipv6Addr, str::FromStr};

use serde::{Deserialize, Serialize};
use unisono_core::units::Volume;

use super::{
    Config, Group, GroupId, Rejected, RoomId,
    apply::{bound, given, refuse_taken, same_name},
};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{:016x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                u64::from_str_radix(text, 16).map(Self)
            }
        }
    };
}

id! {
    /// A scene; drawn at random by whoever saves it.
    SceneId
}
id! {
    /// A station; drawn at random by whoever adds it.
    StationId
}

/// Which rooms are together and how loud, to come back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// What people call it; no two scenes have one name.
    pub name: String,
    /// The groups.
    pub groups: Vec<SceneGroup>,
    /// Rooms in no group.
    pub apart: BTreeMap<RoomId, Volume>,
}

/// A group of a scene.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SceneGroup {
    /// The group that it was.
    pub group: GroupId,
    /// What it was called.
    pub name: String,
    /// A factor on its rooms' volumes.
    pub volume: Volume,
    /// Its rooms.
    pub rooms: BTreeMap<RoomId, Volume>,
}

/// A station on the internet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Station {
    /// What people call it; no two stations have one name.
    pub name: String,
    /// Where it is: `http` or `https`.
    pub url: String,
}

impl Config {
    /// The group of a household that a scene means: the one that it was, else one of its name.
    pub fn group_of_scene(&self, saved: &SceneGroup) -> Option<GroupId> {
        let is_it = self.groups.contains_key(&saved.group).then_some(saved.group);
        let mut groups = self.groups.iter();
        is_it.or_else(|| groups.find(|(_, group)| same_name(&group.name, &saved.name)).map(|(id, _)| *id))
    }

    pub(super) fn set_group_rooms(&mut self, group: GroupId, rooms: &[RoomId]) -> Result<(), Rejected> {
        let known = self.groups.get_mut(&group).ok_or(Rejected::UnknownGroup)?;
        known.rooms.clear();
        rooms.iter().try_for_each(|room| self.set_room_group(*room, Some(group)))
    }

    pub(super) fn save_scene(&mut self, id: SceneId, scene: &Scene) -> Result<(), Rejected> {
        if self.scenes.contains_key(&id) {
            return Err(Rejected::SceneExists);
        }
        bound("scenes", self.scenes.len(), MAX_SCENES)?;
        let name = given(&scene.name)?;
        refuse_taken(&name, self.scenes.values().map(|scene| scene.name.as_str()))?;
        let mut scene = Scene { name, ..scene.clone() };
        bound("groups", scene.groups.len().saturating_sub(1), super::apply::MAX_GROUPS)?;
        for group in &mut scene.groups {
            group.name = given(&group.name)?;
            group.rooms.retain(|room, _| self.rooms.contains_key(room));
        }
        scene.apart.retain(|room, _| self.rooms.contains_key(room));
        self.scenes.insert(id, scene);
        Ok(())
    }

    pub(super) fn delete_scene(&mut self, id: SceneId) -> Result<(), Rejected> {
        self.scenes.remove(&id).map(|_| ()).ok_or(Rejected::UnknownScene)
    }

    /// Rooms that the scene does not know stay where they are, and so do groups: those that lose their rooms by it are
    /// empty.
    pub(super) fn recall_scene(&mut self, id: SceneId, made: &[GroupId]) -> Result<(), Rejected> {
        let scene = self.scenes.get(&id).ok_or(Rejected::UnknownScene)?.clone();
        let mut made = made.iter();
        for saved in &scene.groups {
            let group = match self.group_of_scene(saved) {
                Some(group) => group,
                None => {
                    bound("groups", self.groups.len(), super::apply::MAX_GROUPS)?;
                    let group = *made.next().ok_or(Rejected::UnknownGroup)?;
                    if self.groups.contains_key(&group) {
                        return Err(Rejected::GroupExists);
                    }
                    self.groups.insert(group, Group { name: saved.name.clone(), rooms: [].into() });
                    group
                }
            };
            saved.rooms.keys().try_for_each(|room| self.set_room_group(*room, Some(group)))?;
        }
        scene.apart.keys().try_for_each(|room| self.set_room_group(*room, None))
    }

    pub(super) fn add_station(&mut self, id: StationId, name: &str, url: &str) -> Result<(), Rejected> {
        if self.stations.contains_key(&id) {
            return Err(Rejected::StationExists);
        }
        bound("stations", self.stations.len(), MAX_STATIONS)?;
        let (name, url) = (given(name)?, cleaned(url)?);
        refuse_taken(&name, self.stations.values().map(|station| station.name.as_str()))?;
        self.stations.insert(id, Station { name, url });
        Ok(())
    }

    pub(super) fn remove_station(&mut self, id: StationId) -> Result<(), Rejected> {
        self.stations.remove(&id).map(|_| ()).ok_or(Rejected::UnknownStation)
    }

    /// Forgets the rooms of which this is not true.
    pub(super) fn retain_saved_rooms(&mut self, stays: impl Fn(&RoomId) -> bool) {
        for scene in self.scenes.values_mut() {
            scene.apart.retain(|room, _| stays(room));
            scene.groups.iter_mut().for_each(|group| group.rooms.retain(|room, _| stays(room)));
        }
    }
}

/// A regular expression (ECMA-262) of the URLs that a station can have. (Of addresses of IPv6 it knows the plainest
/// forms; the hub knows them all.)
pub const STATION_URL: &str = concat!(
    r"^\s*[hH][tT][tT][pP][sS]?://",
    r"([!$-.0-9;=A-Z_a-z~]+|\[([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\]|\[[0-9a-f]{1,4}::[0-9a-f]{1,4}\])",
    r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?",
    r"([/?#][!#-;=?-[\]_a-z~]*)?\s*$",
);

/// The URL of a station as it is kept: http or https, with a host, without what is meant for a browser alone.
fn cleaned(url: &str) -> Result<String, Rejected> {
    let refused = |why: &'static str| Err(Rejected::BadUrl(why));
    let url = url.trim();
    if url.len() > MAX_URL_LEN {
        return refused("it is longer than 2000 letters");
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)) {
        return refused("it has letters that no URL has; copy it from the station's page again");
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return refused("it does not begin with http:// or https://");
    };
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return refused("it does not begin with http:// or https://");
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return refused("it holds a password, which everybody in the household could read");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', '[', ']']),
    };
    if !is_host {
        return refused("it names no host");
    }
    if !port.is_empty() && !port.parse().is_ok_and(|port: u16| port > 0) {
        return refused("its port is not a number from 1 to 65535");
    }
    Ok(format!("{scheme}://{rest}"))
}

const MAX_SCENES: usize = 100;
const MAX_STATIONS: usize = 1_000;
/// What browsers and servers agree on.
const MAX_URL_LEN: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_is_at_an_http_url_and_nowhere_else() {
        for (url, kept) in [
            (" HTTP://radio.example/live#top ", "http://radio.example/live"),
            ("https://radio.example:8000", "https://radio.example:8000"),
            ("https://[2001:db8::1]:8000/a?b=c&d=%20", "https://[2001:db8::1]:8000/a?b=c&d=%20"),
            ("http://192.0.2.1/", "http://192.0.2.1/"),
        ] {
            assert_eq!(cleaned(url).as_deref(), Ok(kept));
        }
        let long = format!("http://radio.example/{}", "x".repeat(MAX_URL_LEN));
        for url in [
            "",
            "radio.example",
            "file:///etc/passwd",
            "ftp://radio.example/",
            "javascript:alert(1)",
            "http://",
            "http:///live",
            "http://:80/",
            "http://:a:80/",
            "https://[]/",
            "http://[",
            "http://[2001:db8::1/live",
            "http://[radio.example]/",
            "http://2001:db8::1/",
            "http://radio.example:port/",
            "http://radio.example:65536/",
            "http://radio.example:0/",
            "http://user:secret@radio.example/",
            "http://a b/",
            "http://radio.example/\r\nHost: x",
            "http://radio.example/<script>",
            "http://küche.example/",
            &long,
            "gopher://x",
            "data:audio/mpeg;base64,AA",
            "http:/radio.example",
        ] {
            assert!(matches!(cleaned(url), Err(Rejected::BadUrl(_))), "{url}");
        }
    }
}
