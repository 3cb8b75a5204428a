//! What becomes of a speaker while there is only silence. Sans-IO, in frames.
//!
//! Speakers switch themselves off after 3 to 10 minutes without sound, and to some of them digital silence is none. A
//! sine of 30 Hz at −50 dB is sound to all that have been tried, and nobody hears it: a speaker that reaches 105 dB makes
//! 55 dB of it, and what is heard at 30 Hz begins at 60 (ISO 226); most cannot emit it at all. Two seconds of it in thirty
//! are enough.

use core::f32::consts::TAU;

use serde::{Deserialize, Serialize};
use unisono_core::{
    time::Nanos,
    units::{FrameCount, SampleRate},
};

/// What becomes of a speaker while nothing plays. In settings it is one of `"tone"`, `"silence"`, `"suspend"` and
/// `"disconnect"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Setting", from = "Setting")]
pub enum IdleMode {
    /// The stream goes on, so that its latency stays what it is and the next sound is heard from its first frame.
    StayAwake(Awake),
    /// The stream is suspended: the speaker may switch itself off, the connection stays until it does.
    Suspend,
    /// The speaker is disconnected, so that others can have it.
    Disconnect,
}

/// What is sent to a speaker that is to stay awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Awake {
    /// A tone that is not heard, now and then.
    Tone,
    /// Silence, for speakers that take it for sound, or make the tone heard.
    Silence,
}

impl Default for IdleMode {
    fn default() -> Self {
        Self::StayAwake(Awake::Tone)
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Setting {
    Tone,
    Silence,
    Suspend,
    Disconnect,
}

impl From<Setting> for IdleMode {
    fn from(setting: Setting) -> Self {
        match setting {
            Setting::Tone => Self::StayAwake(Awake::Tone),
            Setting::Silence => Self::StayAwake(Awake::Silence),
            Setting::Suspend => Self::Suspend,
            Setting::Disconnect => Self::Disconnect,
        }
    }
}

impl From<IdleMode> for Setting {
    fn from(mode: IdleMode) -> Self {
        match mode {
            IdleMode::StayAwake(Awake::Tone) => Self::Tone,
            IdleMode::StayAwake(Awake::Silence) => Self::Silence,
            IdleMode::Suspend => Self::Suspend,
            IdleMode::Disconnect => Self::Disconnect,
        }
    }
}

/// Nothing in 16 bits is so quiet: samples below it are silence once they are encoded.
const SILENT: f32 = 0.5 / 32_768.0;

const HERTZ: f32 = 30.0;

/// −50 dB of full scale.
const AMPLITUDE: f32 = 0.003_162;

/// The tone sounds for so long in each of these spans, once there has been silence for one of them.
const TONE: Nanos = Nanos::from_secs(2);
const SPAN: Nanos = Nanos::from_secs(30);

/// It comes and goes within so long, for its edges would be heard.
const FADE: Nanos = Nanos::from_millis(250);

/// What keeps a speaker awake that has no stream: some two seconds of stereo, interleaved.
pub(crate) fn nudge(rate: SampleRate, awake: Awake) -> Vec<f32> {
    let mut idle = Idle::new(rate, IdleMode::StayAwake(awake), Nanos::ZERO);
    // As after so much silence.
    idle.silent = rate.frames_in(SPAN).0;
    let frames = usize::try_from(rate.frames_in(TONE + FADE * 2).0).unwrap_or(0);
    let mut sound = vec![0.0; frames * 2];
    for packet in sound.chunks_mut(1_024) {
        idle.handle(packet);
    }
    sound
}

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// It is sent.
    Send,
    /// Nothing is: there has been silence for long enough.
    Rest,
}

/// Listens to what is sent.
#[derive(Debug)]
pub(super) struct Idle {
    rate: SampleRate,
    mode: IdleMode,
    after: FrameCount,
    /// Frames of silence so far.
    silent: u64,
    /// Where the tone is, in cycles, and how much of it there is.
    phase: f32,
    level: f32,
}

impl Idle {
    pub(super) fn new(rate: SampleRate, mode: IdleMode, after: Nanos) -> Self {
        Self { rate, mode, after: rate.frames_in(after), silent: 0, phase: 0.0, level: 0.0 }
    }

    /// Looks at a packet of stereo, adds to it what keeps the speaker awake, and says whether it is sent. Real-time.
    pub(super) fn handle(&mut self, packet: &mut [f32]) -> Course {
        if packet.iter().all(|sample| sample.abs() < SILENT) {
            self.silent += (packet.len() / 2) as u64;
        } else {
            self.silent = 0;
        }
        match self.mode {
            IdleMode::StayAwake(Awake::Silence) => Course::Send,
            IdleMode::StayAwake(Awake::Tone) => {
                self.add_tone(packet);
                Course::Send
            }
            IdleMode::Suspend | IdleMode::Disconnect if self.silent >= self.after.0 => Course::Rest,
            IdleMode::Suspend | IdleMode::Disconnect => Course::Send,
        }
    }

