//! Pairings from nothing: neither side knows the other.

use std::time::{Duration, Instant};

use super::{count, settings};
use crate::bluetooth::{house::House, verdicts::Verdicts};

/// In which a person sees the chime come, of machine time.
const LIMIT_S: f64 = 15.0;

/// More is no pairing any more.
const PATIENCE: Duration = Duration::from_secs(90);

/// One that took longer was connected anew, for `BlueZ` did not name the speaker's services in time. At the other end it
/// knows nothing of ours then, and the speaker that it is has neither reports of its delay nor a volume: no such pairing
/// is what the checks behind this one rest on, if these many more do not all come to that.
const WHOLE_S: f64 = 4.0;
const MORE: u32 = 8;

/// So many pairings, each from nothing, and some more where the last is no good one to go on with; the last one stays.
///
/// # Errors
/// When there is no node, or the speaker does not do what it is told.
pub fn pairing(house: &mut House, verdicts: &mut Verdicts, times: u32) -> anyhow::Result<()> {
    verdicts.about(format_args!("{times} pairings from nothing"))?;
    house.start_node(&settings(&["model"]))?;
    let address = house.speaker.clone();
    let (mut good, mut took, mut chimes, mut number) = (0_u32, Vec::new(), 0_u32, 0);
    loop {
        number += 1;
        house.speaker("forget")?;
        house.speaker("pairing on")?;
        let before = count(&house.speaker("status")?, "frames")?;
        let begun = Instant::now();
        let paired = house.node(&["bluetooth", "pair", &address], PATIENCE);
        let seconds = begun.elapsed().as_secs_f64();
        match paired {
            Ok(_) => {
                good += 1;
                took.push(seconds);
            }
            Err(error) => verdicts.note(format_args!("pairing {number}: {error:#}"))?,
        }
        chimes += u32::from(count(&house.speaker("status")?, "frames")? > before);
        house.speaker("pairing off")?;
        if number >= times && (seconds < WHOLE_S || number >= times + MORE) {
            break;
        }
        house.node(&["bluetooth", "forget", &address], PATIENCE)?;
    }
    took.sort_by(f64::total_cmp);
    let median = took.get(took.len() / 2).copied().unwrap_or(f64::NAN);
    verdicts.at_least("paired", f64::from(good), f64::from(number), "times")?;
    verdicts.at_least("the chime came through", f64::from(chimes), f64::from(number), "times")?;
    verdicts.note(format_args!("half of them took less than {median:.1} s"))?;
    verdicts.at_most("the longest took", took.last().copied().unwrap_or(f64::INFINITY), LIMIT_S, "s")?;
    house.end_node()
}
