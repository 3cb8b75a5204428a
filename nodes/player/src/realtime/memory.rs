//! Keeps what the audio thread touches in memory: a page that was put out comes back as slowly as the disk is.
//!
//! Only that, not the whole of the process, of which most is never needed in a hurry.

use std::{
    mem::{MaybeUninit, size_of_val},
    sync::Once,
};

use nix::{
    errno::Errno,
    libc::{
        MLOCK_ONFAULT, SYS_mlock2, c_uint, pthread_attr_destroy, pthread_attr_getstack, pthread_getattr_np,
        pthread_self, syscall,
    },
};
use tracing::warn;

/// Locks memory, and fetches it now. It stays locked until it is given back to the system.
pub(crate) fn lock<T>(memory: &[T]) {
    say(lock_range(memory.as_ptr().addr(), size_of_val(memory), 0));
}

/// Locks memory, each page when it is first used: for what is larger than what will be needed of it.
pub(crate) fn lock_as_used<T>(memory: &[T]) {
    say(lock_range(memory.as_ptr().addr(), size_of_val(memory), MLOCK_ONFAULT));
}

/// Locks and fetches as much of the calling thread's stack as it needs while it plays.
pub(super) fn lock_stack() {
    say(stack().and_then(|(start, length)| {
        let used = length.min(STACK);
        // It grows downwards.
        lock_range(start + (length - used), used, 0)
    }));
}

/// Said once, for all that may be refused has one remedy.
fn say(locked: Result<(), Errno>) {
    static SAID: Once = Once::new();
    if let Err(errno) = locked {
        SAID.call_once(|| {
            warn!(
                "the memory of the audio threads is not locked ({}), so that sound may break off while memory is \
                 short; allow it with LimitMEMLOCK=8M in the unit, or memlock in /etc/security/limits.conf",
                errno.desc()
            );
        });
    }
}

fn lock_range(start: usize, length: usize, flags: c_uint) -> Result<(), Errno> {
    // SAFETY: the call changes nothing that a program can see, and refuses ranges that are not there.
    Errno::result(unsafe { syscall(SYS_mlock2, start, length, flags) }).map(drop)
}

/// Where the calling thread's stack begins, and how long it is, in bytes.
fn stack() -> Result<(usize, usize), Errno> {
    let mut attributes = MaybeUninit::uninit();
    let (mut start, mut length) = (std::ptr::null_mut(), 0);
    // SAFETY: the first call fills the attributes in unless it fails; then they are read, and given up once.
    let errno = unsafe {
        let mut errno = pthread_getattr_np(pthread_self(), attributes.as_mut_ptr());
        if errno == 0 {
            errno = pthread_attr_getstack(attributes.as_ptr(), &raw mut start, &raw mut length);
            pthread_attr_destroy(attributes.as_mut_ptr());
        }
        errno
    };
    if errno == 0 { Ok((start.addr(), length)) } else { Err(Errno::from_raw(errno)) }
}

/// Several times what playing takes, the thread's own state included.
const STACK: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    /// Whether the mapping with this address is locked, by the kernel's word.
    fn is_locked<T>(at: *const T) -> bool {
        let maps = fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            let first = line.split(' ').next().unwrap_or_default();
            if let Some((start, end)) = first.split_once('-') {
                let [start, end] = [start, end].map(|address| usize::from_str_radix(address, 16).unwrap());
                inside = (start..end).contains(&at.addr());
            }
            if inside && line.starts_with("VmFlags:") {
                return line.split(' ').any(|flag| flag == "lo");
            }
        }
        false
    }

    // That nothing else is locked cannot be told here: memory is used again, and that of another test was locked.

    #[test]
    fn what_is_locked_stays_in_memory() {
        let [now, later] = [(); 2].map(|()| vec![0_u8; 1 << 20]);
        lock(&now);
        lock_as_used(&later);
        assert!(is_locked(now.as_ptr()) && is_locked(&raw const now[now.len() - 1]));
        assert!(is_locked(later.as_ptr()) && is_locked(&raw const later[later.len() - 1]));
    }

    #[test]
    fn a_threads_stack_is_locked_to_its_depth() {
        let locked = || {
            lock_stack();
            let here = 0_u8;
            is_locked(&raw const here) && is_locked(here_and_deeper(64) as *const u8)
        };
        assert!(thread::spawn(locked).join().unwrap());
    }

    /// An address so many kilobytes further down the stack.
    #[inline(never)]
    fn here_and_deeper(kilobytes: usize) -> usize {
        let room = [0_u8; 1024];
        if kilobytes == 0 { std::hint::black_box(room.as_ptr()).addr() } else { here_and_deeper(kilobytes - 1) }
    }
}
