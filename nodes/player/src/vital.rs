//! Threads without which a node is deaf or dumb.

use std::{process, thread};

use tracing::error;

/// The status of a program that has a defect (`EX_SOFTWARE` of `sysexits.h`): whoever watches over it starts it again.
const DEFECT: i32 = 70;

/// What such a thread is to run. Should it panic, the node ends with it: a room that says that it plays and is silent
/// helps nobody.
pub(crate) fn vital<T>(run: impl FnOnce() -> T) -> impl FnOnce() -> T {
    move || {
        let _vital = Vital;
        run()
    }
}

struct Vital;

impl Drop for Vital {
    fn drop(&mut self) {
        if thread::panicking() {
            let name = thread::current().name().unwrap_or_default().to_owned();
            error!("the thread \"{name}\" has failed, which is a defect of this program; it ends, to be started again");
            process::exit(DEFECT);
        }
    }
}