    fn add_tone(&mut self, packet: &mut [f32]) {
        let frames = |span| self.rate.frames_in(span).0.max(1);
        let sounds = self.silent >= frames(SPAN) && self.silent % frames(SPAN) < frames(TONE);
        if !sounds && self.level == 0.0 {
            self.phase = 0.0;
            return;
        }
        let step = if sounds { 1.0 } else { -1.0 } / frames(FADE) as f32;
        for frame in packet.chunks_exact_mut(2) {
            self.level = (self.level + step).clamp(0.0, 1.0);
            self.phase = (self.phase + HERTZ / self.rate.hertz() as f32).fract();
            let sample = AMPLITUDE * self.level * (self.phase * TAU).sin();
            frame.iter_mut().for_each(|channel| *channel += sample);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: usize = 640;

    /// So many seconds of silence, or of sound, through it.
    fn through(idle: &mut Idle, seconds: usize, sample: f32) -> (Vec<f32>, Vec<Course>) {
        let (mut out, mut courses) = (Vec::new(), Vec::new());
        for _ in 0..seconds * 48_000 / PACKET {
            let mut packet = vec![sample; PACKET * 2];
            courses.push(idle.handle(&mut packet));
            out.extend_from_slice(&packet);
        }
        (out, courses)
    }

    fn idle(mode: IdleMode) -> Idle {
        Idle::new(SampleRate::HZ_48000, mode, Nanos::from_secs(60))
    }

    #[test]
    fn a_speaker_is_kept_awake_by_what_is_not_heard() {
        let mut idle = idle(IdleMode::default());
        let (out, courses) = through(&mut idle, 100, 0.0);
        assert!(courses.iter().all(|course| *course == Course::Send));
        let peak = |from: usize, to: usize| {
            out[from * 96_000..to * 96_000].iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()))
        };
        assert!(peak(0, 29) == 0.0 && peak(33, 59) == 0.0);
        for burst in [peak(30, 33), peak(60, 63), peak(90, 93)] {
            assert!((0.003..0.003_2).contains(&burst), "{burst}");
        }
        // No step is steeper than the sine itself: nothing clicks.
        let steepest = AMPLITUDE * TAU * HERTZ / 48_000.0 * 1.1;
        assert!(
            out.chunks_exact(2)
                .map(|frame| frame[0])
                .collect::<Vec<_>>()
                .windows(2)
                .all(|pair| { (pair[1] - pair[0]).abs() < steepest })
        );
        // Within three minutes a speaker hears something, however it counts.
        assert!(SPAN + TONE < Nanos::from_secs(60));
    }

    #[test]
    fn a_speaker_without_a_stream_hears_the_same_for_two_seconds_and_its_edges_are_not_heard() {
        let sound = nudge(SampleRate::HZ_48000, Awake::Tone);
        assert_eq!(sound.len(), 2_500 * 96);
        let peak = |from: usize, to: usize| {
            sound[from * 96..to * 96].iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()))
        };
        assert!((0.003..0.003_2).contains(&peak(500, 1_500)), "{}", peak(500, 1_500));
        assert!(peak(0, 20) < 0.001 && peak(2_400, 2_500) == 0.0);
        assert!(nudge(SampleRate::HZ_48000, Awake::Silence).iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn sound_is_left_as_it_is_and_a_tone_fades_out_under_it() {
        let mut idle = idle(IdleMode::default());
        assert!(through(&mut idle, 60, 0.25).0.iter().all(|sample| *sample == 0.25));
        through(&mut idle, 31, 0.0);
        let (out, _) = through(&mut idle, 10, 0.25);
        assert!(out[..96_000].iter().any(|sample| *sample != 0.25));
        assert!(out[96_000..].iter().all(|sample| *sample == 0.25));
        let mut silence = Idle::new(SampleRate::HZ_48000, IdleMode::StayAwake(Awake::Silence), Nanos::ZERO);
        assert!(through(&mut silence, 100, 0.0).0.iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn a_speaker_is_let_go_after_long_silence_and_wanted_back_with_the_first_sound() {
        for mode in [IdleMode::Suspend, IdleMode::Disconnect] {
            let mut idle = idle(mode);
            let rests = |courses: &[Course]| courses.iter().filter(|course| **course == Course::Rest).count();
            let (out, courses) = through(&mut idle, 62, 0.0);
            assert_eq!(rests(&courses), 2 * 75 + 1);
            assert!(out.iter().all(|sample| *sample == 0.0));
            assert_eq!(rests(&through(&mut idle, 50, 0.000_1).1), 0);
            assert_eq!(rests(&through(&mut idle, 59, 0.000_01).1), 0, "what is below one step of 16 bits is silence");
            assert_eq!(rests(&through(&mut idle, 2, 0.0).1), 75 + 1);
        }
    }

    #[test]
    fn settings_name_it_in_one_word() {
        for (mode, word) in [
            (IdleMode::default(), "tone"),
            (IdleMode::StayAwake(Awake::Silence), "silence"),
            (IdleMode::Suspend, "suspend"),
            (IdleMode::Disconnect, "disconnect"),
        ] {
            let setting: toml::Table = toml::from_str(&format!("idle = {word:?}")).unwrap();
            assert_eq!(setting["idle"].clone().try_into::<IdleMode>().unwrap(), mode);
        }
        assert!(toml::Value::from("sleep").try_into::<IdleMode>().is_err());
    }
}
