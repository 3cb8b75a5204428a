//! A view as it was sent.

use serde_json::Value;

/// A position that is off by less than this goes on as it should, in seconds.
const POSITION_TOLERANCE_S: f64 = 0.25;

/// Where in it something is; it goes on by itself while `state` is `playing`.
const POSITION: &str = "position_s";

/// A view, and when it was so.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) value: Value,
    pub(super) at_s: f64,
}

impl Item {
    /// Whether another is worth being sent after this one.
    pub(super) fn differs(&self, other: &Self, figures: &[&str], with_figures: bool) -> bool {
        let (Value::Object(old), Value::Object(new)) = (&self.value, &other.value) else {
            return self.value != other.value;
        };
        if old.len() != new.len() {
            return true;
        }
        new.iter().any(|(field, new)| {
            let Some(old) = old.get(field) else { return true };
            if field == POSITION {
                return self.has_jumped(old, new, other.at_s);
            }
            old != new && (with_figures || !moves_along(field, old, new, figures))
        })
    }

    /// The view as it is at a later moment, when nothing has happened to it.
    pub(super) fn at(&self, at_s: f64) -> Value {
        let mut value = self.value.clone();
        if let Some(position) = value.get(POSITION).and_then(Value::as_f64) {
            value[POSITION] = self.expected(position, at_s).into();
        }
        value
    }

    fn has_jumped(&self, old: &Value, new: &Value, at_s: f64) -> bool {
        match (old.as_f64(), new.as_f64()) {
            (Some(old), Some(new)) => (self.expected(old, at_s) - new).abs() > POSITION_TOLERANCE_S,
            _ => old != new,
        }
    }

    fn expected(&self, position: f64, at_s: f64) -> f64 {
        if self.value["state"] != "playing" {
            return position;
        }
        let end = self.value["length_s"].as_f64().unwrap_or(f64::INFINITY);
        (position + at_s - self.at_s).min(end.max(position))
    }
}

/// Whether two unequal values of a field differ only in what moves along.
fn moves_along(field: &str, old: &Value, new: &Value, figures: &[&str]) -> bool {
    if figures.contains(&field) {
        // That there is something at all is news.
        return old.is_null() == new.is_null();
    }
    let within = |figure: &&&str| figure.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'));
    let mut figures = figures.iter().filter(within).filter_map(|figure| figure.split_once('.')).peekable();
    let (Value::Object(old), Value::Object(new), Some(_)) = (old, new, figures.peek()) else { return false };
    let (mut old, mut new) = (old.clone(), new.clone());
    for (_, figure) in figures {
        old.remove(figure);
        new.remove(figure);
    }
    old == new
}
