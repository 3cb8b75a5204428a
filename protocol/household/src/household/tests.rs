use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;
use crate::{config::Rejected, members::Pinned, node_store::NodeStore};

/// The first second of 2026.
const NOW: u64 = 1_767_225_600;
const NODE: PeerId = PeerId([2; 32]);

fn folder() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hub");
    (dir, path)
}

fn open(path: &Path) -> Result<HubHousehold, Error> {
    HubHousehold::open_or_create(path, "attic", NOW)
}

fn refusal(path: &Path) -> Error {
    open(path).map(|_| ()).unwrap_err()
}

fn address() -> SocketAddr {
    "10.0.0.1:7000".parse().unwrap()
}

#[test]
fn the_first_start_founds_a_household_and_the_next_one_finds_it() {
    let (_dir, path) = folder();
    let hub = open(&path).unwrap();
    let list = hub.members().verify(hub.household_id()).unwrap();
    assert_eq!(list.role_of(hub.hub()), Some(Role::Hub));
    assert_eq!(list.members[0].name, "attic");
    let (id, public, members, reset) = (hub.household_id(), hub.hub(), hub.members().clone(), *hub.reset_key());
    drop(hub);
    let hub = HubHousehold::open_or_create(&path, "another name", NOW + 9).unwrap();
    assert_eq!((hub.household_id(), hub.hub(), hub.members(), hub.reset_key()), (id, public, &members, &reset));
    assert!(!path.join(FIRST_START).exists());
}

#[test]
fn a_node_joins_with_a_token_and_the_list_is_signed_again() {
    let (dir, path) = folder();
    let mut hub = open(&path).unwrap();
    let token = hub.issue_token(&[address()], 600, 1, NOW).unwrap();
    let before = hub.members().verify(hub.household_id()).unwrap();
    hub.redeem(token.secret(), NODE, "kitchen", NOW + 600).unwrap();
    assert_eq!(hub.role_of(NODE), Some(Role::Node));

    let mut node = NodeStore::open(&dir.path().join("node")).unwrap();
    node.join(hub.members(), token.hub()).unwrap();
    assert!(node.pinned().unwrap().version() > before.version);
    assert_eq!(node.members().unwrap().role_of(NODE), Some(Role::Node));

    hub.redeem(token.secret(), NODE, "kitchen", NOW + 601).unwrap();
    let used = hub.redeem(token.secret(), PeerId([3; 32]), "cellar", NOW).unwrap_err();
    assert!(matches!(used, Error::Rejected(Rejected::TokenUsed)), "{used}");
    let unknown = hub.redeem(&[0; 16], PeerId([3; 32]), "cellar", NOW).unwrap_err();
    assert!(matches!(unknown, Error::Rejected(Rejected::TokenUnknown)), "{unknown}");
    assert_eq!(hub.role_of(PeerId([3; 32])), None);
}

#[test]
fn issued_tokens_outlive_a_restart_and_their_secrets_are_not_kept() {
    let (_dir, path) = folder();
    let mut hub = open(&path).unwrap();
    let token = hub.issue_token(&[address()], 600, 2, NOW).unwrap();
    drop(hub);
    let file = fs::read(path.join(DATABASE)).unwrap();
    assert!(!file.windows(16).any(|bytes| bytes == token.secret()));
    open(&path).unwrap().redeem(token.secret(), NODE, "kitchen", NOW).unwrap();
}

#[test]
fn nodes_on_the_same_machine_join_while_the_hub_runs() {
    let (dir, path) = folder();
    let mut hub = open(&path).unwrap();
    let runtime = dir.path().join("run");
    let file = hub.open_local_join(&runtime, &[address()]).unwrap();
    let token = crate::local_join::read_local_token(&runtime).unwrap().unwrap();
    for id in [2, 3] {
        hub.redeem(token.secret(), PeerId([id; 32]), "raspberrypi", NOW).unwrap();
    }
    assert_eq!(hub.config().members[&PeerId([3; 32])].name, "raspberrypi 2");
    drop((file, hub));
    assert_eq!(crate::local_join::read_local_token(&runtime).unwrap(), None);
    let refused = open(&path).unwrap().redeem(token.secret(), PeerId([4; 32]), "late", NOW).unwrap_err();
    assert!(matches!(refused, Error::Rejected(Rejected::TokenUnknown)), "{refused}");
}

#[test]
fn two_hubs_do_not_share_a_folder() {
    let (_dir, path) = folder();
    let _hub = open(&path).unwrap();
    assert!(matches!(refusal(&path), Error::Locked { .. }));
}

#[test]
fn half_an_identity_is_not_made_up_again() {
    for name in FILES {
        let (_dir, path) = folder();
        drop(open(&path).unwrap());
        fs::remove_file(path.join(name)).unwrap();
        let refused = refusal(&path);
        assert!(matches!(&refused, Error::Incomplete { missing, .. } if missing.ends_with(name)), "{refused}");
        assert!(refused.to_string().contains("--recover`"), "{refused}");
        assert!(!path.join(name).exists());
    }
    let (_dir, path) = folder();
    drop(open(&path).unwrap());
    fs::remove_file(path.join(RESET_KEY)).unwrap();
    open(&path).unwrap();
}

