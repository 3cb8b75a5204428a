//! The rules of the configuration, one by one.

use unisono_core::{
    sound::{ChannelMap, RoomSound},
    units::Volume,
    wire::ids::{HouseholdId, PeerId, RoomIndex},
};
use unisono_household::{
    config::{
        Command, Config, GroupId, Outcome, Rejected, RoomId, Scene, SceneGroup, SceneId, StationId,
        access::{Grant, GrantHash, Scope, SecretHash},
    },
    members::Role,
    token::TokenHash,
};

const HUB: PeerId = PeerId([1; 32]);
const KITCHEN: PeerId = PeerId([2; 32]);
const CELLAR: PeerId = PeerId([3; 32]);
const HASH: TokenHash = TokenHash([5; 32]);
const NOW: u64 = 1_000_000;
const WEEK: u64 = 7 * 24 * 3600;

fn room(node: PeerId, index: u8) -> RoomId {
    RoomId { node, index: RoomIndex(index) }
}

fn add(peer: PeerId, name: &str) -> Command {
    Command::AddMember { peer, role: Role::Node, name: name.into() }
}

fn meet(node: PeerId, rooms: &[&str]) -> Command {
    let room = |(index, name): (u8, &&str)| (RoomIndex(index), (*name).to_owned());
    Command::MeetRooms { node, rooms: (0..).zip(rooms).map(room).collect() }
}

fn move_to(room: RoomId, group: Option<GroupId>) -> Command {
    Command::SetRoomGroup { room, group }
}

/// A hub and two nodes, one of them with two rooms.
fn house() -> Config {
    let mut config = Config::founded(HouseholdId([9; 32]), HUB, "attic", 1);
    for command in [add(KITCHEN, "kitchen"), add(CELLAR, "cellar")] {
        config.apply(&command).expect("nothing is in its way");
    }
    config.apply(&meet(KITCHEN, &["kitchen", "pantry"])).expect("it is a member");
    config.apply(&meet(CELLAR, &["cellar"])).expect("it is a member");
    config
}

fn issue(uses: u32) -> Command {
    Command::IssueToken { hash: HASH, role: Role::Node, expires_unix: NOW + 60, uses, now_unix: NOW }
}

fn redeem(id: u8, now_unix: u64) -> Command {
    Command::RedeemToken { hash: HASH, peer: PeerId([id; 32]), name: "new".into(), now_unix }
}

#[test]
fn every_change_of_the_members_and_nothing_else_raises_their_version() {
    let mut config = house();
    let version = config.members_version;
    let name = Some("Küche".to_owned());
    config.apply(&Command::SetRoomName { room: room(KITCHEN, 0), name }).unwrap();
    config.apply(&issue(1)).unwrap();
    assert_eq!(config.members_version, version);
    config.apply(&redeem(8, NOW)).unwrap();
    config.apply(&Command::RenameMember { peer: KITCHEN, name: "galley".into() }).unwrap();
    config.apply(&Command::RemoveMember { peer: CELLAR }).unwrap();
    assert_eq!(config.members_version, version + 3);
    assert_eq!(config.apply(&Command::RenameMember { peer: KITCHEN, name: " galley ".into() }), Ok(Outcome::Unchanged));
    assert_eq!(config.members_version, version + 3);
}

#[test]
fn machines_with_one_name_get_numbers_and_people_have_to_choose() {
    let mut config = house();
    let long = "ü".repeat(32);
    for (id, name) in [(10, "Kitchen"), (11, "kitchen"), (12, &long), (13, &long), (14, "\u{7} x")] {
        config.apply(&add(PeerId([id; 32]), name)).unwrap();
    }
    let name = |id| config.members[&PeerId([id; 32])].name.as_str();
    assert_eq!([name(10), name(11)], ["Kitchen 2", "kitchen 3"]);
    assert_eq!([name(12), name(13)], [long.as_str(), &format!("{} 2", "ü".repeat(31))]);
    assert_eq!(name(14), "x");
    let rename = |name: &str| Command::RenameMember { peer: CELLAR, name: name.into() };
    assert_eq!(config.apply(&rename("KITCHEN")), Err(Rejected::NameTaken("KITCHEN".into())));
    assert_eq!(config.apply(&rename(" \u{7}\t")), Err(Rejected::NameEmpty));
    assert_eq!(config.apply(&rename("CELLAR")), Ok(Outcome::Changed));
}

