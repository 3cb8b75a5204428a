//! When to ask a speaker for a volume, whether it has followed, and whether somebody has turned it: sans-IO.

use unisono_core::{
    time::{Nanos, NodeClock, Timestamp},
    units::Gain,
};

use super::{Absolute, Obstacle, VolumeMode};
use crate::Failure;

type Instant = Timestamp<NodeClock>;

/// Speakers have their volume in steps, mostly 15 or 16 of them: what they make of what they are asked for is so near.
const NEAR: u8 = 9;

/// One that is asked for what it is near to already may not say anything: it has followed after so long.
const SILENT_ANSWER: Nanos = Nanos::from_millis(300);

/// While it has not followed, what is wanted meanwhile is asked for no sooner than this.
const GAP: Nanos = Nanos::from_millis(250);

/// After so long samples are scaled for one that has not followed yet...
const DOUBT: Nanos = Nanos::from_millis(600);

/// ...and after so long it is asked again, so often in all. (AVCTP waits 2 s for an answer.)
const ANSWER_LIMIT: Nanos = Nanos::from_millis(2_500);
const TRIES: u8 = 2;

/// A refusal is tried again after this: `BlueZ` may show a volume before the way for it is there.
const REFUSED_PAUSE: Nanos = Nanos::from_secs(1);

/// What it shows so long after it has followed still answers what it was asked.
const SETTLING: Nanos = Nanos::from_secs(1);

/// Somebody who turns it is not contradicted until the hand has rested for so long.
const HAND: Nanos = Nanos::from_secs(1);

/// What there is to see at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// The way for music, by its path: each has a volume of its own.
    pub(crate) transport: Option<&'a str>,
    /// The volume that the speaker is at, if it says so.
    pub(crate) shown: Option<Absolute>,
    /// How loud the room is to be, once it has said.
    pub(crate) wanted: Option<Gain>,
    /// What a person wants to stand for that.
    pub(crate) mode: VolumeMode,
    /// The model's own volume is known not to follow.
    pub(crate) is_known_not_to_follow: bool,
}

/// What was asked of the speaker and is not known to have been followed.
#[derive(Clone, Copy, Debug)]
struct Asked {
    place: Place,
    /// What it showed then.
    from: Absolute,
    at: Instant,
    tries: u8,
    /// What `BlueZ` answered.
    answer: Option<Result<(), Failure>>,
}

/// Where the speaker is to be for a gain, or is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    value: Absolute,
    gain: Gain,
}

/// A speaker's own volume on one stream.
#[derive(Debug, Default)]
pub(crate) struct Control {
    transport: Option<String>,
    obstacle: Option<Obstacle>,
    /// What the room said last, and where that wants the speaker. Silence wants it nowhere else.
    wanted: Option<Gain>,
    target: Option<Place>,
    /// Where it is by its own account.
    placed: Option<Place>,
    asked: Option<Asked>,
    is_refused: bool,
    /// What it shows while nobody moves it; `None` while it may still answer, which is over then.
    settled: Option<Absolute>,
    settles_at: Option<Instant>,
    /// Somebody was turning it until then.
    hand_until: Option<Instant>,
    /// What whoever leads the room is to be told, or not to be told any more.
    turn: Option<Option<Gain>>,
}

impl Control {
    /// Looks at everything; gives the volume that the speaker is to be asked for. To be called some times a second.
    pub(crate) fn poll(&mut self, now: Instant, seen: &Seen<'_>) -> Option<Absolute> {
        if seen.transport != self.transport.as_deref() {
            *self = Self { transport: seen.transport.map(str::to_owned), turn: Some(None), ..Self::default() };
        }
        self.obstacle = match seen.shown {
            _ if seen.mode == VolumeMode::Samples => Some(Obstacle::Chosen),
            _ if seen.is_known_not_to_follow => Some(Obstacle::Table),
            None => Some(Obstacle::NoVolume),
            Some(_) => None,
        };
        let Some(shown) = seen.shown.filter(|_| self.obstacle.is_none()) else {
            (self.placed, self.asked) = (None, None);
            return None;
        };
        if self.is_refused {
            return None;
        }
        if self.is_turned(now, shown) {
            let place = Place { value: shown, gain: shown.gain() };
            (self.target, self.placed, self.settled) = (Some(place), Some(place), Some(shown));
            (self.hand_until, self.turn) = (Some(now + HAND), Some(Some(place.gain)));
        }
        self.hear(now, seen.wanted);
        let target = self.target?;
        match self.asked {
            Some(asked) => self.follow(now, asked, shown, target),
            None => self.ask(now, shown, target, 1),
        }
    }

