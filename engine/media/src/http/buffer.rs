//! Sound between the thread that has to do with the network and the one that must not wait for it.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// So much is held at the most: a station that is gone for less is not missed if its host sends ahead, in seconds.
const MOST: usize = 10;

/// Sound begins, and begins again after a gap, once so much of it is there, in seconds.
pub(super) const START: usize = 1;

/// Sound begins and ends within so many milliseconds.
const FADE_MS: usize = 5;

/// What is held, in frames of so many channels at so many hertz.
pub(super) struct Buffer {
    state: Mutex<State>,
    moved: Condvar,
    rate: usize,
    channels: usize,
}

/// What both threads see.
#[derive(Default)]
struct State {
    samples: VecDeque<f32>,
    /// Frames that were given since the last jump.
    given: u64,
    /// Frames that came since then.
    pushed: u64,
    /// Titles, and which frame is the first that they are true of.
    titles: VecDeque<(u64, String)>,
    /// What has just gone by.
    passed: Option<String>,
    trouble: Option<String>,
    /// It is silent until there is enough.
    is_full_enough: bool,
    has_ended: bool,
    /// Where to go on, for the thread.
    seek: Option<u64>,
    underruns: u64,
    closed: bool,
    /// When it was read last.
    read: Option<Instant>,
}

/// A reader that comes back after longer has paused, and wants what is sent by now.
const PAUSE: Duration = Duration::from_secs(2);

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// The whole of what was asked for, be it sound or silence.
    All,
    /// So many frames, and nothing more will come.
    Last(usize),
}

impl Buffer {
    pub(super) fn new(rate: u32, channels: u8) -> Self {
        Self { state: Mutex::default(), moved: Condvar::new(), rate: rate as usize, channels: channels.into() }
    }

    /// Adds sound, and waits for room before; `false` when it is not wanted any more.
    pub(super) fn push(&self, samples: &[f32]) -> bool {
        let most = MOST * self.rate * self.channels;
        let full = |state: &mut State| state.samples.len() >= most && state.seek.is_none() && !state.closed;
        let mut state = self.moved.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if state.closed || state.seek.is_some() {
            return false;
        }
        state.samples.extend(samples);
        state.pushed += (samples.len() / self.channels) as u64;
        state.trouble = None;
        self.moved.notify_all();
        true
    }

    /// What follows is called so.
    pub(super) fn title(&self, title: String) {
        let mut state = self.lock();
        let from = state.pushed;
        // A host that has nothing but titles fills no memory.
        if state.titles.len() < 64 {
            state.titles.push_back((from, title));
        }
    }

    /// Why nothing comes.
    pub(super) fn trouble(&self, trouble: String) {
        self.lock().trouble = Some(trouble);
    }

    /// Nothing more comes.
    pub(super) fn end(&self) {
        self.lock().has_ended = true;
        self.moved.notify_all();
    }

    /// Where the reader wants to go on, if it jumped.
    pub(super) fn take_seek(&self) -> Option<u64> {
        let mut state = self.lock();
        let seek = state.seek.take()?;
        state.has_ended = false;
        Some(seek)
    }

    /// Frames that came since the last jump.
    pub(super) fn pushed(&self) -> u64 {
        self.lock().pushed
    }