#[test]
fn there_is_always_a_hub() {
    let mut config = house();
    assert_eq!(config.apply(&Command::RemoveMember { peer: HUB }), Err(Rejected::LastHub));
    let second = PeerId([7; 32]);
    config.apply(&Command::AddMember { peer: second, role: Role::Hub, name: "den".into() }).unwrap();
    config.apply(&Command::RemoveMember { peer: HUB }).unwrap();
    assert_eq!(config.apply(&Command::RemoveMember { peer: HUB }), Err(Rejected::UnknownMember(HUB)));
}

#[test]
fn a_member_does_not_change_its_role_by_joining_again() {
    let mut config = house();
    assert_eq!(config.apply(&add(KITCHEN, "other")), Ok(Outcome::Unchanged));
    let promote = Command::AddMember { peer: KITCHEN, role: Role::Hub, name: "kitchen".into() };
    assert_eq!(config.apply(&promote), Err(Rejected::OtherRole(KITCHEN)));
}

#[test]
fn a_household_has_no_more_members_than_a_hub_can_serve() {
    let mut config = house();
    for id in 0..1_021u16 {
        let peer = PeerId(std::array::from_fn(|place| if place < 2 { id.to_be_bytes()[place] } else { 0xee }));
        config.apply(&add(peer, "speaker")).unwrap();
    }
    let refused = config.apply(&add(PeerId([0xdd; 32]), "one too many"));
    assert_eq!(refused, Err(Rejected::TooMany { what: "members", limit: 1_024 }));
}

#[test]
fn a_machine_that_leaves_takes_its_rooms_along() {
    let mut config = house();
    let (group, rooms) = (GroupId(1), vec![room(KITCHEN, 0), room(CELLAR, 0)]);
    config.apply(&Command::CreateGroup { group, name: "down".into(), rooms }).unwrap();
    config.apply(&Command::RemoveMember { peer: KITCHEN }).unwrap();
    assert_eq!(config.rooms.keys().collect::<Vec<_>>(), [&room(CELLAR, 0)]);
    assert_eq!(config.groups[&group].rooms, [room(CELLAR, 0)].into());
    let name = Command::SetRoomName { room: room(KITCHEN, 0), name: None };
    assert_eq!(config.apply(&name), Err(Rejected::UnknownRoom(room(KITCHEN, 0))));
    assert_eq!(config.apply(&meet(KITCHEN, &["kitchen"])), Err(Rejected::UnknownMember(KITCHEN)));
}

#[test]
fn a_room_is_known_from_when_its_node_first_says_so_until_it_says_otherwise() {
    let mut config = house();
    let (kitchen, pantry) = (room(KITCHEN, 0), room(KITCHEN, 1));
    config.apply(&Command::SetRoomName { room: kitchen, name: Some("Hob".into()) }).unwrap();
    config.apply(&Command::CreateGroup { group: GroupId(1), name: "down".into(), rooms: vec![pantry] }).unwrap();
    assert_eq!(config.apply(&meet(KITCHEN, &["kitchen", "pantry"])), Ok(Outcome::Unchanged));
    // The name that a person gave stays, whatever the node calls the room.
    config.apply(&meet(KITCHEN, &["galley\n"])).unwrap();
    assert_eq!((config.rooms[&kitchen].name(), config.rooms[&kitchen].called.as_str()), ("Hob", "galley"));
    assert!(!config.rooms.contains_key(&pantry) && config.groups[&GroupId(1)].rooms.is_empty());
}

#[test]
fn a_forgotten_room_is_new_when_its_node_comes_back() {
    let mut config = house();
    let kitchen = room(KITCHEN, 0);
    config.apply(&Command::SetRoomName { room: kitchen, name: Some("Hob".into()) }).unwrap();
    config.apply(&Command::SetRoomMaxVolume { room: kitchen, volume: Volume::START }).unwrap();
    config.apply(&Command::CreateGroup { group: GroupId(1), name: "down".into(), rooms: vec![kitchen] }).unwrap();
    config.apply(&Command::ForgetRoom { room: kitchen }).unwrap();
    assert_eq!(config.apply(&Command::ForgetRoom { room: kitchen }), Err(Rejected::UnknownRoom(kitchen)));
    config.apply(&meet(KITCHEN, &["kitchen", "pantry"])).unwrap();
    let settings = &config.rooms[&kitchen];
    assert_eq!((settings.name(), settings.max_volume), ("kitchen", Volume::FULL));
    assert!(config.groups[&GroupId(1)].rooms.is_empty());
}

