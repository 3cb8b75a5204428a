//! Real-time priority for the calling thread, by the system's own word.

use std::ptr::{from_mut, from_ref};

use nix::{
    errno::Errno,
    libc::{
        SCHED_FIFO, SCHED_RESET_ON_FORK, SYS_sched_getparam, SYS_sched_getscheduler, SYS_sched_setscheduler, c_int,
        c_long, sched_param, syscall,
    },
    sys::resource::{Resource, getrlimit},
};

/// Above all that is not real-time, below what the kernel does for its devices (50 and more).
pub(super) const PRIORITY: c_int = 20;

/// What a thread of this one starts is not real-time: a thread that writes a recording has all the time in the world.
const POLICY: c_int = SCHED_FIFO | SCHED_RESET_ON_FORK;

/// Makes the calling thread real-time and gives its priority as the system tells it afterwards: [`PRIORITY`], or less
/// where the limit is less.
pub(super) fn raise() -> Result<c_int, Errno> {
    if let Err(refused) = set(PRIORITY) {
        let limit = getrlimit(Resource::RLIMIT_RTPRIO).map_or(0, |(soft, _)| soft);
        let limit = c_int::try_from(limit).unwrap_or(0).min(PRIORITY);
        if limit == 0 {
            return Err(refused);
        }
        set(limit)?;
    }
    // A container may accept the call and do nothing.
    let (policy, priority) = current()?;
    if policy == POLICY { Ok(priority) } else { Err(Errno::EPERM) }
}

// The C library's calls of these names are refused by musl, and glibc's counterparts for threads tell what was asked
// for instead of what is.

fn set(priority: c_int) -> Result<(), Errno> {
    let parameters = sched_param { sched_priority: priority };
    // SAFETY: thread 0 is the calling one; the parameters are read during the call alone.
    done(unsafe { syscall(SYS_sched_setscheduler, 0, POLICY, from_ref(&parameters)) }).map(drop)
}

fn current() -> Result<(c_int, c_int), Errno> {
    let mut parameters = sched_param { sched_priority: 0 };
    // SAFETY: thread 0 is the calling one.
    let policy = done(unsafe { syscall(SYS_sched_getscheduler, 0) })?;
    // SAFETY: as above; the parameters are written during the call alone.
    done(unsafe { syscall(SYS_sched_getparam, 0, from_mut(&mut parameters)) })?;
    Ok((c_int::try_from(policy).unwrap_or(-1), parameters.sched_priority))
}

fn done(returned: c_long) -> Result<c_long, Errno> {
    Errno::result(returned)
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    /// Priority and policy of the calling thread as `/proc` tells them.
    fn told() -> (c_int, c_int) {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        // Fields 40 and 41, of which this begins at the third.
        (fields[37].parse().unwrap(), fields[38].parse().unwrap())
    }

    /// Who may not have it is told so; nobody is told that he has what he has not.
    #[test]
    fn what_is_said_of_the_priority_is_true_and_no_thread_inherits_it() {
        thread::spawn(|| {
            match raise() {
                Ok(priority) => assert_eq!(told(), (priority, SCHED_FIFO)),
                Err(errno) => assert_eq!((errno, told()), (Errno::EPERM, (0, 0))),
            }
            assert_eq!(thread::spawn(told).join().unwrap(), (0, 0));
        })
        .join()
        .unwrap();
    }
}
