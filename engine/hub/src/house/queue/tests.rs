//! What holds for every queue, whatever is done to it.

use std::collections::BTreeMap;

use super::*;

fn media(number: usize) -> Media {
    Media { title: format!("song {number}"), ..Media::default() }
}

fn queue_of(count: usize) -> (Queue, Vec<EntryId>) {
    let mut queue = Queue::default();
    let ids = queue.add((0..count).map(media), At::End);
    (queue, ids)
}

/// Plays on until all is over, or so many entries have played.
fn play(queue: &mut Queue, most: usize) -> Vec<EntryId> {
    let mut played = Vec::new();
    while played.len() < most
        && let Some(next) = queue.ahead(1)
    {
        queue.turn_to(next);
        played.push(next);
    }
    played
}

fn seeded() -> fastrand::Rng {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

#[test]
fn entries_play_as_they_stand_and_then_all_is_over() {
    let (mut queue, ids) = queue_of(3);
    assert_eq!((queue.current(), queue.index()), (None, None));
    assert_eq!(play(&mut queue, 10), ids);
    assert_eq!((queue.index(), queue.ahead(1), queue.following()), (Some(2), None, None));
    queue.rewind();
    assert_eq!(queue.ahead(1), Some(ids[0]));
}

#[test]
fn repeat_goes_on_with_the_first_and_one_with_itself() {
    let (mut queue, ids) = queue_of(2);
    queue.set_repeat(Repeat::All);
    assert_eq!(play(&mut queue, 5), [ids[0], ids[1], ids[0], ids[1], ids[0]]);
    assert_eq!([0, 1, 2, 7].map(|steps| queue.ahead(steps)), [0, 1, 0, 1].map(|at| Some(ids[at])));
    assert_eq!(queue.preceding(), Some(ids[1]), "before the first comes the last");
    queue.set_repeat(Repeat::One);
    assert_eq!(play(&mut queue, 2), [ids[0], ids[0]]);
    assert_eq!(queue.following(), Some(ids[1]), "who asks for the next one gets another");
    queue.set_repeat(Repeat::Off);
    assert_eq!((queue.preceding(), queue.ahead(1), queue.ahead(2)), (None, Some(ids[1]), None));
}

#[test]
fn shuffled_each_plays_once_and_one_can_go_back_through_all_of_them() {
    let mut random = seeded();
    for count in [1, 2, 3, 10, 100] {
        let (mut queue, ids) = queue_of(count);
        queue.set_shuffled(true, random.u64(..));
        let played = play(&mut queue, count * 2);
        let mut sorted = played.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, ids, "each once");
        let mut back = vec![*played.last().unwrap()];
        while let Some(before) = queue.preceding() {
            queue.turn_to(before);
            back.push(before);
        }
        back.reverse();
        assert_eq!(back, played);
        queue.set_shuffled(false, 0);
        assert_eq!(queue.ahead(1), (count > 1).then(|| ids.iter().find(|id| **id > played[0]).copied()).flatten());
    }
}

#[test]
fn shuffled_and_repeated_each_plays_once_in_every_round_and_none_twice_in_a_row() {
    let mut random = seeded();
    for count in [2, 3, 8] {
        let (mut queue, ids) = queue_of(count);
        queue.set_repeat(Repeat::All);
        queue.set_shuffled(true, random.u64(..));
        let promised: Vec<_> = (1..=count * 5).map(|steps| queue.ahead(steps).unwrap()).collect();
        let played = play(&mut queue, count * 5);
        assert_eq!(played, promised, "what is ahead stays ahead");
        for round in played.chunks(count) {
            let mut sorted = round.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, ids);
        }
        assert!(played.windows(2).all(|pair| pair[0] != pair[1]), "{played:?}");
        for before in played[count * 4 - 1..played.len() - 1].iter().rev() {
            assert_eq!(queue.preceding(), Some(*before));
            // Which of the two is meant then cannot be told.
            if queue.following() == Some(*before) {
                break;
            }
            queue.turn_to(*before);
        }
    }
}

#[test]
fn what_plays_comes_first_when_the_rest_is_shuffled_and_what_is_put_next_comes_next() {
    let (mut queue, ids) = queue_of(20);
    queue.turn_to(ids[7]);
    queue.set_shuffled(true, 3);
    let added = queue.add([media(90), media(91)], At::Next);
    assert_eq!(queue.index(), Some(7));
    assert_eq!([queue.ahead(0), queue.ahead(1), queue.ahead(2)], [Some(ids[7]), Some(added[0]), Some(added[1])]);
    assert_eq!(play(&mut queue, 50).len(), 21, "and all the others");
}

#[test]
fn an_entry_that_a_person_picks_from_a_shuffled_queue_costs_none_of_the_others_its_turn() {
    let mut random = seeded();
    let (mut queue, ids) = queue_of(10);
    queue.set_shuffled(true, random.u64(..));
    let first = play(&mut queue, 4);
    let picked = *ids.iter().filter(|id| !first.contains(id)).nth(3).unwrap();
    queue.turn_to(picked);
    let mut all: Vec<EntryId> = first.iter().copied().chain([picked]).chain(play(&mut queue, 20)).collect();
    all.sort_unstable();
    assert_eq!(all, ids);
}