#[test]
fn what_a_room_sounds_like_is_kept_with_the_room_and_forgotten_with_it() {
    let mut config = house();
    let (kitchen, stranger) = (room(KITCHEN, 0), room(PeerId([66; 32]), 0));
    let sound = |channels| RoomSound { channels, ..RoomSound::default() };
    let shape = |room, channels| Command::SetRoomSound { room, sound: sound(channels) };
    let start = |room, volume| Command::SetRoomStartVolume { room, volume };
    assert_eq!(config.apply(&shape(stranger, ChannelMap::Left)), Err(Rejected::UnknownRoom(stranger)));
    assert_eq!(config.apply(&start(stranger, None)), Err(Rejected::UnknownRoom(stranger)));
    config.apply(&shape(kitchen, ChannelMap::Left)).unwrap();
    config.apply(&start(kitchen, Some(Volume::START))).unwrap();
    assert_eq!((config.sounds[&kitchen], config.start_volumes[&kitchen]), (sound(ChannelMap::Left), Volume::START));
    config.apply(&shape(kitchen, ChannelMap::Stereo)).unwrap();
    config.apply(&start(kitchen, None)).unwrap();
    assert_eq!(config, house(), "what is as it is by itself is not kept");
    config.apply(&shape(kitchen, ChannelMap::Left)).unwrap();
    config.apply(&start(kitchen, Some(Volume::START))).unwrap();
    config.apply(&Command::ForgetRoom { room: kitchen }).unwrap();
    assert!(config.sounds.is_empty() && config.start_volumes.is_empty());
}

#[test]
fn room_names_are_told_apart_and_given_back() {
    let mut config = house();
    let name =
        |index, name: Option<&str>| Command::SetRoomName { room: room(KITCHEN, index), name: name.map(str::to_owned) };
    config.apply(&name(0, Some("Hob"))).unwrap();
    assert_eq!(config.apply(&name(1, Some("hob"))), Err(Rejected::NameTaken("hob".into())));
    config.apply(&name(0, None)).unwrap();
    config.apply(&name(1, Some("hob"))).unwrap();
    assert_eq!(config.apply(&name(0, Some(""))), Err(Rejected::NameEmpty));
    // Nor is it called as another room is by its node; but a node that comes may call its room what it likes.
    assert_eq!(config.apply(&name(0, Some("Cellar"))), Err(Rejected::NameTaken("Cellar".into())));
    config.apply(&meet(CELLAR, &["hob"])).unwrap();
}

#[test]
fn a_room_that_joins_a_group_leaves_the_other() {
    let mut config = house();
    let [one, other] = [GroupId(1), GroupId(2)];
    let rooms = vec![room(KITCHEN, 0), room(CELLAR, 0)];
    config.apply(&Command::CreateGroup { group: one, name: "one".into(), rooms }).unwrap();
    config.apply(&Command::CreateGroup { group: other, name: "other".into(), rooms: vec![room(CELLAR, 0)] }).unwrap();
    assert_eq!(config.groups[&one].rooms, [room(KITCHEN, 0)].into());
    assert_eq!(config.groups[&other].rooms, [room(CELLAR, 0)].into());
    config.apply(&move_to(room(KITCHEN, 0), Some(other))).unwrap();
    assert_eq!((config.groups[&one].rooms.len(), config.groups[&other].rooms.len()), (0, 2));
    let stranger = room(PeerId([66; 32]), 0);
    assert_eq!(config.apply(&move_to(stranger, Some(one))), Err(Rejected::UnknownRoom(stranger)));
    assert_eq!(config.apply(&move_to(room(CELLAR, 0), Some(GroupId(9)))), Err(Rejected::UnknownGroup));
    assert!(config.groups[&other].rooms.contains(&room(CELLAR, 0)));
    config.apply(&move_to(room(CELLAR, 0), None)).unwrap();
    assert_eq!(config.groups[&other].rooms, [room(KITCHEN, 0)].into());
    let create = Command::CreateGroup { group: GroupId(3), name: "x".into(), rooms: vec![room(CELLAR, 0), stranger] };
    assert_eq!(config.apply(&create), Err(Rejected::UnknownRoom(stranger)));
    assert_eq!(config.groups.len(), 2);
}