    /// Waits, unless the reader jumps or goes; `false` when it has gone.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let state = self.lock();
        let idle = |state: &mut State| state.seek.is_none() && !state.closed;
        let (state, _) = self.moved.wait_timeout_while(state, time, idle).unwrap_or_else(PoisonError::into_inner);
        !state.closed
    }

    /// Waits until enough is there to begin, and no longer than said.
    pub(super) fn wait_for_sound(&self, time: Duration) {
        let enough = START * self.rate * self.channels;
        let few = |state: &mut State| state.samples.len() < enough && !state.has_ended && !state.closed;
        drop(self.moved.wait_timeout_while(self.lock(), time, few));
    }

    /// Fills `out`, with silence where there is no sound.
    pub(super) fn read(&self, out: &mut [f32]) -> Given {
        let mut state = self.lock();
        state.read = Some(Instant::now());
        let mut begins = false;
        if !state.is_full_enough && state.seek.is_none() {
            let enough = START * self.rate * self.channels;
            state.is_full_enough = state.samples.len() >= enough || state.has_ended;
            begins = state.is_full_enough && state.given > 0;
        }
        if !state.is_full_enough {
            out.fill(0.0);
            return Given::All;
        }
        let whole = out.len() / self.channels * self.channels;
        let count = whole.min(state.samples.len());
        out.iter_mut().zip(state.samples.drain(..count)).for_each(|(to, from)| *to = from);
        state.given += (count / self.channels) as u64;
        while state.titles.front().is_some_and(|(from, _)| *from < state.given) {
            state.passed = state.titles.pop_front().map(|(_, title)| title);
        }
        self.moved.notify_all();
        if begins {
            self.fade(&mut out[..count], false);
        }
        if count == whole {
            return Given::All;
        }
        if state.has_ended {
            return Given::Last(count / self.channels);
        }
        // What comes next may be of another second.
        self.fade(&mut out[..count], true);
        out[count..].fill(0.0);
        state.is_full_enough = false;
        state.underruns += 1;
        Given::All
    }

    /// Has the thread go on with another frame; it is silent until then.
    pub(super) fn jump(&self, frame: u64) {
        let mut state = self.lock();
        state.samples.clear();
        state.titles.clear();
        (state.given, state.pushed) = (0, 0);
        state.is_full_enough = false;
        state.has_ended = false;
        state.seek = Some(frame);
        self.moved.notify_all();
    }

    /// Whether nothing was read since it was opened or jumped.
    pub(super) fn is_untouched(&self) -> bool {
        self.lock().given == 0
    }

    /// Whether what is held is what is sent by now.
    pub(super) fn is_fresh(&self) -> bool {
        self.lock().read.is_none_or(|read| read.elapsed() < PAUSE)
    }

    /// The title of what has gone by since this was asked last.
    pub(super) fn take_title(&self) -> Option<String> {
        self.lock().passed.take()
    }

    /// Why nothing comes, and how often it was silent for that.
    pub(super) fn state(&self) -> (Option<String>, u64) {
        let state = self.lock();
        (state.trouble.clone(), state.underruns)
    }

    /// Seconds of sound that are held, and whether no more will come.
    pub(super) fn held(&self) -> (f64, bool) {
        let state = self.lock();
        (state.samples.len() as f64 / (self.rate * self.channels) as f64, state.has_ended)
    }

    /// Has the thread end.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.moved.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fade(&self, out: &mut [f32], is_end: bool) {
        let frames = (out.len() / self.channels).min(self.rate * FADE_MS / 1_000);
        let from = if is_end { out.len() - frames * self.channels } else { 0 };
        for (i, frame) in out[from..].chunks_exact_mut(self.channels).take(frames).enumerate() {
            let share = i as f32 / frames as f32;
            let share = if is_end { 1.0 - share } else { share };
            frame.iter_mut().for_each(|sample| *sample *= share);
        }
    }
}

/// How long something has been going on.
pub(super) struct Since(Instant);

impl Since {
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    pub(super) fn is_over(&self, time: Duration) -> bool {
        self.0.elapsed() >= time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = 8_000;

    fn filled(seconds: usize) -> Buffer {
        let buffer = Buffer::new(8_000, 1);
        assert!(buffer.push(&vec![0.5; seconds * SECOND]));
        buffer
    }

    #[test]
    fn where_nothing_comes_it_is_silent_until_enough_is_there_again() {
        let buffer = filled(1);
        let mut out = vec![9.0; SECOND + 400];
        assert_eq!(buffer.read(&mut out), Given::All);
        assert!(
            out[..SECOND - 40].iter().all(|sample| *sample == 0.5) && out[SECOND..].iter().all(|sample| *sample == 0.0)
        );
        assert!(out[SECOND - 1] < 0.05, "a step at its end");
        buffer.push(&[0.5; SECOND / 2]);
        assert_eq!(buffer.read(&mut out[..160]), Given::All);
        assert!(out[..160].iter().all(|sample| *sample == 0.0), "it goes on too soon");
        buffer.push(&[0.5; SECOND / 2]);
        assert_eq!(buffer.read(&mut out[..160]), Given::All);
        assert!(out[0] == 0.0 && out[159] == 0.5, "{:?}", &out[..160]);
        assert_eq!(buffer.state().1, 1);
    }

    #[test]
    fn the_end_is_the_end() {
        let buffer = filled(1);
        buffer.end();
        let mut out = vec![0.0; SECOND * 2];
        assert_eq!(buffer.read(&mut out), Given::Last(SECOND));
        assert_eq!(buffer.read(&mut out), Given::Last(0));
        assert_eq!(buffer.state().1, 0);
    }

    #[test]
    fn a_title_is_told_when_its_sound_is_read() {
        let buffer = filled(1);
        buffer.title("next".into());
        buffer.push(&[0.25; SECOND]);
        let mut out = vec![0.0; SECOND];
        buffer.read(&mut out);
        assert_eq!(buffer.take_title(), None);
        buffer.read(&mut out[..1]);
        assert_eq!((buffer.take_title().as_deref(), buffer.take_title()), (Some("next"), None));
    }

    #[test]
    fn a_jump_wakes_who_waits_for_room_and_is_silent_until_sound_comes() {
        let buffer = filled(MOST);
        std::thread::scope(|scope| {
            let pushed = scope.spawn(|| buffer.push(&[0.1; 8]));
            buffer.jump(77);
            assert!(!pushed.join().unwrap(), "what was before the jump is not wanted");
        });
        let mut out = [9.0; 160];
        assert_eq!(buffer.read(&mut out), Given::All);
        assert_eq!(out, [0.0; 160]);
        assert_eq!((buffer.take_seek(), buffer.take_seek()), (Some(77), None));
        assert!(buffer.push(&[0.1; SECOND]));
        buffer.read(&mut out);
        assert_eq!(out[0], 0.1);
    }
}
