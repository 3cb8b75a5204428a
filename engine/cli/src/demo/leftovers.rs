//! Folders of demonstrations that were killed before they could delete them.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::Path,
};

use nix::{errno::Errno, sys::signal::kill, unistd::Pid};

/// How the folder of a demonstration is called; the number of its process follows.
pub(super) const PREFIX: &str = "unisono-demo-";

/// Deletes, in a folder for temporary files, what demonstrations of this user have left whose process is gone and whose
/// hub, which holds a lock while it runs, has ended too.
pub(super) fn clean(temporary: &Path) {
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok()).map(Pid::from_raw);
        let is_gone = process.is_some_and(|process| process.as_raw() > 0 && kill(process, None) == Err(Errno::ESRCH));
        // Not what the entry may lead to.
        let is_ours =
            entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == nix::unistd::getuid().as_raw());
        if is_gone && is_ours && !is_used(&entry.path()) {
            // What cannot be deleted now is tried again the next time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether a hub runs in the folder: in a container with process numbers of its own, for one.
fn is_used(folder: &Path) -> bool {
    File::open(folder.join("hub/hub.lock")).is_ok_and(|lock| lock.try_lock().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dead_have_left_goes_and_nothing_else() {
        let temporary = std::env::temp_dir().join(format!("unisono-leftovers-{}", std::process::id()));
        let mut dead = std::process::Command::new("true").spawn().unwrap();
        dead.wait().unwrap();
        let folder = |name: String| {
            fs::create_dir_all(temporary.join(&name).join("hub")).unwrap();
            temporary.join(name)
        };
        let left = folder(format!("{PREFIX}{}", dead.id()));
        // One whose hub still runs.
        let used = folder(format!("{PREFIX}{}", i32::MAX));
        let lock = File::create(used.join("hub/hub.lock")).unwrap();
        lock.lock().unwrap();
        let kept = [
            folder(format!("{PREFIX}{}", std::process::id())),
            folder(format!("{PREFIX}logs")),
            folder(format!("{PREFIX}-1")),
            folder(format!("another-{}", dead.id())),
            used.clone(),
        ];
        clean(&temporary);
        assert!(!left.exists());
        assert!(kept.iter().all(|folder| folder.exists()), "{kept:?}");
        drop(lock);
        clean(&temporary);
        assert!(!used.exists());
        fs::remove_dir_all(temporary).unwrap();
    }
}