#[test]
fn what_cannot_be_played_is_passed_over_both_ways_and_a_queue_of_nothing_else_is_over() {
    for shuffled in [false, true] {
        let (mut queue, _) = queue_of(4);
        queue.set_shuffled(shuffled, 5);
        let order: Vec<EntryId> = (1..=4).filter_map(|steps| queue.ahead(steps)).collect();
        queue.set_broken(order[1], true);
        assert_eq!(play(&mut queue, 2), [order[0], order[2]]);
        assert_eq!(queue.preceding(), Some(order[0]));
        queue.set_repeat(Repeat::All);
        order.iter().for_each(|id| queue.set_broken(*id, true));
        assert_eq!((queue.ahead(1), queue.following(), queue.preceding()), (None, None, None));
        queue.set_broken(order[3], false);
        assert_eq!(queue.ahead(1), Some(order[3]));
    }
}

#[test]
fn taking_out_what_plays_leaves_the_next_one_and_taking_out_the_last_leaves_none() {
    let (mut queue, ids) = queue_of(3);
    queue.turn_to(ids[1]);
    assert!(queue.remove(ids[1]));
    assert_eq!(queue.current().map(|entry| entry.id), Some(ids[2]));
    assert!(queue.remove(ids[2]) && !queue.remove(ids[2]));
    assert_eq!((queue.current(), queue.entries().len()), (None, 1));
}

#[test]
fn what_is_kept_comes_back_and_what_does_not_fit_together_is_drawn_anew() {
    let (mut queue, ids) = queue_of(30);
    queue.set_shuffled(true, 9);
    queue.set_repeat(Repeat::All);
    play(&mut queue, 40);
    let current = queue.current().map(|entry| entry.id);
    let mut again = Queue::restored(queue.saved(), current);
    assert_eq!(again.saved(), queue.saved());
    assert_eq!(play(&mut again, 50), play(&mut queue, 50));
    let mut odd = queue.saved();
    odd.entries.truncate(10);
    odd.next_id = 0;
    let mut odd = Queue::restored(odd, Some(ids[29]));
    assert_eq!(odd.current(), None);
    assert_eq!(play(&mut odd, 10).len(), 10);
    assert!(!ids[..10].contains(&odd.add([media(1)], At::End)[0]), "no name is used twice");
}

/// Does anything to a queue, and holds it to what must always be true.
#[test]
fn nothing_that_is_done_to_a_queue_loses_an_entry_or_its_turn() {
    let mut random = seeded();
    for _ in 0..300 {
        let mut queue = Queue::default();
        let mut known: Vec<EntryId> = Vec::new();
        for _ in 0..80 {
            let version = queue.version();
            let any = |random: &mut fastrand::Rng, known: &[EntryId]| random.choice(known).copied();
            match random.u8(0..12) {
                0..3 => {
                    let at = if random.bool() { At::Next } else { At::End };
                    let index = queue.index();
                    let added = queue.add((0..random.usize(1..5)).map(media), at);
                    match at {
                        At::Next => known.splice(index.map_or(0, |i| i + 1)..index.map_or(0, |i| i + 1), added),
                        At::End => known.splice(known.len().., added),
                    };
                }
                3 | 4 => {
                    let Some(id) = any(&mut random, &known) else { continue };
                    let current = queue.current().map(|entry| entry.id);
                    assert!(queue.remove(id));
                    known.retain(|other| *other != id);
                    assert!(current == Some(id) || queue.current().map(|entry| entry.id) == current);
                }
                5 => {
                    let Some(id) = any(&mut random, &known) else { continue };
                    let to = random.usize(0..known.len() + 2);
                    queue.move_to(id, to);
                    known.retain(|other| *other != id);
                    known.insert(to.min(known.len()), id);
                }
                6 => queue.set_shuffled(random.bool(), random.u64(..)),
                7 => queue.set_repeat(*random.choice(&[Repeat::Off, Repeat::All, Repeat::One]).unwrap()),
                8 => {
                    let Some(id) = any(&mut random, &known) else { continue };
                    queue.turn_to(id);
                    assert_eq!(queue.current().map(|entry| entry.id), Some(id));
                }
                9 => {
                    let Some(before) = queue.preceding() else { continue };
                    let current = queue.current().map(|entry| entry.id);
                    if queue.following() == Some(before) {
                        continue;
                    }
                    queue.turn_to(before);
                    assert_eq!(queue.following(), current, "back and forth is where one was");
                }
                10 if random.u8(..) < 20 => {
                    queue.clear();
                    known.clear();
                }
                _ => {
                    let promised = queue.ahead(2);
                    let Some(next) = queue.ahead(1) else { continue };
                    queue.turn_to(next);
                    assert_eq!(queue.ahead(1), promised);
                }
            }
            let stands: Vec<EntryId> = queue.entries().iter().map(|entry| entry.id).collect();
            assert_eq!(stands, known);
            assert!(queue.version() >= version);
            assert!(queue.current().is_none_or(|entry| known.contains(&entry.id)));
            assert_eq!(queue.current().is_some(), queue.index().is_some());
            if let Some(order) = &queue.saved().order {
                assert!(order.is_of(queue.entries()), "{order:?}");
            }
            // From anywhere, with all repeated, a round of twice as many has each of them.
            let mut copy = queue.clone();
            copy.set_repeat(Repeat::All);
            let mut turns = BTreeMap::<EntryId, usize>::new();
            for id in play(&mut copy, known.len() * 2) {
                *turns.entry(id).or_default() += 1;
            }
            assert_eq!(turns.len(), known.len());
        }
    }
}
