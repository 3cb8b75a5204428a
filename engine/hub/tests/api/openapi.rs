//! The description that the hub serves.

use serde_json::Value;

use crate::hub::Hub;

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
