//! What keeps the audio thread on time on a machine that is busy: its priority, and its memory in memory.

pub(crate) mod memory;
mod priority;

use tracing::{info, warn};

/// Makes the calling thread real-time, as far as the system allows, and says how far that is. What cannot be had costs
/// sound only while the machine is busy.
pub(crate) fn begin() {
    match priority::raise() {
        Ok(priority) => info!("the audio thread has real-time priority {priority}"),
        Err(errno) => warn!(
            "the audio thread has no real-time priority ({}), so that sound may break off while the machine is busy; \
             allow it with LimitRTPRIO={} in the unit, or rtprio in /etc/security/limits.conf",
            errno.desc(),
            priority::PRIORITY
        ),
    }
    memory::lock_stack();
}
