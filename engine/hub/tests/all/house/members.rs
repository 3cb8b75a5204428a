//! What nodes are told of each other.

use unisono_core::wire::control::{Members, Message};

use crate::house::home::Home;

/// The member lists that a connection was sent.
fn lists(told: Vec<Message>) -> Vec<Vec<u8>> {
    let list = |message| if let Message::Members(Members { members }) = message { Some(members) } else { None };
    told.into_iter().filter_map(list).collect()
}

#[test]
fn a_change_is_told_at_once() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    home.tell(|house, now| house.members_changed(now, vec![1]));
    assert_eq!(lists(home.told(node)), [[1]]);
}

#[test]
fn a_crowd_that_joins_does_not_bury_anyone_in_lists_and_the_last_one_arrives() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    for joined in 0..250 {
        home.tell(|house, now| house.members_changed(now, vec![joined]));
        home.run_for(10);
    }
    home.run_for(2_000);
    let told = lists(home.told(node));
    assert_eq!(told.last(), Some(&vec![249]));
    assert!((3..=4).contains(&told.len()), "{} lists in 2.5 s", told.len());
    home.run_for(5_000);
    assert!(lists(home.told(node)).is_empty(), "told again what was known");
}