    /// `BlueZ` has answered what was asked last.
    pub(crate) fn answered(&mut self, answer: Result<(), Failure>) {
        if let Some(asked) = &mut self.asked {
            asked.answer = Some(answer);
        }
    }

    /// The gain that the speaker stands for, or why samples are scaled.
    pub(crate) fn standing(&self) -> Result<Gain, Obstacle> {
        match (self.obstacle, self.placed) {
            (Some(obstacle), _) => Err(obstacle),
            (None, _) if self.transport.is_none() => Err(Obstacle::NoVolume),
            (None, _) if self.is_refused => Err(Obstacle::Refused),
            (None, Some(placed)) => Ok(placed.gain),
            (None, None) => Err(Obstacle::Asking),
        }
    }

    /// How loud the room is because somebody has turned the speaker; `Some(None)`: what was said of that is out of date.
    pub(crate) fn take_turn(&mut self) -> Option<Option<Gain>> {
        self.turn.take()
    }

    /// Whether what it shows now is somebody's doing.
    fn is_turned(&mut self, now: Instant, shown: Absolute) -> bool {
        let Some(placed) = self.placed.filter(|_| self.asked.is_none()) else { return false };
        match self.settled {
            Some(settled) => settled != shown,
            None if self.settles_at.is_some_and(|at| now < at) => false,
            None if shown.distance(placed.value) <= NEAR => {
                self.settled = Some(shown);
                false
            }
            None => true,
        }
    }

    /// Takes what the room wants, once nobody is turning the speaker: what comes while somebody is answers that.
    fn hear(&mut self, now: Instant, wanted: Option<Gain>) {
        let Some(wanted) = wanted.filter(|wanted| self.wanted != Some(*wanted)) else { return };
        if self.hand_until.is_some_and(|until| now < until) {
            return;
        }
        let was_turned = self.hand_until.take().is_some();
        self.wanted = Some(wanted);
        if wanted == Gain::SILENT {
            // An answer to a hand may follow, when it is heard again.
            self.hand_until = was_turned.then_some(now);
            return;
        }
        let target = Place { value: Absolute::of(wanted), gain: wanted };
        self.target = Some(target);
        // Percents are not 127ths: what comes back is as near as that.
        if was_turned && self.placed.is_some_and(|placed| placed.value.distance(target.value) <= 1) {
            self.placed = Some(target);
        } else {
            self.turn = Some(None);
        }
    }

    /// Sees whether the speaker has done what it was asked.
    fn follow(&mut self, now: Instant, asked: Asked, shown: Absolute, target: Place) -> Option<Absolute> {
        let since = now - asked.at;
        let has_spoken = shown != asked.from || since >= SILENT_ANSWER;
        if asked.answer == Some(Ok(())) && has_spoken && shown.distance(asked.place.value) <= NEAR {
            (self.asked, self.placed) = (None, Some(asked.place));
            (self.settled, self.settles_at) = (None, Some(now + SETTLING));
            return self.ask(now, shown, target, 1);
        }
        let is_refused = matches!(asked.answer, Some(Err(_)));
        if is_refused || since >= DOUBT {
            self.placed = None;
        }
        if since >= if is_refused { REFUSED_PAUSE } else { ANSWER_LIMIT } {
            if asked.tries < TRIES {
                self.asked = None;
                return self.ask(now, shown, target, asked.tries + 1);
            }
            (self.is_refused, self.asked, self.placed) = (true, None, None);
        } else if asked.place.value != target.value && !is_refused && since >= GAP {
            self.asked = None;
            return self.ask(now, shown, target, asked.tries);
        }
        None
    }

    /// Asks for what is wanted, unless the speaker is there.
    fn ask(&mut self, now: Instant, shown: Absolute, target: Place, tries: u8) -> Option<Absolute> {
        if let Some(placed) = self.placed.as_mut().filter(|placed| placed.value == target.value) {
            placed.gain = target.gain;
            return None;
        }
        if self.placed.is_none() && shown == target.value {
            (self.placed, self.settled) = (Some(target), Some(shown));
            return None;
        }
        self.asked = Some(Asked { place: target, from: shown, at: now, tries, answer: None });
        Some(target.value)
    }
}

