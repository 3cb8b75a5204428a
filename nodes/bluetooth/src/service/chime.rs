//! The chime that says that a speaker is paired: two notes, quiet, fading. And what is not heard, but keeps it awake.

use std::{
    f32::consts::TAU,
    time::{Duration, Instant},
};

use tokio::time::sleep;
use unisono_core::units::FrameCount;

use crate::{
    Failure,
    a2dp::{self, Awake, Feed, FeedFault, Stream},
};

/// Plays it to the end, and ends the stream.
///
/// # Errors
/// [`Failure::NotPlayed`], or why the stream ended before.
pub(super) async fn play(mut feed: Feed, stream: Stream, span: Duration) -> Result<(), Failure> {
    sound(&mut feed, span).await?;
    end(feed, &stream).await;
    Ok(())
}

/// Has a speaker hear what keeps it awake, and ends the stream.
///
/// # Errors
/// As [`play`].
pub(super) async fn hum(mut feed: Feed, stream: Stream, awake: Awake) -> Result<(), Failure> {
    let tone = a2dp::nudge(feed.rate(), awake);
    give(&mut feed, &tone).await?;
    end(feed, &stream).await;
    Ok(())
}

/// Plays it to the end; the stream goes on.
///
/// # Errors
/// [`Failure::NotPlayed`], or why the stream ended before.
pub(super) async fn sound(feed: &mut Feed, span: Duration) -> Result<(), Failure> {
    let notes = notes(feed.rate().hertz(), span);
    give(feed, &notes).await
}

async fn end(feed: Feed, stream: &Stream) {
    drop(feed);
    let deadline = Instant::now() + PATIENCE;
    while !stream.has_ended() && Instant::now() < deadline {
        sleep(LOOK).await;
    }
}

async fn give(feed: &mut Feed, notes: &[f32]) -> Result<(), Failure> {
    let (rate, all) = (feed.rate(), notes.len() / 2);
    // Behind it silence, so that its end is taken, too, and heard before the speaker is told to pause.
    let tail = vec![0.0; notes.len().max(usize::try_from(rate.hertz()).unwrap_or(0) / 2)];
    let mut rest = notes;
    let mut left = all;
    let deadline = Instant::now() + rate.duration_of(FrameCount(all as u64)).to_duration() + PATIENCE;
    while Instant::now() < deadline {
        if rest.is_empty() {
            rest = &tail;
        }
        match feed.write(rest) {
            Ok(frames) => {
                let frames = usize::try_from(frames).unwrap_or(0);
                rest = rest.get(frames * 2..).unwrap_or_default();
                if let Ok(Some((taken, _))) = feed.taken() {
                    left = all.saturating_sub(usize::try_from(taken).unwrap_or(usize::MAX));
                }
            }
            Err(FeedFault::Underrun) => {}
            Err(FeedFault::Gone(failure)) => return Err(failure),
        }
        if left == 0 {
            return Ok(());
        }
        sleep(LOOK).await;
    }
    Err(Failure::NotPlayed)
}

/// Interleaved stereo.
#[expect(clippy::cast_precision_loss, reason = "a chime has some ten thousand frames")]
fn notes(rate: u32, span: Duration) -> Vec<f32> {
    let frames = (span.as_secs_f32() * rate as f32).round().max(1.0);
    let frame = |number: usize| {
        let (time, place) = (number as f32 / rate as f32, number as f32 / frames);
        // A fifth up in the middle of it; each note begins within 5 ms and fades.
        let (pitch, within) = if place < 0.5 { (E5, place * 2.0) } else { (B5, place * 2.0 - 1.0) };
        let seconds = within * span.as_secs_f32() / 2.0;
        let envelope = (seconds / 0.005).min(1.0) * (1.0 - within).powi(2);
        LEVEL * envelope * (TAU * pitch * time).sin()
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of frames")]
    let count = frames as usize;
    (0..count).map(frame).flat_map(|sample| [sample; 2]).collect()
}

/// Heard in a quiet room, no fright at night (−20 dB).
const LEVEL: f32 = 0.1;
const E5: f32 = 659.26;
const B5: f32 = 987.77;
/// What a stream needs beside the chime itself.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chime_is_quiet_begins_and_ends_in_silence_and_lasts_as_long_as_it_is_to() {
        let notes = notes(48_000, Duration::from_millis(900));
        assert_eq!(notes.len(), 43_200 * 2);
        assert!(notes.iter().all(|sample| sample.abs() <= LEVEL));
        assert!(notes.iter().any(|sample| sample.abs() > 0.8 * LEVEL));
        assert!(notes[0].abs() < 1e-4 && notes[notes.len() - 1].abs() < 1e-4);
        let step = notes.chunks(2).zip(notes.chunks(2).skip(1)).map(|(a, b)| (b[0] - a[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.02, "a click: {step}");
    }
}
