//! What is heard of a deck, to the frame, in virtual time.

use std::collections::BTreeMap;

use super::*;

const RATE: SampleRate = SampleRate::HZ_48000;

/// Frames of 24 bits that say which they are.
fn frames(numbers: std::ops::Range<u64>) -> Vec<f32> {
    numbers.flat_map(|number| [number as f32 / 8_388_608.0; CHANNELS]).collect()
}

/// A deck, a source of numbered frames, and rooms that hear what they are told.
struct Player {
    deck: Deck,
    now: Timestamp<NodeClock>,
    /// The frame of the source that is read next, and where it ends or stalls.
    next: u64,
    end: u64,
    stalls_at: u64,
    anchors: Vec<Anchor>,
    sequence: u32,
    packets: BTreeMap<u64, Vec<u64>>,
}

impl Player {
    fn new(end: u64) -> Self {
        let mut deck = Deck::new(RATE, Nanos::ZERO).unwrap();
        deck.open();
        deck.play();
        deck.mark("one".into());
        Self {
            deck,
            now: Timestamp::from_nanos(7_000_000_000),
            next: 0,
            end,
            stalls_at: u64::MAX,
            anchors: Vec::new(),
            sequence: 0,
            packets: BTreeMap::new(),
        }
    }

    /// Lets time pass as the thread does that drives a deck.
    fn run_for(&mut self, millis: i64) {
        let until = self.now + Nanos::from_millis(millis);
        while self.now < until {
            self.turn();
            self.now = self.now + TURN;
        }
    }

    fn turn(&mut self) {
        let wanted = self.deck.wants(self.now) as u64;
        let to = (self.next + wanted).min(self.end).min(self.stalls_at.max(self.next));
        if wanted > 0 {
            self.deck.push(&frames(self.next..to));
            self.next = to;
            if self.next == self.end {
                self.deck.finish();
            }
        }
        self.deck.advance(self.now);
        self.listen();
    }

