//! A node that runs already, as a service does, is told to join.

use serde_json::{Value, json};

use crate::house::House;

#[test]
fn a_node_that_runs_joins_when_it_is_told_and_goes_on_when_it_is_refused() {
    let house = House::new(&[]);
    let join = |api: &str, token: &Value| house.ask_at(api, "POST", "/join", Some(&json!({"token": token["token"]})));
    let token = house.tell("POST", "/tokens", &json!({}));
    let (_hall, hall) = house.stranger("hall");
    let (status, view) = join(&hall, &token);
    assert_eq!((status, &view["hub"]["name"]), (200, &json!("attic")), "{view}");
    house.wait("its room to be there", |house| house.room_called("hall")["online"] == true);
    let (status, said) = join(&hall, &token);
    assert_eq!((status, said["error"].as_str().unwrap().contains("with its hub already")), (409, true), "{said}");

    let (_study, study) = house.stranger("study");
    let (status, said) = join(&study, &token);
    assert_eq!((status, said["error"].as_str().unwrap().contains("the hub refused")), (409, true), "used: {said}");
    let (status, view) = join(&study, &house.tell("POST", "/tokens", &json!({})));
    assert_eq!(status, 200, "{view}");
}