#[cfg(test)]
mod tests {
    use unisono_core::units::Volume;

    use super::{super::SpeakerVolume, *};

    /// A speaker, the room that plays on it and whoever leads that, in virtual time.
    struct Room {
        now: Instant,
        control: Control,
        shared: SpeakerVolume,
        open: bool,
        transport: Option<&'static str>,
        /// What the speaker is at, and in how many steps it has that.
        at: u8,
        steps: u8,
        /// What it was asked for, and when it does that.
        doing: Option<(u8, Instant)>,
        follows: bool,
        refuses: bool,
        shows: bool,
        mode: VolumeMode,
        /// What whoever leads the room wants, percent.
        wanted: u8,
        muted: bool,
        /// Whether they hear what was turned at the speaker.
        hears: bool,
        asked: Vec<u8>,
        turned: Vec<u8>,
        samples: Gain,
    }

    impl Room {
        fn new(at: u8, wanted: u8) -> Self {
            Self {
                now: Instant::from_nanos(0),
                control: Control::default(),
                shared: SpeakerVolume::default(),
                open: false,
                transport: Some("/fd0"),
                at,
                steps: 127,
                doing: None,
                follows: true,
                refuses: false,
                shows: true,
                mode: VolumeMode::Speaker,
                wanted,
                muted: false,
                hears: true,
                asked: Vec::new(),
                turned: Vec::new(),
                samples: Gain::SILENT,
            }
        }

        fn wants(&self) -> Gain {
            if self.muted { Gain::SILENT } else { Volume::new(self.wanted).unwrap().gain() }
        }

        /// It goes to rest, is used by somebody else, and is woken.
        fn reconnect(&mut self, transport: &'static str, at: u8) {
            self.transport = None;
            self.run(300);
            (self.transport, self.at, self.doing) = (Some(transport), at, None);
        }

        /// How loud it is for who is in the room.
        fn heard(&self) -> f32 {
            let samples = if self.transport.is_some() { self.samples } else { Gain::SILENT };
            samples.factor() * Absolute(self.at).gain().factor()
        }

        /// 15 ms: the audio thread looks in each of these, the service in every seventh.
        fn turn(&mut self) {
            self.now = self.now + Nanos::from_millis(15);
            if let Some((value, _)) = self.doing.take_if(|(_, at)| *at <= self.now) {
                let step = 127.0 / f64::from(self.steps);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 127")]
                let rounded = ((f64::from(value) / step).floor() * step) as u8;
                self.at = rounded;
            }
            self.samples = self.shared.take(self.wants(), &mut self.open);
            if self.now.as_nanos() / 15_000_000 % 7 != 0 {
                return;
            }
            if let Some(gain) = self.hears.then(|| self.shared.take_turn()).flatten() {
                self.wanted = Volume::nearest(gain).percent();
                self.turned.push(self.wanted);
            }
            let seen = Seen {
                transport: self.transport,
                shown: self.transport.filter(|_| self.shows).map(|_| Absolute(self.at)),
                wanted: self.shared.wanted(),
                mode: self.mode,
                is_known_not_to_follow: false,
            };
            if let Some(Absolute(value)) = self.control.poll(self.now, &seen) {
                self.asked.push(value);
                self.control.answered(if self.refuses { Err(Failure::Other) } else { Ok(()) });
                if self.follows && !self.refuses {
                    self.doing = Some((value, self.now + Nanos::from_millis(60)));
                }
            }
            if let Some(turn) = self.control.take_turn() {
                self.shared.turn(turn);
            }
            self.shared.publish(self.control.standing());
        }

        fn run(&mut self, millis: i64) -> &mut Self {
            for _ in 0..millis / 15 {
                self.turn();
            }
            self
        }

        fn standing(&self) -> (Option<Obstacle>, u8, Gain) {
            (self.shared.obstacle(), self.at, self.samples)
        }
    }