#[test]
fn a_damaged_file_stops_the_hub_and_is_left_as_it_is() {
    for name in [HUB_KEY, HOUSEHOLD_KEY, RESET_KEY, DATABASE] {
        for noise in ["", "noise"] {
            let (_dir, path) = folder();
            drop(open(&path).unwrap());
            fs::write(path.join(name), noise).unwrap();
            let refused = refusal(&path);
            let (Error::KeyDamaged { path: named }
            | Error::SecretDamaged { path: named }
            | Error::StateDamaged { path: named }) = &refused
            else {
                panic!("{name}: {refused}");
            };
            assert_eq!(named, &path.join(name));
            assert_eq!(fs::read_to_string(path.join(name)).unwrap(), noise);
        }
    }
}

#[test]
fn keys_of_another_machine_are_noticed() {
    let (_dir, path) = folder();
    let (_other_dir, other) = folder();
    drop((open(&path).unwrap(), open(&other).unwrap()));
    let mine = fs::read(path.join(HUB_KEY)).unwrap();
    fs::copy(other.join(HUB_KEY), path.join(HUB_KEY)).unwrap();
    assert!(matches!(refusal(&path), Error::NotAHub { .. }));
    fs::write(path.join(HUB_KEY), mine).unwrap();
    fs::copy(other.join(HOUSEHOLD_KEY), path.join(HOUSEHOLD_KEY)).unwrap();
    assert!(matches!(refusal(&path), Error::WrongHouseholdKey { .. }));
}

#[test]
fn a_first_start_that_was_cut_short_is_finished() {
    for kept in 0..FILES.len() {
        let (_dir, path) = folder();
        let id = open(&path).unwrap().hub();
        for name in &FILES[kept..] {
            fs::remove_file(path.join(name)).unwrap();
        }
        fs::write(path.join(FIRST_START), "").unwrap();
        let hub = open(&path).unwrap();
        assert_eq!(hub.hub() == id, kept > 0);
        drop(hub);
        assert!(!path.join(FIRST_START).exists());
    }
}

#[test]
fn a_household_is_recovered_from_paper_and_its_nodes_recognise_it() {
    let (_dir, path) = folder();
    let mut hub = open(&path).unwrap();
    let token = hub.issue_token(&[address()], 600, 1, NOW).unwrap();
    hub.redeem(token.secret(), NODE, "kitchen", NOW).unwrap();
    let code = HubHousehold::recovery_code(&path).unwrap().unwrap();
    let (mut pinned, _) = Pinned::by_joining(hub.members(), hub.hub()).unwrap();

    let (_new_dir, new) = folder();
    let unset = HubHousehold::recover(&new, "spare", &code, 60).map(|_| ()).unwrap_err();
    assert!(matches!(unset, Error::ClockNotSet { .. }), "{unset}");
    let recovered = HubHousehold::recover(&new, "spare", &code, NOW + 3600).unwrap();
    assert_eq!(recovered.household_id(), hub.household_id());
    assert_ne!(recovered.hub(), hub.hub());
    let list = pinned.accept(recovered.members()).unwrap();
    assert_eq!(list.role_of(recovered.hub()), Some(Role::Hub));
    drop(recovered);
    let again = HubHousehold::recover(&new, "spare", &code, NOW + 3600).map(|_| ()).unwrap_err();
    assert!(matches!(again, Error::NotEmpty { .. }), "{again}");
}

#[test]
fn a_recovery_that_was_cut_short_is_finished_by_either_way_in() {
    for by_recovery in [true, false] {
        let (_dir, path) = folder();
        let hub = open(&path).unwrap();
        let (id, code) = (hub.household_id(), HubHousehold::recovery_code(&path).unwrap().unwrap());
        drop(hub);
        fs::remove_file(path.join(HUB_KEY)).unwrap();
        fs::remove_file(path.join(DATABASE)).unwrap();
        fs::write(path.join(FIRST_START), "").unwrap();
        let other = recovery::recovery_code(&SecretKey::generate().unwrap());
        assert!(matches!(HubHousehold::recover(&path, "spare", &other, NOW), Err(Error::NotEmpty { .. })));
        let hub = if by_recovery { HubHousehold::recover(&path, "spare", &code, NOW) } else { open(&path) };
        assert_eq!(hub.unwrap().household_id(), id);
    }
}

#[test]
fn a_rejected_change_is_an_error_with_its_reason() {
    let (_dir, path) = folder();
    let mut hub = open(&path).unwrap();
    let peer = hub.hub();
    let refused = hub.apply(&Command::RemoveMember { peer }).unwrap_err();
    assert_eq!(refused.to_string(), "the last hub cannot be removed; add another first");
}
