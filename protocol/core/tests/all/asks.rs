//! What a hub asks of a node's own API, and what a node answers.

#![expect(clippy::unwrap_used, reason = "a test")]

use unisono_core::{
    clock::Estimator,
    leadership::Judge,
    session::{HubEvent, HubSession, NodeAction, NodeConfig, NodeSession},
    time::{Nanos, NodeClock, Timestamp},
    wire::{
        VERSION, Version,
        control::{
            Answer, Ask, Forget, Hello, MAX_ASK_BODY, MAX_ASKS, MAX_PART, MAX_PATH, Message, Method, Refuse,
            RefuseReason, Welcome,
        },
        frame::{Frame, FrameReader},
        ids::{AskId, ClockTag},
    },
};

const NOW: Timestamp<NodeClock> = Timestamp::from_nanos(1_000_000_000);

fn greeting(version: Version) -> Hello {
    Hello {
        version,
        name: "node".into(),
        household: None,
        members_version: 0,
        join: None,
        codecs: vec![],
        rooms: vec![],
    }
}

fn node() -> NodeSession {
    let config = NodeConfig {
        name: "node".into(),
        household: None,
        members_version: 0,
        join: None,
        codecs: vec![],
        rooms: vec![],
    };
    let mut node = NodeSession::new(config, Estimator::new(), Nanos::from_millis(50));
    say(&mut node, Welcome { version: VERSION, name: "hub".into(), members: vec![], clock_tag: ClockTag(1) });
    done(&mut node);
    node
}

fn hub(version: Version) -> HubSession {
    let mut hub = HubSession::new(ClockTag(1));
    hub.handle_frame(&Message::from(greeting(version)).to_frame()).unwrap();
    hub.welcome("hub", vec![]);
    hub
}

fn say(node: &mut NodeSession, message: impl Into<Message>) {
    node.handle_frame(NOW, &message.into().to_frame(), &mut [Judge::default()]);
}

fn done(node: &mut NodeSession) -> Vec<NodeAction> {
    std::iter::from_fn(|| node.poll_action()).collect()
}

fn frame_of(bytes: &[u8]) -> Frame {
    let mut reader = FrameReader::default();
    reader.push(bytes);
    reader.next_frame().unwrap().unwrap()
}

/// What was sent to the hub.
fn answers(node: &mut NodeSession) -> Vec<Answer> {
    let answers = done(node).into_iter().filter_map(|action| match action {
        NodeAction::Control(bytes) => match Message::from_frame(&frame_of(&bytes)).unwrap() {
            Some(Message::Answer(answer)) => Some(answer),
            _ => None,
        },
        _ => None,
    });
    answers.collect()
}

fn ask(id: u32) -> Ask {
    Ask { id: AskId(id), method: Method::Get, path: "/bluetooth".into(), body: vec![] }
}

fn answer(id: u32, last: bool) -> Answer {
    Answer { id: AskId(id), status: 200, part: b"{}".into(), last }
}

#[test]
fn an_answer_goes_out_in_parts_and_nothing_follows_the_last() {
    let mut node = node();
    say(&mut node, ask(7));
    assert!(matches!(&done(&mut node)[..], [NodeAction::Ask(asked)] if *asked == ask(7)));
    for last in [false, false, true, false] {
        node.answer(answer(7, last));
    }
    node.answer(answer(8, true));
    assert_eq!(answers(&mut node), [answer(7, false), answer(7, false), answer(7, true)]);
}

#[test]
fn what_nobody_waits_for_is_dropped_and_not_answered() {
    let mut node = node();
    say(&mut node, ask(7));
    done(&mut node);
    say(&mut node, Forget { id: AskId(7) });
    say(&mut node, Forget { id: AskId(8) });
    assert!(matches!(done(&mut node)[..], [NodeAction::Forget(AskId(7))]));
    node.answer(answer(7, true));
    assert_eq!(answers(&mut node), []);
}

#[test]
fn one_ask_too_many_is_answered_at_once_and_one_that_ends_makes_room() {
    let mut node = node();
    let many = u32::try_from(MAX_ASKS).unwrap();
    (0..many).for_each(|id| say(&mut node, ask(id)));
    assert_eq!(done(&mut node).len(), MAX_ASKS);
    say(&mut node, ask(many));
    let refused = answers(&mut node);
    assert!(matches!(&refused[..], [Answer { id, status: 503, last: true, .. }] if *id == AskId(many)), "{refused:?}");
    node.answer(answer(3, true));
    done(&mut node);
    say(&mut node, ask(many + 1));
    assert!(matches!(done(&mut node)[..], [NodeAction::Ask(_)]));
}

#[test]
fn what_is_longer_than_it_may_be_ends_the_connection_on_either_side() {
    for bad in [Ask { path: "/".repeat(MAX_PATH + 1), ..ask(1) }, Ask { body: vec![0; MAX_ASK_BODY + 1], ..ask(1) }] {
        let mut node = node();
        say(&mut node, bad);
        let done = done(&mut node);
        assert!(matches!(done[..], [NodeAction::Close(Refuse { reason: RefuseReason::Protocol, .. })]), "{done:?}");
    }
    for bad in [Answer { part: vec![0; MAX_PART + 1], ..answer(1, true) }, Answer { status: 99, ..answer(1, true) }] {
        let refused = hub(VERSION).handle_frame(&Message::from(bad).to_frame());
        assert!(matches!(refused, Err(Refuse { reason: RefuseReason::Protocol, .. })), "{refused:?}");
    }
}

#[test]
fn a_hub_asks_only_nodes_that_know_what_an_ask_is() {
    assert!(hub(VERSION).takes_asks());
    assert!(hub(Version { major: 1, minor: 3 }).takes_asks());
    assert!(!hub(Version { major: 1, minor: 1 }).takes_asks());
    assert!(!HubSession::new(ClockTag(1)).takes_asks(), "it has not even greeted");
    let told = hub(VERSION).handle_frame(&Message::from(answer(1, true)).to_frame());
    assert_eq!(told, Ok(Some(HubEvent::Answer(answer(1, true)))));
}
