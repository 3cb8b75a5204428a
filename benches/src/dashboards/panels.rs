//! Dashboards as their files have them.

use std::{fs, path::Path};

use anyhow::{Context, anyhow};
use serde_json::Value;

/// A dashboard.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// Its file's name, without the ending.
    pub file: String,
    /// Its title.
    pub title: String,
    /// Rows and panels, in their order.
    pub panels: Vec<Panel>,
    /// All of it.
    pub json: Value,
}

/// A panel, or the heading of a row.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Its title.
    pub title: String,
    /// `timeseries`, `stat`, `row` and so on.
    pub kind: String,
    /// Grafana's name of the unit.
    pub unit: String,
    /// Decimals, where they are set.
    pub decimals: Option<usize>,
    /// Above which value (the first: anything) which colour begins.
    pub thresholds: Vec<(Option<f64>, String)>,
    /// Left, top, width and height on a grid of 24 columns.
    pub place: [u32; 4],
    /// What it asks.
    pub questions: Vec<Question>,
    /// Whether it shows names rather than values.
    pub shows_names: bool,
}

/// What a panel asks.
#[derive(Clone, Debug)]
pub struct Question {
    /// In `PromQL`, with Grafana's variables in it.
    pub expression: String,
    /// What a series is called, with `{{label}}` in it.
    pub legend: String,
}

/// What stands for Grafana's variables.
#[derive(Clone, Debug)]
pub struct Variables {
    /// The hub's instance, or a pattern.
    pub hub: String,
    /// The room.
    pub room: String,
    /// Over which time rates are taken.
    pub interval: String,
}

impl Question {
    /// As Prometheus is asked.
    pub fn asked(&self, with: &Variables) -> String {
        let expression = self.expression.replace("$__rate_interval", &with.interval);
        expression.replace("$hub", &with.hub).replace("$room", &with.room)
    }

    /// The names of Unisono's metrics in it.
    pub fn metrics(&self) -> Vec<String> {
        metrics_in(&self.expression)
    }
}

/// The names of Unisono's metrics in an expression; of a histogram its own.
pub fn metrics_in(expression: &str) -> Vec<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let names = words.filter(|word| word.starts_with("unisono_"));
    let own = |name: &str| {
        let ends = ["_bucket", "_sum", "_count"];
        let base = ends.iter().find_map(|end| name.strip_suffix(end)).filter(|base| base.ends_with("_seconds"));
        base.unwrap_or(name).to_owned()
    };
    names.map(own).collect()
}

/// Reads every dashboard of a folder, by name.
///
/// # Errors
/// When there is none, or one is not what a dashboard is.
pub fn read(folder: &Path) -> anyhow::Result<Vec<Dashboard>> {
    let files = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let paths = files.map_while(Result::ok).map(|entry| entry.path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect();
    paths.sort();
    let dashboards = paths.iter().map(|path| {
        let json: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
        let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let title = json["title"].as_str().ok_or_else(|| anyhow!("{}: it has no title", path.display()))?.to_owned();
        let panels = json["panels"].as_array().into_iter().flatten().map(panel).collect();
        Ok(Dashboard { file, title, panels, json })
    });
    dashboards.collect()
}

fn panel(json: &Value) -> Panel {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let defaults = &json["fieldConfig"]["defaults"];
    let steps = defaults["thresholds"]["steps"].as_array().into_iter().flatten();
    let side = |name: &str| u32::try_from(json["gridPos"][name].as_u64().unwrap_or(0)).unwrap_or(0);
    let questions = json["targets"].as_array().into_iter().flatten();
    Panel {
        title: text(&json["title"]),
        kind: text(&json["type"]),
        unit: text(&defaults["unit"]),
        decimals: defaults["decimals"].as_u64().and_then(|decimals| usize::try_from(decimals).ok()),
        thresholds: steps.map(|step| (step["value"].as_f64(), text(&step["color"]))).collect(),
        place: ["x", "y", "w", "h"].map(side),
        questions: questions
            .map(|asked| Question { expression: text(&asked["expr"]), legend: text(&asked["legendFormat"]) })
            .collect(),
        shows_names: json["options"]["textMode"] == "name",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_in_expressions_and_variables_are_put_in() {
        let expression = "max(rate(unisono_a_total{room=\"$room\", instance=~\"$hub\"}[$__rate_interval])) \
                          / unisono_b_duration_seconds_bucket + instance:unisono_c:rate5m";
        let question = Question { expression: expression.into(), legend: String::new() };
        assert_eq!(question.metrics(), ["unisono_a_total", "unisono_b_duration_seconds"]);
        let with = Variables { hub: ".+".into(), room: "kitchen".into(), interval: "15s".into() };
        assert!(
            question.asked(&with).starts_with("max(rate(unisono_a_total{room=\"kitchen\", instance=~\".+\"}[15s]))")
        );
    }
}