    #[test]
    fn a_loud_speaker_is_brought_to_the_rooms_volume_before_anything_is_heard_at_full_scale() {
        let mut room = Room::new(127, 35);
        let limit = Volume::START.gain().factor() * 1.001;
        for _ in 0..200 {
            room.turn();
            assert!(room.heard() <= limit, "{} at {:?}", room.heard(), room.now);
        }
        assert_eq!((room.standing(), room.asked.as_slice()), ((None, 44, Gain::UNITY), [44].as_slice()));
        assert_eq!(room.turned, [0; 0]);
        // So it is on each new connection, whatever the speaker has made of it meanwhile.
        room.reconnect("/fd1", 127);
        for _ in 0..200 {
            room.turn();
            assert!(room.heard() <= limit, "{} at {:?}", room.heard(), room.now);
        }
        assert_eq!(room.standing(), (None, 44, Gain::UNITY));
    }

    #[test]
    fn a_change_moves_the_speaker_and_a_slider_that_is_dragged_does_not_flood_it() {
        let mut room = Room::new(44, 35);
        room.run(1_500);
        assert_eq!((room.standing(), room.asked.len()), ((None, 44, Gain::UNITY), 0), "it was there already");
        for percent in 36..=95 {
            room.wanted = percent;
            room.run(30);
        }
        room.run(1_000);
        assert_eq!(room.standing(), (None, 121, Gain::UNITY));
        assert!(room.asked.len() <= 20, "{:?}", room.asked);
        assert_eq!(room.turned, [0; 0], "nobody has turned it");
    }

    #[test]
    fn a_mute_is_immediate_moves_nothing_and_ends_no_louder_than_the_room_is_then() {
        let mut room = Room::new(127, 100);
        room.run(1_500);
        room.muted = true;
        room.run(15);
        assert_eq!(room.standing(), (None, 127, Gain::SILENT));
        room.run(2_000).wanted = 10;
        room.run(1_000).muted = false;
        let limit = Volume::new(10).unwrap().gain().factor() * 1.05;
        for _ in 0..200 {
            room.turn();
            assert!(room.heard() <= limit, "{} at {:?}", room.heard(), room.now);
        }
        assert_eq!((room.standing(), room.asked.as_slice()), ((None, 13, Gain::UNITY), [13].as_slice()));
    }

    #[test]
    fn what_somebody_turns_at_the_speaker_is_the_rooms_volume_and_nobody_contradicts_the_hand() {
        let mut room = Room::new(44, 35);
        room.run(1_500);
        for value in (44..=90).step_by(2) {
            room.at = value;
            room.run(60);
        }
        room.run(3_000);
        assert_eq!((room.at, room.wanted, room.asked.as_slice()), (90, 71, [0; 0].as_slice()));
        assert!(room.turned.is_sorted() && room.turned.len() > 5, "it is seen while it is turned: {:?}", room.turned);
        assert_eq!(room.standing(), (None, 90, Gain::UNITY));
        // To nothing, and up again.
        for (value, percent) in [(0, 0), (64, 50)] {
            room.at = value;
            room.run(3_000);
            assert_eq!((room.at, room.wanted), (value, percent));
        }
        assert_eq!((room.standing(), room.asked.len()), ((None, 64, Gain::UNITY), 0));
        // Then the room is set at the hub again.
        room.wanted = 20;
        room.run(1_000);
        assert_eq!((room.at, room.asked.as_slice()), (25, [25].as_slice()));
    }

    #[test]
    fn what_is_turned_while_nobody_hears_of_it_is_told_later_unless_the_room_was_set_meanwhile() {
        for set_meanwhile in [false, true] {
            let mut room = Room::new(44, 35);
            room.run(1_500).hears = false;
            room.at = 25;
            room.run(5_000);
            assert_eq!((room.at, room.wanted), (25, 35), "it stays as it was turned");
            if set_meanwhile {
                room.wanted = 60;
            }
            // A hub that comes back says at once how loud the room is.
            room.run(300).hears = true;
            room.run(3_000);
            let expected = if set_meanwhile { (76, 60) } else { (25, 20) };
            assert_eq!((room.at, room.wanted), expected, "set meanwhile: {set_meanwhile}");
        }
    }

    #[test]
    fn steps_of_a_speaker_are_nobodys_hand() {
        for steps in [10_u8, 15, 16, 30] {
            let mut room = Room::new(127, 35);
            room.steps = steps;
            room.run(2_000);
            for percent in [1, 3, 50, 52, 53, 99, 100, 7, 0, 64] {
                room.wanted = percent;
                room.run(2_500);
                assert_eq!(room.wanted, percent, "{steps} steps");
            }
            assert!(room.turned.is_empty(), "{steps} steps");
            // One with so few may be found not to follow.
            assert!(steps < 15 || room.shared.obstacle().is_none(), "{steps} steps");
        }
    }

