//! What the page says and keeps while something is not there.

use std::time::Duration;

use serde_json::json;

use crate::{browser::Browser, house::House};

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_vanishes_is_shown_as_gone_and_the_others_stay() {
    let mut house = House::new();
    let browser = Browser::open(&house.page()).await;
    browser.until("both rooms", "document.querySelectorAll('u-room-row:not([offline])').length === 2").await;
    house.kill_kitchen();
    browser
        .until("the kitchen to be gone", "document.querySelector('u-room-row[offline]')?.innerText.includes('kitchen')")
        .await;
    assert_eq!(browser.eval("return document.querySelectorAll('u-room-row:not([offline])').length").await, 1);
    let row = browser.eval("return document.querySelector('u-room-row[offline]').innerText").await;
    assert!(row.as_str().unwrap().contains("Offline"), "{row}");
    browser
        .until(
            "a screen reader to be told",
            "document.querySelector('#whisper').innerText.includes('kitchen is offline')",
        )
        .await;
    let fader = "return document.querySelector('u-room-row[offline] u-volume').hidden";
    assert_eq!(browser.eval(fader).await, true, "nobody can turn up what is not there");
    browser.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_hub_is_survived_and_nothing_is_lost() {
    let mut house = House::new();
    house.ask("PATCH", "/rooms/kitchen", Some(&json!({"volume": 33})));
    let kitchen = house.room("kitchen")["id"].as_str().unwrap().to_owned();
    let browser = Browser::open(&format!("{}#/rooms/{kitchen}", house.page())).await;
    browser.until("the room", "document.querySelector('h1')?.textContent === 'kitchen'").await;
    browser.until("its fader", "document.querySelector('main [aria-label=\"kitchen volume\"]')?.value === '33'").await;
    browser.eval("window.same = true; document.querySelector('main [aria-label=\"kitchen volume\"]').focus()").await;
    browser.assert_content();
    house.stop_hub();
    browser.until("the page to say so", "!document.querySelector('.banner').hidden").await;
    assert_eq!(
        browser.eval("return document.querySelector('h1').textContent").await,
        "kitchen",
        "what was known stays"
    );
    // What is asked for meanwhile is refused in words, and shown as it was.
    browser.press(fantoccini::key::Key::Right).await;
    browser.until("the refusal", "document.querySelector('#alerts').innerText.includes('does not answer')").await;
    browser
        .until("the fader to go back", "document.querySelector('main [aria-label=\"kitchen volume\"]').value === '33'")
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    house.start_hub();
    browser.until("the page to be back", "document.querySelector('.banner').hidden").await;
    browser.until("the room to be back", "!document.querySelector('.standing').innerText.includes('Offline')").await;
    assert_eq!(browser.eval("return window.same").await, true, "it is the same page");
    assert_eq!(browser.eval("return document.activeElement.getAttribute('aria-label')").await, "kitchen volume");
    browser.press(fantoccini::key::Key::Right).await;
    house.wait("the volume to arrive", |house| house.room("kitchen")["volume"] == 34);
    // That there was nobody is no fault of the page's.
    let complaints = browser.complaints(|text| {
        ["ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "WebSocket"].iter().any(|part| text.contains(part))
    });
    assert!(complaints.is_empty(), "{complaints:#?}");
}
