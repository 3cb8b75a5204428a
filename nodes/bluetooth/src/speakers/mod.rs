//! The speaker table: what is known of models before a speaker is measured.
//!
//! The rows are in `table.toml`, each with its source. A person's own file of the same form adds to them and goes before
//! them.

mod model;

use std::{path::Path, sync::LazyLock};

use serde::Deserialize;
use unisono_settings::Error;

pub use self::model::{Band, Model, Offer, Prior, Quirk};

/// The rows that come with the program.
const BUILT_IN: &str = include_str!("table.toml");

/// Models, in the order in which they are asked.
#[derive(Clone, Debug)]
pub struct Table {
    models: Vec<Model>,
}

impl Table {
    /// The one that comes with the program.
    pub fn built_in() -> &'static Self {
        static TABLE: LazyLock<Table> = LazyLock::new(|| {
            let file: File = toml::from_str(BUILT_IN).unwrap_or_default();
            Table { models: file.speaker }
        });
        &TABLE
    }

    /// The built-in one, with a file before it. A file that cannot be used changes nothing, and is told of in one line.
    pub fn with_file(path: &Path) -> (Self, Option<Error>) {
        let (own, bad) = match unisono_settings::read::<File>(path) {
            Ok(file) => (file.speaker, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        (Self { models: own.into_iter().chain(Self::built_in().models.iter().cloned()).collect() }, bad)
    }

    /// The model of a speaker that calls itself so.
    pub fn find(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.is_called(name))
    }

    /// All of them.
    pub fn models(&self) -> &[Model] {
        &self.models
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    speaker: Vec<Model>,
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use unisono_core::time::Nanos;

    use super::*;

    fn parse(text: &str) -> Result<Vec<Model>, toml::de::Error> {
        toml::from_str::<File>(text).map(|file| file.speaker)
    }

    /// Lines of a table with values that may be anything.
    fn table() -> impl Strategy<Value = String> {
        let keys = vec!["name", "names", "latency_ms", "uncertainty_ms", "codecs", "quirks", "eq", "source"];
        let key = prop::sample::select(keys);
        let value = prop_oneof![
            any::<i64>().prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| format!("{number:?}")),
            "[a-z*_]{0,12}".prop_map(|text| format!("{text:?}")),
            "[a-z*_]{0,12}".prop_map(|text| format!("[{text:?}]")),
            any::<(f32, f32)>().prop_map(|(hz, db)| format!("[{{ frequency_hz = {hz:?}, gain_db = {db:?} }}]")),
            "\\PC{0,12}",
        ];
        let line = prop_oneof![
            9 => (key, value).prop_map(|(key, value)| format!("{key} = {value}\n")),
            1 => Just("[[speaker]]\n".to_owned()),
        ];
        prop::collection::vec(line, 0..12).prop_map(|lines| format!("[[speaker]]\n{}", lines.concat()))
    }

    proptest! {
        #[test]
        fn any_table_is_taken_or_refused_in_one_line(text in prop_oneof![table(), "(?s).{0,200}"]) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("speakers.toml");
            fs::write(&path, text).unwrap();
            if let Some(bad) = Table::with_file(&path).1 {
                prop_assert!(!bad.to_string().contains('\n'), "{bad}");
            }
        }
    }

    #[test]
    fn the_built_in_table_has_what_it_promises() {
        assert!(parse(BUILT_IN).unwrap().len() >= 18);
        let table = Table::built_in();
        for (name, latency, bands) in [
            ("Soundcore Motion+", 182, 0),
            ("JBL Flip 6", 156, 2),
            ("Bose SoundLink Flex", 143, 1),
            ("Sonos Roam SL", 210, 2),
            ("Beosound A9 living room", 290, 0),
        ] {
            let model = table.find(name).expect(name);
            let prior = model.latency.unwrap();
            assert_eq!(prior.value, Nanos::from_millis(latency), "{name}");
            assert_eq!(prior.uncertainty, Nanos::from_millis(60), "{name}");
            assert_eq!(model.eq.len(), bands, "{name}");
        }
        assert_eq!(table.find("jbl flip 6-office").unwrap().name, "JBL Flip 6");
        assert!(table.find("soundcore 2").unwrap().has(Quirk::NoXq));
        assert!(!table.find("JBL Flip 6").unwrap().has(Quirk::NoXq));
        assert!(table.find("SoundCore 20").is_none());
        assert!(table.find("").is_none());
        assert!(table.models().iter().all(|model| !model.source.is_empty()));
    }

    #[test]
    fn what_is_offered_for_a_models_sound_does_not_clip_and_says_where_it_is_from() {
        let table = Table::built_in();
        let offer = table.find("JBL Flip 6").unwrap().offer().unwrap();
        let bands: Vec<_> = offer
            .equaliser
            .bands
            .as_slice()
            .iter()
            .map(|band| (band.frequency.value(), band.gain.value(), band.q.value()))
            .collect();
        assert_eq!(bands, [(60.0, 3.0, 1.0), (3_000.0, -2.0, 1.0)]);
        assert_eq!((offer.equaliser.enabled, offer.equaliser.preamp.value()), (true, -3.0));
        assert_eq!((offer.model.as_str(), offer.source.contains("article")), ("JBL Flip 6", true));
        assert!(table.find("Soundcore Motion+").unwrap().offer().is_none());
        let boosts = "gain_db = 12, frequency_hz = ".to_owned();
        let row = |count: usize| {
            let bands: Vec<_> = (1..=count).map(|band| format!("{{ {boosts}{} }}", band * 100)).collect();
            format!("[[speaker]]\nname = \"Mine\"\nnames = [\"Mine\"]\nsource = \"me\"\neq = [{}]\n", bands.join(", "))
        };
        let offer = parse(&row(10)).unwrap()[0].offer().unwrap();
        assert_eq!((offer.equaliser.bands.as_slice().len(), offer.equaliser.preamp.value()), (10, -24.0));
        assert!(parse(&row(11)).is_err());
    }

    #[test]
    fn a_file_of_ones_own_goes_before_the_built_in_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("speakers.toml");
        fs::write(&path, "[[speaker]]\nname = \"Mine\"\nnames = [\"JBL*\"]\nlatency_ms = 99\nsource = \"measured\"\n")
            .unwrap();
        let (table, bad) = Table::with_file(&path);
        assert!(bad.is_none());
        assert_eq!(table.find("JBL Flip 6").unwrap().name, "Mine");
        assert_eq!(table.find("Sonos Roam SL").unwrap().name, "Sonos Roam SL");
    }

    #[test]
    fn a_bad_file_is_told_of_in_one_line_with_line_and_key_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("speakers.toml");
        let head = "[[speaker]]\nname = \"Mine\"\nnames = [\"JBL*\"]\nsource = \"me\"\n";
        for (text, line, key) in [
            ("latency_ms = \"fast\"\n", 5, "latency_ms"),
            ("latency_ms = -3\n", 5, "latency_ms"),
            ("latency_ms = 99999\n", 5, "latency_ms"),
            ("latncy_ms = 99\n", 5, "latncy_ms"),
            ("codecs = []\nquirks = [\"too_loud\"]\n", 6, "quirks"),
            ("eq = [{ frequency_hz = 60, gain_db = 40.0 }]\n", 5, "gain_db: not"),
            ("eq = [{ frequency_hz = 5, gain_db = 4.0 }]\n", 5, "frequency_hz: not"),
            ("eq = [{ frequency_hz = 50, gain_db = nan }]\n", 5, "gain_db: not"),
            ("eq = [{ frequency_hz = 50, gain_db = 1, q = 11 }]\n", 5, "q: not"),
            ("latency_ms =\n", 5, "latency_ms"),
        ] {
            fs::write(&path, format!("{head}{text}")).unwrap();
            let (table, bad) = Table::with_file(&path);
            let bad = bad.expect(text).to_string();
            let start = format!("{}:{line}: ", path.display());
            assert!(bad.starts_with(&start) && bad.contains(key), "{bad}");
            assert!(!bad.contains('\n'), "{bad}");
            assert_eq!(table.find("JBL Flip 6").unwrap().name, "JBL Flip 6");
        }
        fs::write(&path, "[[speaker]]\nname = \"Mine\"\n").unwrap();
        let bad = Table::with_file(&path).1.unwrap().to_string();
        assert!(bad.contains("speakers.toml:1: ") && bad.contains("names"), "{bad}");
        let bad = Table::with_file(&folder.path().join("none")).1.unwrap().to_string();
        assert!(bad.contains("none: No such file"), "{bad}");
    }
}
