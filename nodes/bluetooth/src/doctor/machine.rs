//! Findings on the machine: power supply, permissions, real time.

use super::{Facts, Finding, Level, Permissions, Power, Topic};
use crate::Failure;

/// The sending thread asks for this priority at most.
const PRIORITY: u64 = 1;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let is_refused = facts.bluez == Some(Err(Failure::NotPermitted));
    let is_let_in = matches!(facts.bluez, Some(Ok(()) | Err(Failure::NoAdapter | Failure::AdapterOff)));
    let mut findings = vec![power(facts.power), real_time(&facts.permissions)];
    if !is_refused {
        findings.push(permissions(&facts.permissions, is_let_in));
    }
    findings
}

fn power(power: Option<Power>) -> Finding {
    let remedy = "use the maker's power supply and a short cable; adapters and speakers on USB draw from it, too";
    match power {
        None => Finding::unknown(Topic::Power, "this machine does not watch its voltage"),
        Some(Power { low_now: true, .. }) => {
            Finding::new(Level::Problem, Topic::Power, "the voltage is too low now; the radio suffers first", remedy)
        }
        Some(Power { low_before: true, .. }) => {
            Finding::new(Level::Warning, Topic::Power, "the voltage was too low since the machine started", remedy)
        }
        Some(_) => Finding::fine(Topic::Power, "the voltage was never too low"),
    }
}

fn permissions(permissions: &Permissions, is_let_in: bool) -> Finding {
    let contained = permissions.in_container == Some(true);
    match (permissions.is_root, permissions.in_bluetooth_group) {
        _ if is_let_in => Finding::fine(Topic::Permissions, "BlueZ lets this program in"),
        (Some(true), _) | (_, Some(true)) if !contained => {
            Finding::fine(Topic::Permissions, "this program runs as a user whom BlueZ lets in")
        }
        _ if contained => Finding::new(
            Level::Note,
            Topic::Permissions,
            "this program runs in a container",
            "if BlueZ does not answer: pass /run/dbus in, and see whether AppArmor or seccomp forbid D-Bus",
        ),
        (Some(false), Some(false)) => Finding::new(
            Level::Note,
            Topic::Permissions,
            "this user is not in the group bluetooth; some systems ask for that",
            "if BlueZ refuses: usermod -a -G bluetooth USER, then start the node again",
        ),
        _ => Finding::unknown(Topic::Permissions, "what this program may do is not known"),
    }
}

fn real_time(permissions: &Permissions) -> Finding {
    match permissions.realtime_priority {
        _ if permissions.is_root == Some(true) && permissions.in_container != Some(true) => {
            Finding::fine(Topic::RealTime, "the sending thread may go before others")
        }
        Some(priority) if priority >= PRIORITY => Finding::fine(
            Topic::RealTime,
            format!("the sending thread may go before others (up to priority {priority})"),
        ),
        Some(_) => Finding::new(
            Level::Warning,
            Topic::RealTime,
            "the sending thread may not go before others; packets are late when the machine is busy",
            "LimitRTPRIO=95 in the unit of the node, or a line \"@audio - rtprio 95\" in /etc/security/limits.d/",
        ),
        None => Finding::unknown(Topic::RealTime, "the limits for real time are not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(facts: &Facts, topic: Topic) -> Level {
        findings(facts).iter().find(|finding| finding.what == topic).unwrap().level
    }

    #[test]
    fn low_voltage_is_a_problem_now_and_a_warning_later() {
        for (low_now, low_before, expected) in
            [(true, true, Level::Problem), (false, true, Level::Warning), (false, false, Level::Fine)]
        {
            let facts = Facts { power: Some(Power { low_now, low_before }), ..Facts::default() };
            assert_eq!(level(&facts, Topic::Power), expected);
        }
    }

    #[test]
    fn a_program_without_real_time_is_warned() {
        for (priority, expected) in [(0, Level::Warning), (95, Level::Fine)] {
            let permissions = Permissions { realtime_priority: Some(priority), ..Permissions::default() };
            assert_eq!(level(&Facts { permissions, ..Facts::default() }, Topic::RealTime), expected);
        }
    }

    #[test]
    fn who_is_let_in_need_not_be_in_a_group() {
        let permissions =
            Permissions { is_root: Some(false), in_bluetooth_group: Some(false), ..Permissions::default() };
        let unknown = Facts { permissions: permissions.clone(), ..Facts::default() };
        assert_eq!(level(&unknown, Topic::Permissions), Level::Note);
        let let_in = Facts { permissions, bluez: Some(Ok(())), ..Facts::default() };
        assert_eq!(level(&let_in, Topic::Permissions), Level::Fine);
    }
}
