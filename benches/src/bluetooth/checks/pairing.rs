//! Pairings from nothing: neither side knows the other.

use std::time::{Duration, Instant};

use super::{count, settings};
use crate::bluetooth::{house::House, verdicts::Verdicts};

/// In which a person sees the chime come, of machine time.
const LIMIT_S: f64 = 15.0;

/// More is no pairing any more.
const PATIENCE: Duration = Duration::from_secs(90);

/// So many pairings, each from nothing; the last one stays.
///
/// # Errors
/// When there is no node, or the speaker does not do what it is told.
pub fn pairing(house: &mut House, verdicts: &mut Verdicts, times: u32) -> anyhow::Result<()> {
    verdicts.about(format_args!("{times} pairings from nothing"))?;
    house.start_node(&settings(&["model"]))?;
    let address = house.speaker.clone();
    let (mut good, mut took, mut chimes) = (0_u32, Vec::new(), 0_u32);
    for number in 1..=times {
        house.speaker("forget")?;
        house.speaker("pairing on")?;
        let before = count(&house.speaker("status")?, "frames")?;
        let begun = Instant::now();
        match house.node(&["bluetooth", "pair", &address], PATIENCE) {
            Ok(_) => {
                good += 1;
                took.push(begun.elapsed().as_secs_f64());
            }
            Err(error) => verdicts.note(format_args!("pairing {number}: {error:#}"))?,
        }
        chimes += u32::from(count(&house.speaker("status")?, "frames")? > before);
        house.speaker("pairing off")?;
        if number < times {
            house.node(&["bluetooth", "forget", &address], PATIENCE)?;
        }
    }
    took.sort_by(f64::total_cmp);
    let median = took.get(took.len() / 2).copied().unwrap_or(f64::NAN);
    verdicts.at_least("paired", f64::from(good), f64::from(times), "times")?;
    verdicts.at_least("the chime came through", f64::from(chimes), f64::from(times), "times")?;
    verdicts.note(format_args!("half of them took less than {median:.1} s"))?;
    verdicts.at_most("the longest took", took.last().copied().unwrap_or(f64::INFINITY), LIMIT_S, "s")?;
    house.end_node()
}
