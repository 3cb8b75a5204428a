//! Rooms whose outputs are slow, or turn out to be.

use unisono_core::{
    time::Nanos,
    wire::control::{Message, Rooms},
};
use unisono_hub::house::ConnectionId;

use crate::house::home::{Home, offers, room, timeline_of};

fn leads(told: &[Message]) -> Vec<i64> {
    let leads = told.iter().filter_map(|message| match message {
        Message::StreamStart(start) => Some(start.lead),
        Message::Anchors(anchors) => anchors.lead.0,
        _ => None,
    });
    leads.map(Nanos::as_millis).collect()
}

/// A node says that its room's latency is another.
fn turns_out(home: &mut Home, id: ConnectionId, name: &str, millis: i64) {
    let rooms = offers(&[name], Nanos::from_millis(millis));
    home.frame(id, &Message::from(Rooms { rooms }).to_frame());
}

#[test]
fn a_room_that_turns_out_slow_gets_its_sound_earlier_little_by_little_and_no_anchor_moves() {
    let mut home = Home::new();
    let (quick, slow) = (home.arrive(1, &["kitchen"]), home.arrive(2, &["garden"]));
    let group = home.playing("all", &[room(1), room(2)]);
    let before = timeline_of(&home.told(quick));
    let _ = home.told(slow);
    turns_out(&mut home, slow, "garden", 200);
    assert_eq!(home.house.lead_of(group), Nanos::from_millis(500));
    assert_eq!(home.budgets[&quick].1, Nanos::from_millis(500));
    // 200 ms at twice the pace: of 20 packets ten would have come anyhow.
    let mut sent = home.sent_to(quick);
    let started = sent;
    for _ in 0..10 {
        home.run_for(20);
        let packets = home.sent_to(quick) - sent;
        assert!((1..=3).contains(&packets), "{packets} packets in 20 ms");
        sent = home.sent_to(quick);
    }
    assert!((18..=21).contains(&(sent - started)), "{} packets in 200 ms", sent - started);
    home.run_for(1_000);
    assert!((49..=51).contains(&(home.sent_to(quick) - sent)));
    for id in [quick, slow] {
        let told = home.told(id);
        assert_eq!(leads(&told), [500]);
        assert!(timeline_of(&told).iter().next().is_none(), "an anchor moved");
    }
    assert!(before.iter().next().is_some());
}

#[test]
fn a_slow_room_that_joins_is_waited_for_up_to_the_limit_until_it_has_left_and_something_else_begins() {
    let mut home = Home::new();
    let quick = home.arrive(1, &["kitchen"]);
    let slow = home.arrive_with_latency(2, &["garden"], Nanos::from_secs(4));
    let group = home.playing("all", &[room(1)]);
    let _ = home.told(quick);
    home.move_to(room(2), Some(group));
    // 2 s behind the converter, what its device holds, and the margin.
    assert_eq!(home.house.lead_of(group), Nanos::from_millis(2_370));
    assert_eq!(leads(&home.told(slow)), [300], "it is told what has been sent so far");
    home.run_for(3_000);
    assert_eq!((leads(&home.told(quick)), leads(&home.told(slow))), (vec![2_370], vec![2_370]));
    home.move_to(room(2), None);
    home.run_for(500);
    assert_eq!(home.budgets[&quick].1, Nanos::from_millis(2_370));
    home.tell(|house, now| house.seek(now, group, 48_000)).unwrap();
    assert_eq!(leads(&home.told(quick)), [300]);
    assert_eq!(home.budgets[&quick].1, Nanos::from_millis(300));
}
