//! What this program may do: `/proc/self`, `/etc/group`.

use std::path::Path;

use super::super::Permissions;

pub(super) fn read(root: &Path) -> Permissions {
    let status = super::read(&root.join("proc/self/status"));
    let field = |name: &str| {
        let lines = status.as_deref().unwrap_or_default();
        lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned))
    };
    let uid = field("Uid").and_then(|ids| ids.split_whitespace().next()?.parse::<u32>().ok());
    let in_bluetooth_group = field("Groups").and_then(|ids| {
        let gid = group(&super::read(&root.join("etc/group"))?, "bluetooth");
        Some(ids.split_whitespace().any(|id| Some(id) == gid.as_deref()))
    });
    let marks = [".dockerenv", "run/.containerenv", "run/systemd/container"];
    Permissions {
        is_root: uid.map(|uid| uid == 0),
        in_bluetooth_group,
        in_container: status.is_some().then(|| marks.iter().any(|mark| root.join(mark).exists())),
        realtime_priority: super::read(&root.join("proc/self/limits")).and_then(|limits| realtime_priority(&limits)),
    }
}

/// The number of a group: `bluetooth:x:112:`.
fn group(groups: &str, name: &str) -> Option<String> {
    let fields = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields
        .into_iter()
        .find(|fields| fields.first() == Some(&name))
        .and_then(|fields| Some((*fields.get(2)?).to_owned()))
}

/// The soft limit in the row `Max realtime priority`.
fn realtime_priority(limits: &str) -> Option<u64> {
    let row = limits.lines().find_map(|line| line.strip_prefix("Max realtime priority"))?;
    match row.split_whitespace().next()? {
        "unlimited" => Some(99),
        number => number.parse().ok(),
    }
}