#[test]
fn groups_come_are_renamed_and_go() {
    let mut config = house();
    let [one, other] = [GroupId(1), GroupId(2)];
    let create = |group, name: &str| Command::CreateGroup { group, name: name.into(), rooms: vec![] };
    let rename = |group, name: &str| Command::RenameGroup { group, name: name.into() };
    config.apply(&create(one, "party")).unwrap();
    assert_eq!(config.apply(&create(one, "again")), Err(Rejected::GroupExists));
    assert_eq!(config.apply(&create(other, "Party")), Err(Rejected::NameTaken("Party".into())));
    assert_eq!(config.apply(&rename(other, "x")), Err(Rejected::UnknownGroup));
    assert_eq!(config.apply(&rename(one, "PARTY")), Ok(Outcome::Changed));
    config.apply(&Command::DeleteGroup { group: one }).unwrap();
    assert_eq!(config.apply(&Command::DeleteGroup { group: one }), Err(Rejected::UnknownGroup));
}

#[test]
fn a_token_lets_in_as_many_as_it_says_and_not_twice_for_one() {
    let mut config = house();
    config.apply(&issue(2)).unwrap();
    assert_eq!(config.apply(&redeem(10, NOW + 60)), Ok(Outcome::Changed));
    assert_eq!(config.apply(&redeem(10, NOW + 60)), Ok(Outcome::Unchanged));
    assert_eq!(config.apply(&redeem(11, NOW + 61)), Err(Rejected::TokenExpired));
    assert_eq!(config.apply(&redeem(11, NOW)), Ok(Outcome::Changed));
    assert_eq!(config.apply(&redeem(12, NOW)), Err(Rejected::TokenUsed));
    assert_eq!(config.apply(&issue(2)), Err(Rejected::TokenExists));
    config.apply(&Command::RevokeToken { hash: HASH }).unwrap();
    assert_eq!(config.apply(&redeem(12, NOW)), Err(Rejected::TokenUnknown));
}

#[test]
fn an_old_token_is_called_expired_for_a_week_and_then_forgotten() {
    let mut config = house();
    config.apply(&issue(1)).unwrap();
    let another = |id: u8, now_unix| Command::IssueToken {
        hash: TokenHash([id; 32]),
        role: Role::Node,
        expires_unix: now_unix + 60,
        uses: 1,
        now_unix,
    };
    config.apply(&another(6, NOW + 60 + WEEK)).unwrap();
    assert_eq!(config.apply(&redeem(10, NOW + 60 + WEEK)), Err(Rejected::TokenExpired));
    config.apply(&another(7, NOW + 61 + WEEK)).unwrap();
    assert_eq!(config.apply(&redeem(10, NOW + 61 + WEEK)), Err(Rejected::TokenUnknown));
    for id in 10..108 {
        config.apply(&another(id, NOW + 61 + WEEK)).unwrap();
    }
    let refused = config.apply(&another(200, NOW + 61 + WEEK));
    assert_eq!(refused, Err(Rejected::TooMany { what: "join tokens", limit: 100 }));
}

#[test]
fn commands_on_disk_keep_their_numbers() {
    let number = |command: &Command| postcard::to_allocvec(command).unwrap()[0];
    let (peer, room, group, hash, name) = (HUB, room(HUB, 0), GroupId(0), HASH, String::new());
    let volume = Volume::FULL;
    let numbers = [
        add(peer, ""),
        Command::RemoveMember { peer },
        Command::RenameMember { peer, name: name.clone() },
        Command::SetRoomName { room, name: None },
        Command::SetRoomMaxVolume { room, volume },
        meet(peer, &[]),
        Command::ForgetRoom { room },
        Command::CreateGroup { group, name: name.clone(), rooms: vec![] },
        Command::RenameGroup { group, name: name.clone() },
        Command::DeleteGroup { group },
        move_to(room, None),
        issue(1),
        redeem(1, 0),
        Command::RevokeToken { hash },
        Command::RenameHousehold { name },
        Command::SetRoomSound { room, sound: RoomSound::default() },
        Command::SetRoomStartVolume { room, volume: None },
        Command::SetGroupRooms { group, rooms: vec![] },
        Command::SaveScene { id: SceneId(0), scene: Scene { name: String::new(), groups: vec![], apart: [].into() } },
        Command::DeleteScene { id: SceneId(0) },
        Command::RecallScene { id: SceneId(0), made: vec![] },
        Command::AddStation { id: StationId(0), name: String::new(), url: String::new() },
        Command::RemoveStation { id: StationId(0) },
        Command::SetSecret { secret: secret(1) },
        grant(1, "metrics", 0),
        Command::RevokeGrant { hash: GrantHash([1; 32]) },
    ]
    .map(|command| number(&command));
    assert_eq!(numbers, std::array::from_fn(|place| u8::try_from(place).unwrap()));
}

