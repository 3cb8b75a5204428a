//! What holds for every sequence of commands, and for every file and message, whatever is in it.

use std::fs;

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
};
use unisono_core::{
    sound::{Band, BandKind, Bands, ChannelMap, Decibels, Equaliser, Frequency, MAX_BANDS, Quality, RoomSound},
    units::Volume,
    wire::{
        control::presentable,
        ids::{HouseholdId, PeerId, RoomIndex},
    },
};
use unisono_household::{
    config::{
        Command, Config, GroupId, Outcome, RoomId, Scene, SceneGroup, SceneId, StationId,
        access::{Grant, GrantHash, Scope, SecretHash},
    },
    keys::SecretKey,
    members::{Role, SignedMembers},
    node_store::NodeStore,
    recovery::key_from_recovery_code,
    session_store::SessionStore,
    token::{JoinToken, TokenHash},
};

const HUB: PeerId = PeerId([0; 32]);

fn founded() -> Config {
    Config::founded(HouseholdId([9; 32]), HUB, "attic", 1)
}

fn peer() -> impl Strategy<Value = PeerId> {
    (0..6u8).prop_map(|id| PeerId([id; 32]))
}

fn room() -> impl Strategy<Value = RoomId> {
    (peer(), 0..2u8).prop_map(|(node, index)| RoomId { node, index: RoomIndex(index) })
}

fn group() -> impl Strategy<Value = GroupId> {
    (0..4u64).prop_map(GroupId)
}

fn hash() -> impl Strategy<Value = TokenHash> {
    (0..3u8).prop_map(|id| TokenHash([id; 32]))
}

fn role() -> impl Strategy<Value = Role> {
    (1..4u8).prop_map(Role::from)
}

fn volume() -> impl Strategy<Value = Volume> {
    (0..=100u8).prop_map(|percent| Volume::new(percent).expect("a percentage"))
}

fn sound() -> impl Strategy<Value = RoomSound> {
    let kind = prop::sample::select(BandKind::ALL.to_vec());
    let band = (kind, 20.0..20_000.0, -24.0..12.0, 0.1..10.0).prop_map(|(kind, frequency, gain, q)| Band {
        kind,
        frequency: Frequency::new(frequency).expect("it is in range"),
        gain: Decibels::new(gain).expect("it is in range"),
        q: Quality::new(q).expect("it is in range"),
    });
    let channels = prop::sample::select(ChannelMap::ALL.to_vec());
    (channels, any::<bool>(), vec(band, 0..=MAX_BANDS)).prop_map(|(channels, enabled, bands)| RoomSound {
        channels,
        equaliser: Equaliser { enabled, preamp: Decibels::ZERO, bands: Bands::new(&bands).expect("not too many") },
    })
}

/// A few that clash, and any text at all.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[abA ]{0,2}", 1 => ".{0,80}", 1 => "\\PC{60,70}"]
}