    #[test]
    fn a_speaker_that_refuses_or_does_not_follow_leaves_the_volume_to_the_samples() {
        for refuses in [true, false] {
            let mut room = Room::new(127, 35);
            (room.refuses, room.follows) = (refuses, false);
            room.run(8_000);
            assert_eq!(room.standing(), (Some(Obstacle::Refused), 127, Volume::START.gain()));
            assert_eq!(room.asked, [44, 44]);
            // Its buttons are its own affair now.
            room.at = 80;
            room.wanted = 60;
            room.run(3_000);
            assert_eq!((room.asked.len(), room.turned.len(), room.samples), (2, 0, Volume::new(60).unwrap().gain()));
            // On the next connection it has another chance.
            (room.refuses, room.follows) = (false, true);
            room.reconnect("/fd1", 80);
            room.run(2_000);
            assert_eq!(room.standing(), (None, 76, Gain::UNITY));
            // One that stops following in the middle is scaled from then on.
            (room.refuses, room.follows, room.wanted) = (refuses, false, 20);
            room.run(8_000);
            assert_eq!(room.standing(), (Some(Obstacle::Refused), 76, Volume::new(20).unwrap().gain()));
        }
    }

    #[test]
    fn without_a_volume_or_where_it_is_not_wanted_the_speaker_is_left_alone() {
        let mut room = Room::new(127, 35);
        room.shows = false;
        room.run(2_000);
        assert_eq!(room.standing(), (Some(Obstacle::NoVolume), 127, Volume::START.gain()));
        (room.shows, room.mode) = (true, VolumeMode::Samples);
        room.run(2_000);
        assert_eq!(room.standing(), (Some(Obstacle::Chosen), 127, Volume::START.gain()));
        assert_eq!(room.asked, [0; 0]);
        room.mode = VolumeMode::Speaker;
        room.run(2_000);
        assert_eq!(room.standing(), (None, 44, Gain::UNITY));
        room.mode = VolumeMode::Samples;
        room.run(300);
        assert_eq!(room.standing(), (Some(Obstacle::Chosen), 44, Volume::START.gain()));
    }

    #[test]
    fn whatever_happens_the_room_ends_as_loud_as_it_is_set_and_is_never_loud_out_of_silence() {
        let seed = fastrand::u64(..);
        println!("SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..300 {
            let mut room = Room::new(random.u8(0..128), random.u8(0..=100));
            room.steps = *random.choice(&[15, 16, 25, 127]).unwrap();
            let mut transports = ["/fd1", "/fd2", "/fd3", "/fd4", "/fd5", "/fd6", "/fd7", "/fd8"].into_iter();
            for _ in 0..20 {
                match random.u8(0..8) {
                    0 => room.at = random.u8(0..128),
                    1 => room.muted = !room.muted,
                    2 => room.mode = if random.bool() { VolumeMode::Samples } else { VolumeMode::Speaker },
                    3 => room.hears = !room.hears,
                    4 => {
                        if let Some(next) = transports.next() {
                            room.reconnect(next, random.u8(0..128));
                        }
                    }
                    _ => room.wanted = random.u8(0..=100),
                }
                let was_silent = room.samples == Gain::SILENT;
                room.turn();
                if was_silent && room.samples == Gain::UNITY {
                    let most = Absolute::of(room.wants()).0 + NEAR;
                    assert!(room.at <= most, "seed {seed}: out of silence at {} for {}", room.at, room.wanted);
                }
                room.run(random.i64(0..2_500));
            }
            (room.hears, room.muted, room.mode) = (true, false, VolumeMode::Speaker);
            room.run(8_000);
            if room.wanted > 0 {
                assert_eq!(room.shared.obstacle(), None, "seed {seed}: {:?}", room.control);
                assert_eq!(room.samples, Gain::UNITY, "seed {seed}: {:?}", room.control);
                let off = Absolute(room.at).distance(Absolute::of(room.wants()));
                assert!(off <= NEAR, "seed {seed}: at {} for {} %: {:?}", room.at, room.wanted, room.control);
            }
        }
    }
}