#[test]
fn the_rooms_of_a_group_are_set_at_once_and_leave_where_they_were() {
    let mut config = house();
    let [up, down] = [GroupId(1), GroupId(2)];
    let create = |group, name: &str, rooms| Command::CreateGroup { group, name: name.into(), rooms };
    config.apply(&create(up, "up", vec![room(KITCHEN, 0), room(CELLAR, 0)])).unwrap();
    config.apply(&create(down, "down", vec![room(KITCHEN, 1)])).unwrap();
    let set = |rooms: &[RoomId]| Command::SetGroupRooms { group: up, rooms: rooms.into() };
    config.apply(&set(&[room(KITCHEN, 1), room(CELLAR, 0)])).unwrap();
    assert_eq!(config.groups[&up].rooms, [room(KITCHEN, 1), room(CELLAR, 0)].into());
    assert!(config.groups[&down].rooms.is_empty());
    let before = config.clone();
    assert!(matches!(config.apply(&set(&[room(HUB, 0)])), Err(Rejected::UnknownRoom(_))));
    assert_eq!(config, before);
    config.apply(&set(&[])).unwrap();
    assert!(config.groups[&up].rooms.is_empty());
}

#[test]
fn a_scene_brings_rooms_back_together_and_makes_groups_again_that_are_gone() {
    let mut config = house();
    let [up, down] = [GroupId(1), GroupId(2)];
    let rooms = |rooms: &[RoomId]| rooms.iter().map(|room| (*room, Volume::START)).collect();
    let group = |group, name: &str, its: &[RoomId]| SceneGroup {
        group,
        name: name.into(),
        volume: Volume::FULL,
        rooms: rooms(its),
    };
    let groups = vec![group(up, "up", &[room(KITCHEN, 0), room(CELLAR, 0)]), group(down, "down", &[])];
    let scene = Scene { name: " evening ".into(), groups, apart: rooms(&[room(KITCHEN, 1)]) };
    let id = SceneId(7);
    config.apply(&Command::SaveScene { id, scene: scene.clone() }).unwrap();
    assert_eq!(config.scenes[&id].name, "evening");
    let again = Command::SaveScene { id: SceneId(8), scene: Scene { name: "EVENING".into(), ..scene } };
    assert_eq!(config.apply(&again), Err(Rejected::NameTaken("EVENING".into())));
    // One of its groups has another id now, and more rooms than the scene has; the other is gone.
    let all = vec![room(KITCHEN, 0), room(KITCHEN, 1)];
    config.apply(&Command::CreateGroup { group: GroupId(3), name: "Up".into(), rooms: all }).unwrap();
    let recall = |made: &[GroupId]| Command::RecallScene { id, made: made.into() };
    assert_eq!(config.apply(&recall(&[])), Err(Rejected::UnknownGroup), "nobody said what it is to be called");
    config.apply(&recall(&[GroupId(4), GroupId(5)])).unwrap();
    assert_eq!(config.groups[&GroupId(3)].rooms, [room(KITCHEN, 0), room(CELLAR, 0)].into());
    assert_eq!((config.groups[&GroupId(4)].name.as_str(), config.groups.len()), ("down", 2));
    config.apply(&Command::ForgetRoom { room: room(CELLAR, 0) }).unwrap();
    assert_eq!(config.scenes[&id].groups[0].rooms.len(), 1);
    config.apply(&Command::DeleteScene { id }).unwrap();
    assert_eq!(config.apply(&recall(&[])), Err(Rejected::UnknownScene));
}