fn command() -> impl Strategy<Value = Command> {
    let now = || 0..2_000_000u64;
    prop_oneof![
        3 => (peer(), role(), name()).prop_map(|(peer, role, name)| Command::AddMember { peer, role, name }),
        1 => peer().prop_map(|peer| Command::RemoveMember { peer }),
        1 => (peer(), name()).prop_map(|(peer, name)| Command::RenameMember { peer, name }),
        1 => (room(), prop::option::of(name())).prop_map(|(room, name)| Command::SetRoomName { room, name }),
        1 => (room(), volume()).prop_map(|(room, volume)| Command::SetRoomMaxVolume { room, volume }),
        3 => (peer(), vec(((0..2u8).prop_map(RoomIndex), name()), 0..3)).prop_map(|(node, rooms)| {
            Command::MeetRooms { node, rooms }
        }),
        1 => room().prop_map(|room| Command::ForgetRoom { room }),
        2 => (group(), name(), vec(room(), 0..3)).prop_map(|(group, name, rooms)| {
            Command::CreateGroup { group, name, rooms }
        }),
        1 => (group(), name()).prop_map(|(group, name)| Command::RenameGroup { group, name }),
        1 => group().prop_map(|group| Command::DeleteGroup { group }),
        3 => (room(), prop::option::of(group())).prop_map(|(room, group)| Command::SetRoomGroup { room, group }),
        2 => (hash(), role(), now(), 0..3u32, now()).prop_map(|(hash, role, expires_unix, uses, now_unix)| {
            Command::IssueToken { hash, role, expires_unix, uses, now_unix }
        }),
        2 => (hash(), peer(), name(), now()).prop_map(|(hash, peer, name, now_unix)| {
            Command::RedeemToken { hash, peer, name, now_unix }
        }),
        1 => hash().prop_map(|hash| Command::RevokeToken { hash }),
        1 => name().prop_map(|name| Command::RenameHousehold { name }),
        1 => (room(), sound()).prop_map(|(room, sound)| Command::SetRoomSound { room, sound }),
        1 => (room(), prop::option::of(volume())).prop_map(|(room, volume)| {
            Command::SetRoomStartVolume { room, volume }
        }),
        2 => (group(), vec(room(), 0..3)).prop_map(|(group, rooms)| Command::SetGroupRooms { group, rooms }),
        2 => (0..3u64, scene()).prop_map(|(id, scene)| Command::SaveScene { id: SceneId(id), scene }),
        1 => (0..3u64).prop_map(|id| Command::DeleteScene { id: SceneId(id) }),
        2 => (0..3u64, vec(group(), 0..3)).prop_map(|(id, made)| Command::RecallScene { id: SceneId(id), made }),
        1 => (0..3u64, name(), "https?://[a-b]{0,2}/?").prop_map(|(id, name, url)| {
            Command::AddStation { id: StationId(id), name, url }
        }),
        1 => (0..3u64).prop_map(|id| Command::RemoveStation { id: StationId(id) }),
        1 => any::<[u8; 16]>().prop_map(|salt| Command::SetSecret {
            secret: SecretHash { salt, iterations: 1, hash: [0; 32] },
        }),
        2 => (0..4u8, name(), now(), prop::option::of(now())).prop_map(|(number, name, created_unix, until)| {
            let grant = Grant { name, scope: Scope::Control, created_unix, session_until_unix: until };
            Command::Grant { hash: GrantHash([number; 32]), grant }
        }),
        1 => (0..4u8).prop_map(|number| Command::RevokeGrant { hash: GrantHash([number; 32]) }),
    ]
}

fn scene() -> impl Strategy<Value = Scene> {
    let rooms = || btree_map(room(), volume(), 0..3);
    let group = (group(), name(), volume(), rooms());
    let group = group.prop_map(|(group, name, volume, rooms)| SceneGroup { group, name, volume, rooms });
    (name(), vec(group, 0..3), rooms()).prop_map(|(name, groups, apart)| Scene { name, groups, apart })
}

