//! The description that the hub serves.

use serde_json::Value;

use crate::api::hub::Hub;

/// What a reference leads to.
fn resolve<'a>(description: &'a Value, reference: &str) -> Option<&'a Value> {
    description.pointer(reference.strip_prefix('#')?)
}

/// Every reference in it.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                found.push(reference.to_owned());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn what_values_may_be_is_described() {
    let hub = Hub::start();
    let description = hub.get("/openapi.json").1;
    // Behind a reference, and beside "null" where a field may be that.
    let schema = |view: &str, field: &str| {
        let property = description["components"]["schemas"][view]["properties"][field].clone();
        let choices = property["oneOf"].as_array().cloned().unwrap_or_else(|| vec![property.clone()]);
        let reference = choices.iter().find_map(|choice| choice["$ref"].as_str());
        let reference = reference.unwrap_or_else(|| panic!("{view}.{field}: {property}"));
        resolve(&description, reference).unwrap().clone()
    };
    for (view, field, least, most) in [
        ("RoomChange", "volume", 0.0, 100.0),
        ("RoomChange", "start_volume", 0.0, 100.0),
        ("GroupChange", "volume", 0.0, 100.0),
        ("EqualiserView", "preamp_db", -24.0, 12.0),
        ("BandView", "frequency_hz", 20.0, 20_000.0),
        ("BandView", "q", 0.1, 10.0),
        ("NewToken", "uses", 1.0, 1_024.0),
        ("NewToken", "lifetime_s", 1.0, 31_536_000.0),
        ("Seek", "position_s", 0.0, 1e7),
    ] {
        let schema = schema(view, field);
        let bounds = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        assert_eq!(bounds, (Some(least), Some(most)), "{view}.{field}: {schema}");
    }
    let secret = schema("Setup", "secret");
    assert_eq!((&secret["minLength"], &secret["maxLength"]), (&Value::from(8), &Value::from(256)));
    assert_eq!(schema("NewAccess", "scope")["enum"], serde_json::json!(["read", "control", "admin"]));
    for (view, field) in [("NewGroup", "name"), ("RoomChange", "name"), ("NewStation", "url"), ("Play", "file")] {
        assert!(schema(view, field)["pattern"].is_string(), "{view}.{field}");
    }
}

#[test]
fn the_description_is_whole() {
    let hub = Hub::start();
    let (status, description) = hub.get("/openapi.json");
    assert_eq!(status, 200);
    assert_eq!(description["servers"][0]["url"], "/api/v1");
    let mut found = Vec::new();
    references(&description, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        assert!(resolve(&description, &reference).is_some(), "{reference} leads nowhere");
    }
    for list in ["tracks", "albums", "artists"] {
        let parameters = description["paths"][format!("/library/{list}")]["get"]["parameters"].as_array().unwrap();
        let mut named: Vec<&str> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
        named.sort_unstable();
        assert_eq!(named, ["album", "artist", "limit", "offset", "search"]);
        assert!(parameters.iter().all(|parameter| parameter["in"] == "query" && parameter["required"] == false));
    }
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{name}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with(['1', '2'])), "{name}");
            for (status, response) in responses {
                let refusal = &response["content"]["application/json"]["schema"]["$ref"];
                let is_refusal = refusal == "#/components/schemas/ErrorView";
                assert_eq!(is_refusal, status.starts_with(['4', '5']), "{name} {status}: {response}");
            }
            let named = operation["parameters"].as_array().cloned().unwrap_or_default();
            let in_path = named.iter().filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(in_path, path.matches('{').count(), "{name}");
        }
    }
}
