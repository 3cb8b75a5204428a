//! What the hub says, for a person.

use unisono_core::words::count;
use unisono_hub::api::types::{GroupView, HealthView, HubView, NodeView, TokenView};

/// The hub in a line.
pub(crate) fn hub(hub: &HubView) -> String {
    format!("hub \"{}\", household {}, nodes connect to UDP port {}", hub.name, hub.household, hub.port)
}

/// Groups, one a line, and below it what is wrong there.
pub(crate) fn groups(groups: &[GroupView]) -> String {
    if groups.is_empty() {
        return String::from("no groups; `unisono group create NAME ROOM…` makes one\n");
    }
    groups.iter().map(|group| group_line(group) + "\n").collect()
}

fn group_line(group: &GroupView) -> String {
    let title = group.title.as_deref().filter(|_| group.state != "stopped");
    let title = title.map(|title| format!(" \"{title}\"")).unwrap_or_default();
    let at = match (group.position_s, group.length_s) {
        (Some(position), Some(length)) => format!(" {} of {}", clock(position), clock(length)),
        (Some(position), None) => format!(" {}", clock(position)),
        _ => String::new(),
    };
    let muted = if group.muted { ", muted" } else { "" };
    let rooms = count(group.rooms.len(), "room");
    let latency = format!(
        "{:.0} ms latency ({:.0} outputs, {:.0} network)",
        group.latency_s * 1e3,
        (group.latency_s - group.margin_s) * 1e3,
        group.margin_s * 1e3
    );
    let warning = group.warning.as_ref().map(|warning| format!("\n  warning: {warning}")).unwrap_or_default();
    format!("{}: {}{title}{at}; {rooms}, volume {}{muted}, {latency}{warning}", group.name, group.state, group.volume)
}

/// Machines, one a line.
pub(crate) fn nodes(nodes: &[NodeView]) -> String {
    let line = |node: &NodeView| {
        let online = if node.online || node.role == "hub" { "" } else { "  (not connected)" };
        let address = node.address.as_deref().unwrap_or_default();
        format!("{:<4}  {}  {:<24} {address}{online}\n", node.role, node.id, node.name)
    };
    nodes.iter().map(line).collect()
}

/// What is not as it should be, each with what to do.
pub(crate) fn health(found: &[HealthView]) -> String {
    if found.is_empty() {
        return String::from("all is well");
    }
    let line = |found: &HealthView| {
        format!("{:<7}  {}: {}\n         {}\n", found.severity, found.place, found.what, found.remedy)
    };
    found.iter().map(line).collect()
}

/// A token, and what to do with it.
pub(crate) fn token(token: &TokenView) -> String {
    let (minutes, nodes) = (count(token.lifetime_s / 60, "minute"), count(token.uses, "node"));
    format!(
        "On the machine that is to play, within {minutes}, for {nodes}:\n\n  unisono-node --join {token}\n\n\
         or, where a node runs already, as a service does:\n\n  unisono --node join {token}",
        token = token.token
    )
}

/// Minutes and seconds.
pub(crate) fn clock(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let seconds = seconds.max(0.0) as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_on_a_player() {
        assert_eq!(clock(0.9), "0:00");
        assert_eq!(clock(61.0), "1:01");
        assert_eq!(clock(-3.0), "0:00");
    }
}