/// What must be true of every configuration that there can be.
fn check(config: &Config) -> Result<(), TestCaseError> {
    prop_assert!(config.members.values().any(|member| member.role == Role::Hub));
    let mut grouped: Vec<_> = config.groups.values().flat_map(|group| &group.rooms).collect();
    prop_assert!(config.rooms.keys().all(|room| config.members.contains_key(&room.node)));
    prop_assert!(grouped.iter().all(|room| config.rooms.contains_key(room)));
    prop_assert!(config.sounds.keys().chain(config.start_volumes.keys()).all(|room| config.rooms.contains_key(room)));
    let rooms = grouped.len();
    grouped.sort();
    grouped.dedup();
    prop_assert_eq!(grouped.len(), rooms, "a room is in two groups");

    let scenes = config.scenes.values();
    let saved =
        scenes.flat_map(|scene| scene.groups.iter().flat_map(|group| group.rooms.keys()).chain(scene.apart.keys()));
    prop_assert!(saved.into_iter().all(|room| config.rooms.contains_key(room)), "a scene knows a room that is gone");

    let names_of: [Vec<&str>; 5] = [
        config.scenes.values().map(|scene| scene.name.as_str()).collect(),
        config.stations.values().map(|station| station.name.as_str()).collect(),
        config.members.values().map(|member| member.name.as_str()).collect(),
        config.groups.values().map(|group| group.name.as_str()).collect(),
        config.rooms.values().filter_map(|room| room.given.as_deref()).collect(),
    ];
    for names in names_of {
        let mut lower: Vec<_> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        lower.sort();
        lower.dedup();
        prop_assert_eq!(lower.len(), names.len(), "a name is there twice: {:?}", names);
        prop_assert!(names.iter().all(|name| presentable(name) == *name), "{:?}", names);
    }
    prop_assert!(config.rooms.values().all(|room| presentable(room.name()) == room.name()));
    Ok(())
}

proptest! {
    #[test]
    fn the_same_commands_give_the_same_bytes_on_every_hub(commands in vec(command(), 0..80)) {
        let mut hubs = vec![founded(); 2];
        for command in &commands {
            let sent: Command = postcard::from_bytes(&postcard::to_allocvec(command).unwrap()).unwrap();
            prop_assert_eq!(hubs[0].apply(command), hubs[1].apply(&sent));
            prop_assert_eq!(hubs[0].to_bytes(), hubs[1].to_bytes());
        }
        let snapshot: Config = postcard::from_bytes(&hubs[0].to_bytes()).unwrap();
        prop_assert_eq!(&snapshot, &hubs[0]);
        prop_assert_eq!(snapshot.to_bytes(), hubs[0].to_bytes());
    }

    #[test]
    fn a_command_is_carried_out_wholly_or_not_at_all(commands in vec(command(), 0..80)) {
        let mut config = founded();
        for command in &commands {
            let before = config.clone();
            let outcome = config.apply(command);
            prop_assert_eq!(outcome == Ok(Outcome::Changed), config != before, "{:?}", outcome);
            prop_assert_eq!(config.members_version > before.members_version, config.members != before.members);
            check(&config)?;
        }
    }

    #[test]
    fn every_member_list_can_be_signed_and_verified(commands in vec(command(), 0..40)) {
        let key = SecretKey::generate().unwrap();
        let mut config = Config::founded(HouseholdId(key.public()), HUB, "attic", 1);
        for command in &commands {
            let _ = config.apply(command);
        }
        let list = config.member_list();
        let bytes = SignedMembers::sign(&list, &key).unwrap().to_bytes();
        prop_assert_eq!(SignedMembers::from_bytes(&bytes).unwrap().verify(list.household).unwrap(), list);
    }

    #[test]
    fn noise_from_the_network_is_refused(noise in vec(any::<u8>(), 0..400), text in "\\PC{0,200}") {
        if let Ok(signed) = SignedMembers::from_bytes(&noise) {
            prop_assert!(signed.verify(HouseholdId([1; 32])).is_err());
        }
        for text in [text.clone(), format!("unisono1-{text}"), String::from_utf8_lossy(&noise).into_owned()] {
            prop_assert!(text.parse::<JoinToken>().is_err());
            prop_assert!(key_from_recovery_code(&text).is_err());
        }
    }

    #[test]
    fn noise_in_a_state_file_is_refused_or_set_aside(noise in vec(any::<u8>(), 0..400)) {
        let dir = tempfile::tempdir().unwrap();
        for name in ["node.state.a", "session.state.a", "session.state.b"] {
            fs::write(dir.path().join(name), &noise).unwrap();
        }
        prop_assert!(NodeStore::open(dir.path()).is_err());
        prop_assert_eq!(SessionStore::open(dir.path()).unwrap().damaged().len(), 2);
    }
}