#[test]
fn stations_have_names_and_urls_that_can_be_one() {
    let mut config = house();
    let add = |id, name: &str, url: &str| Command::AddStation { id: StationId(id), name: name.into(), url: url.into() };
    config.apply(&add(1, "Jazz", "HTTPS://jazz.example/live")).unwrap();
    assert_eq!(config.stations[&StationId(1)].url, "https://jazz.example/live");
    assert_eq!(config.apply(&add(2, "jazz", "http://b.example/")), Err(Rejected::NameTaken("jazz".into())));
    assert_eq!(config.apply(&add(1, "news", "http://b.example/")), Err(Rejected::StationExists));
    assert!(matches!(config.apply(&add(2, "news", "file:///etc/passwd")), Err(Rejected::BadUrl(_))));
    assert_eq!(config.apply(&add(2, " ", "http://b.example/")), Err(Rejected::NameEmpty));
    config.apply(&Command::RemoveStation { id: StationId(1) }).unwrap();
    assert_eq!(config.apply(&Command::RemoveStation { id: StationId(1) }), Err(Rejected::UnknownStation));
}

fn secret(salt: u8) -> SecretHash {
    SecretHash { salt: [salt; 16], iterations: 1, hash: [0; 32] }
}

fn grant(number: u8, name: &str, created_unix: u64) -> Command {
    let grant = Grant { name: name.into(), scope: Scope::Read, created_unix, session_until_unix: None };
    Command::Grant { hash: GrantHash([number; 32]), grant }
}

fn session(number: u8, created_unix: u64, until_unix: u64) -> Command {
    let grant =
        Grant { name: "a browser".into(), scope: Scope::Admin, created_unix, session_until_unix: Some(until_unix) };
    Command::Grant { hash: GrantHash([number; 32]), grant }
}

#[test]
fn a_token_of_the_api_has_a_name_of_its_own_and_is_good_until_it_is_revoked() {
    let mut config = house();
    config.apply(&grant(1, "metrics", NOW)).unwrap();
    assert_eq!(config.apply(&grant(2, "Metrics", NOW)), Err(Rejected::NameTaken("Metrics".into())));
    assert_eq!(config.apply(&grant(1, "other", NOW)), Err(Rejected::TokenExists));
    assert_eq!(config.apply(&grant(2, " \n", NOW)), Err(Rejected::NameEmpty));
    let hash = GrantHash([1; 32]);
    assert_eq!(config.access.grant(hash, u64::MAX).unwrap().name, "metrics");
    assert_eq!(config.apply(&Command::RevokeGrant { hash }), Ok(Outcome::Changed));
    assert_eq!(config.access.grant(hash, NOW), None);
    assert_eq!(config.apply(&Command::RevokeGrant { hash }), Err(Rejected::UnknownGrant));
    for number in 0..64 {
        config.apply(&grant(number, &format!("{number}"), NOW)).unwrap();
    }
    assert!(matches!(config.apply(&grant(64, "one more", NOW)), Err(Rejected::TooMany { limit: 64, .. })));
    // Browsers are counted apart.
    config.apply(&session(65, NOW, NOW)).unwrap();
}

#[test]
fn a_session_ends_with_its_time_with_a_new_secret_and_when_too_many_came_after_it() {
    let mut config = house();
    config.apply(&grant(200, "metrics", NOW)).unwrap();
    config.apply(&session(1, NOW, NOW + 10)).unwrap();
    let is_good = |config: &Config, number, now| config.access.grant(GrantHash([number; 32]), now).is_some();
    assert!(is_good(&config, 1, NOW + 10) && !is_good(&config, 1, NOW + 11));
    // One that is over is forgotten with the next.
    config.apply(&session(2, NOW + 11, NOW + 1_000)).unwrap();
    assert_eq!(config.access.grants.len(), 2);
    for number in 3..=66 {
        config.apply(&session(number, NOW + 12, NOW + 1_000)).unwrap();
    }
    assert!(!is_good(&config, 2, NOW + 12) && is_good(&config, 3, NOW + 12) && is_good(&config, 66, NOW + 12));
    config.apply(&Command::SetSecret { secret: secret(2) }).unwrap();
    assert_eq!(config.access.grants.len(), 1, "the token stays");
    assert!(is_good(&config, 200, NOW));
}