    fn listen(&mut self) {
        while let Some(command) = self.deck.poll_command() {
            match command {
                RoomCommand::Timeline(_, timeline) => self.hear_of(timeline),
                RoomCommand::Packet(_, position, payload) => {
                    let numbers = payload.chunks_exact(6).map(|frame| {
                        assert_eq!(frame[..3], frame[3..]);
                        u64::from(u32::from_be_bytes([0, frame[0], frame[1], frame[2]]))
                    });
                    self.packets.insert(position.0, numbers.collect());
                    let heard = self.deck.timeline.instant_of(position).unwrap();
                    let early = heard - hub_time(self.now);
                    assert!(early >= LEADS.give_up, "a packet came {early} before it was to be heard");
                }
                RoomCommand::Clock(_) | RoomCommand::Start { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn hear_of(&mut self, timeline: Timeline) {
        for anchor in timeline.iter().filter(|anchor| anchor.sequence > self.sequence) {
            let early = anchor.at - hub_time(self.now);
            assert!(early >= self.deck.announce() - TURN, "an anchor came {early} before it counted");
            self.anchors.retain(|known| known.at < anchor.at);
            self.anchors.push(*anchor);
        }
        self.sequence = timeline.iter().map(|anchor| anchor.sequence).max().unwrap_or(0).max(self.sequence);
    }

    /// Every frame that was heard until now, in order.
    fn heard(&self) -> Vec<u64> {
        let mut heard = Vec::new();
        for (i, anchor) in self.anchors.iter().enumerate() {
            let Some(play) = anchor.play else { continue };
            let until = self.anchors.get(i + 1).map_or(hub_time(self.now), |next| next.at).min(hub_time(self.now));
            let frames = RATE.frames_in((until - anchor.at).max(Nanos::ZERO) + Nanos::new(1)).0;
            for position in play.position.0..play.position.0 + frames {
                let packet = &self.packets[&(position / PACKET * PACKET)];
                heard.push(packet[usize::try_from(position % PACKET).unwrap()]);
            }
        }
        heard
    }

    fn title(&self) -> Option<(String, i64)> {
        self.deck.heard(self.now).map(|(title, at)| (title.into(), at.as_millis()))
    }
}

fn is_whole(heard: &[u64]) -> bool {
    heard.iter().copied().eq(0..heard.len() as u64)
}

#[test]
fn a_piece_is_heard_from_its_first_frame_to_its_last() {
    for end in [1, 959, 960, 961, 48_000, 100_001] {
        let mut player = Player::new(end);
        player.run_for(4_000);
        assert!(is_whole(&player.heard()));
        assert_eq!((player.heard().len() as u64, player.deck.playback()), (end, Playback::Stopped), "of {end}");
    }
}

#[test]
fn it_is_heard_soon_and_half_a_second_of_it_is_there_before() {
    let mut player = Player::new(u64::from(u32::MAX));
    player.run_for(300);
    assert!(!player.heard().is_empty());
    let sent = player.packets.keys().last().unwrap() + PACKET;
    assert!(RATE.duration_of(unisono_core::units::FrameCount(sent)) >= Nanos::from_millis(480));
    player.run_for(60_000);
    assert!(player.next <= 48_000 * 61, "it reads as fast as it is heard");
    assert!(player.deck.tape.len() < 48_000 * CHANNELS, "it keeps what was heard");
}

#[test]
fn after_a_pause_the_next_frame_is_heard_whenever_it_was_made() {
    // Also while it has yet to begin, and while its end is known.
    for pauses in [[10, 500], [130, 170], [333, 1_234], [2_047, 500], [2_400, 20], [2_480, 700]] {
        let mut player = Player::new(120_000);
        for pause in pauses {
            player.run_for(pause);
            player.deck.pause(player.now);
            player.listen();
            let so_far = player.heard().len() as u64;
            player.run_for(2_000);
            let heard = player.heard();
            assert!(is_whole(&heard), "{pauses:?}");
            // What the rooms had written already, and no more.
            assert!(heard.len() as u64 - so_far <= RATE.frames_in(player.deck.announce() + TURN).0 + 1, "{pauses:?}");
            if player.deck.playback() == Playback::Paused {
                player.deck.play();
            }
        }
        player.run_for(4_000);
        assert!(is_whole(&player.heard()), "{pauses:?}");
        assert_eq!(player.heard().len(), 120_000, "{pauses:?}");
    }
}

#[test]
fn two_pieces_follow_each_other_without_a_gap_and_are_named_when_they_are_heard() {
    let mut player = Player::new(48_000);
    player.run_for(500);
    assert_eq!(player.title().unwrap().0, "one");
    // The source has come to the end of the first, which is yet to be heard.
    let rest = usize::try_from(48_000 - player.next).unwrap();
    player.deck.push(&frames(player.next..48_000));
    player.deck.mark("two".into());
    (player.next, player.end) = (48_000, 96_000);
    assert!(rest > 0);
    player.run_for(600);
    assert_eq!(player.title().unwrap().0, "one");
    player.run_for(1_000);
    let (title, millis) = player.title().unwrap();
    assert!(title == "two" && (0..1_000).contains(&millis), "{title} at {millis}");
    player.run_for(3_000);
    assert!(is_whole(&player.heard()) && player.heard().len() == 96_000);
}

#[test]
fn next_goes_to_the_first_frame_of_the_next_piece_whether_that_was_read_or_not() {
    let mut player = Player::new(48_000);
    player.run_for(600);
    player.deck.push(&frames(player.next..48_000));
    player.deck.mark("two".into());
    (player.next, player.end) = (48_000, 96_000);
    player.turn();
    assert!(player.deck.next(player.now), "it is on the tape");
    player.listen();
    let begun = player.heard().len();
    player.run_for(500);
    assert_eq!(player.title().unwrap().0, "two");
    let heard = player.heard();
    let at = heard.iter().position(|frame| *frame == 48_000).unwrap();
    assert!(
        at >= begun
            && is_whole(&heard[..at])
            && heard[at..].iter().copied().eq(48_000..48_000 + (heard.len() - at) as u64)
    );
    // Of the second piece nothing is known of what follows.
    assert!(!player.deck.next(player.now));
    player.deck.mark("three".into());
    (player.next, player.end) = (200_000, 200_960);
    player.run_for(1_000);
    assert!(player.heard().ends_with(&(200_000..200_960).collect::<Vec<_>>()));
    assert_eq!(player.deck.playback(), Playback::Stopped);
}

#[test]
fn sound_that_does_not_come_is_silence_and_begins_afresh_without_a_frame_lost() {
    let mut player = Player::new(200_000);
    player.stalls_at = 60_123;
    player.run_for(3_000);
    let heard = player.heard();
    assert!(is_whole(&heard));
    // The rest of a packet is silence.
    assert!(heard.len() == 60_123, "{}", heard.len());
    assert_eq!(player.deck.playback(), Playback::Playing);
    player.stalls_at = u64::MAX;
    player.run_for(6_000);
    assert!(is_whole(&player.heard()) && player.heard().len() == 200_000);
}

#[test]
fn rooms_that_were_taken_away_go_on_with_what_they_have_not_heard() {
    let mut player = Player::new(96_000);
    player.run_for(700);
    player.deck.close(player.now);
    player.now = player.now + Nanos::from_secs(60);
    player.deck.open();
    (player.anchors, player.sequence) = (Vec::new(), u32::MAX);
    let before = player.next;
    player.sequence = player.deck.sequence;
    player.run_for(4_000);
    let heard = player.heard();
    assert!(heard[0] < before && *heard.last().unwrap() == 95_999);
    assert!(heard.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn what_is_stopped_is_gone() {
    let mut player = Player::new(96_000);
    player.run_for(700);
    player.deck.stop(player.now);
    player.listen();
    assert_eq!((player.deck.wants(player.now), player.title()), (0, None));
    player.run_for(1_000);
    player.deck.mark("again".into());
    (player.next, player.end) = (0, 960);
    player.deck.play();
    player.run_for(2_000);
    assert!(player.heard().ends_with(&(0..960).collect::<Vec<_>>()));
}

#[test]
fn a_slow_output_is_told_so_much_earlier() {
    let mut player = Player::new(480_000);
    player.deck.set_latency(Nanos::from_millis(400));
    player.run_for(5_000);
    assert!(player.deck.announce() >= Nanos::from_millis(500));
    assert!(is_whole(&player.heard()) && !player.heard().is_empty());
    player.deck.pause(player.now);
    player.listen();
}
