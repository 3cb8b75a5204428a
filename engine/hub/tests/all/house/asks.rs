//! What is asked of a node for somebody who asked the hub.

use unisono_core::wire::{
    VERSION, Version,
    control::{Answer, MAX_ASKS, Message, Method},
    ids::AskId,
};
use unisono_hub::house::{House, Refused};

use crate::house::home::{Done, Home, room};

fn ask(house: &mut House, node: u8) -> Result<AskId, Refused> {
    house.ask(room(node), Method::Get, "/bluetooth".into(), Vec::new())
}

fn answer(id: AskId, last: bool) -> Answer {
    Answer { id, status: 200, part: b"[]".into(), last }
}

#[test]
fn an_answer_comes_to_whoever_asked_and_from_no_other_node() {
    let mut home = Home::new();
    let (kitchen, hall) = (home.arrive(1, &["kitchen"]), home.arrive(2, &["hall"]));
    let id = home.tell(|house, _| ask(house, 1)).unwrap();
    let told = home.told(kitchen);
    assert!(matches!(&told[..], [.., Message::Ask(asked)] if asked.id == id && asked.path == "/bluetooth"), "{told:?}");
    home.frame(hall, &Message::from(answer(id, true)).to_frame());
    assert_eq!(home.count(&Done::Answer(answer(id, true))), 0);
    for last in [false, true, true] {
        home.frame(kitchen, &Message::from(answer(id, last)).to_frame());
    }
    assert_eq!(home.count(&Done::Answer(answer(id, false))), 1);
    assert_eq!(home.count(&Done::Answer(answer(id, true))), 1);
}

#[test]
fn a_node_that_goes_leaves_nobody_waiting() {
    let mut home = Home::new();
    let (kitchen, _) = (home.arrive(1, &["kitchen"]), home.arrive(2, &["hall"]));
    let id = home.tell(|house, _| ask(house, 1)).unwrap();
    let other = home.tell(|house, _| ask(house, 2)).unwrap();
    home.leave(kitchen);
    assert_eq!((home.count(&Done::Unanswered(id)), home.count(&Done::Unanswered(other))), (1, 0));
    let refused = home.refused(|house, _| ask(house, 1));
    assert!(matches!(refused, Refused::NotThere(_)), "{refused}");
}

#[test]
fn what_nobody_waits_for_is_forgotten_by_the_node_too() {
    let mut home = Home::new();
    let kitchen = home.arrive(1, &["kitchen"]);
    let id = home.tell(|house, _| ask(house, 1)).unwrap();
    home.tell(|house, _| house.forget_ask(id));
    home.tell(|house, _| house.forget_ask(id));
    let forgotten = home.told(kitchen).into_iter().filter(|told| matches!(told, Message::Forget(_))).count();
    assert_eq!(forgotten, 1);
    home.frame(kitchen, &Message::from(answer(id, true)).to_frame());
    assert_eq!(home.count(&Done::Answer(answer(id, true))), 0);
}

#[test]
fn an_older_node_and_one_with_too_much_in_hand_are_not_asked() {
    let mut home = Home::new();
    home.arrive_speaking(Version { major: 1, minor: 1 }, 1, &["kitchen"]);
    let refused = home.refused(|house, _| ask(house, 1)).to_string();
    assert!(refused.contains("kitchen") && refused.contains("1.1") && refused.contains("update"), "{refused}");
    let busy = home.arrive_speaking(VERSION, 2, &["hall"]);
    home.arrive(3, &["attic"]);
    let asked: Vec<_> = (0..MAX_ASKS).map(|_| home.tell(|house, _| ask(house, 2)).unwrap()).collect();
    assert!(matches!(home.refused(|house, _| ask(house, 2)), Refused::TooMuchInHand(_)));
    home.tell(|house, _| ask(house, 3)).unwrap();
    home.frame(busy, &Message::from(answer(asked[0], true)).to_frame());
    home.tell(|house, _| ask(house, 2)).unwrap();
    let long = home.refused(|house, _| house.ask(room(3), Method::Get, "/".repeat(2_000), Vec::new()));
    assert!(matches!(long, Refused::TooLong(_)));
}
