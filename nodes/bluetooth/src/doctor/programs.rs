//! Findings on other programs that take Bluetooth sound. While one of them does, this node does not: whose endpoint
//! `BlueZ` would choose is chance, and with HFP a speaker falls to telephone quality.

use super::{Evidence, Facts, Finding, Holder, Level, Topic};

/// A2DP and HFP/HSP as services, by their UUIDs of 16 bits. AVRCP (0x110c, 0x110e) is `BlueZ`' own.
const SERVICES: &[(u16, &str)] = &[
    (0x110a, "A2DP source"),
    (0x110b, "A2DP sink"),
    (0x1108, "HSP"),
    (0x1112, "HSP gateway"),
    (0x111e, "HFP"),
    (0x111f, "HFP gateway"),
];

impl Holder {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PipeWire => "PipeWire",
            Self::WirePlumber => "WirePlumber (PipeWire)",
            Self::PulseAudio => "PulseAudio",
            Self::BlueAlsa => "bluealsa",
            Self::Ofono => "oFono",
        }
    }

    /// How its Bluetooth part is stopped.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::PipeWire | Self::WirePlumber => {
                "apt remove libspa-0.2-bluetooth; or set wireplumber.profiles = { main = { monitor.bluez = disabled } } in \
                 ~/.config/wireplumber/wireplumber.conf.d/no-bluetooth.conf and restart wireplumber"
            }
            Self::PulseAudio => {
                "pactl unload-module module-bluetooth-discover; or apt remove pulseaudio-module-bluetooth"
            }
            Self::BlueAlsa => "systemctl disable --now bluealsa bluealsa-aplay (bluez-alsa on other systems)",
            Self::Ofono => "systemctl disable --now ofono",
        }
    }

    /// Whether a name on the bus is one of its.
    pub fn of_bus_name(name: &str) -> Option<Self> {
        match name {
            "org.ofono" => Some(Self::Ofono),
            "org.pulseaudio.Server" => Some(Self::PulseAudio),
            _ if name == "org.bluealsa" || name.starts_with("org.bluealsa.") => Some(Self::BlueAlsa),
            _ => None,
        }
    }

    /// Whether a process of this name is one of its.
    pub fn of_process(name: &str) -> Option<Self> {
        match name {
            "pipewire" => Some(Self::PipeWire),
            "wireplumber" | "pipewire-media-" => Some(Self::WirePlumber),
            "pulseaudio" => Some(Self::PulseAudio),
            "bluealsa" | "bluealsad" => Some(Self::BlueAlsa),
            "ofonod" => Some(Self::Ofono),
            _ => None,
        }
    }
}

/// Whether a program holds speakers for certain, so that a node is refused beside it. A sound server that runs may have no
/// Bluetooth part; bluealsa and oFono are nothing else.
pub fn is_telling(holder: Holder, evidence: Evidence) -> bool {
    match holder {
        Holder::BlueAlsa | Holder::Ofono => true,
        Holder::PipeWire | Holder::WirePlumber | Holder::PulseAudio => evidence == Evidence::BluetoothPart,
    }
}

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<_> =
        facts.programs.iter().flatten().map(|(holder, evidence)| of(*holder, *evidence)).collect();
    for adapter in facts.adapters.iter().flatten() {
        let services: Vec<_> = SERVICES
            .iter()
            .filter(|(uuid, _)| adapter.services_of_others.as_ref().is_some_and(|others| others.contains(uuid)))
            .map(|(_, name)| *name)
            .collect();
        if !services.is_empty() {
            findings.push(Finding::new(
                Level::Problem,
                Topic::Programs,
                format!("on {}, another program has registered {}", adapter.name, services.join(", ")),
                "stop its Bluetooth part: see which of PipeWire, PulseAudio, bluealsa, oFono or another it is",
            ));
        }
    }
    if findings.is_empty() {
        findings.push(if facts.programs.is_some() {
            Finding::fine(Topic::Programs, "no other program takes Bluetooth sound")
        } else {
            Finding::unknown(Topic::Programs, "it is not known which programs run")
        });
    }
    findings
}

fn of(holder: Holder, evidence: Evidence) -> Finding {
    let name = holder.name();
    if is_telling(holder, evidence) {
        let what = if holder == Holder::Ofono { "HFP" } else { "A2DP" };
        let finding = format!("{name} runs and takes speakers ({what}); this node does not play beside it");
        Finding::new(Level::Problem, Topic::Programs, finding, holder.remedy())
    } else {
        let finding = format!("{name} runs; whether its Bluetooth part is loaded is not known");
        Finding::new(Level::Warning, Topic::Programs, finding, format!("if speakers are taken: {}", holder.remedy()))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::AdapterFacts, *};

    #[test]
    fn each_program_is_refused_by_its_name() {
        for (holder, name) in [
            (Holder::PipeWire, "PipeWire"),
            (Holder::WirePlumber, "PipeWire"),
            (Holder::PulseAudio, "PulseAudio"),
            (Holder::BlueAlsa, "bluealsa"),
            (Holder::Ofono, "oFono"),
        ] {
            let programs = Some([(holder, Evidence::BluetoothPart)].into());
            let found = findings(&Facts { programs, ..Facts::default() });
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].level, Level::Problem);
            assert!(found[0].finding.contains(name), "{}", found[0]);
        }
        // A sound server alone is no reason to refuse.
        let programs = Some([(Holder::PipeWire, Evidence::Process)].into());
        assert_eq!(findings(&Facts { programs, ..Facts::default() })[0].level, Level::Warning);
    }

    #[test]
    fn names_on_the_bus_and_of_processes_are_known() {
        assert_eq!(Holder::of_bus_name("org.bluealsa"), Some(Holder::BlueAlsa));
        assert_eq!(Holder::of_bus_name("org.bluealsa.second"), Some(Holder::BlueAlsa));
        assert_eq!(Holder::of_bus_name("org.bluealsax"), None);
        assert_eq!(Holder::of_bus_name("org.ofono"), Some(Holder::Ofono));
        assert_eq!(Holder::of_bus_name("org.bluez"), None);
        assert_eq!(Holder::of_process("wireplumber"), Some(Holder::WirePlumber));
        assert_eq!(Holder::of_process("bash"), None);
    }

    #[test]
    fn a_service_of_a_stranger_is_a_problem_whoever_it_is() {
        let adapter = AdapterFacts {
            name: "hci0".into(),
            services_of_others: Some(vec![0x110e, 0x111f]),
            ..AdapterFacts::default()
        };
        let found = findings(&Facts { programs: Some([].into()), adapters: Some(vec![adapter]), ..Facts::default() });
        assert_eq!(found.len(), 1);
        assert!(found[0].finding.ends_with("registered HFP gateway"), "{}", found[0]);
    }
}
