//! Rooms, volumes, groups and what plays, by keyboard.

use fantoccini::key::Key;
use serde_json::json;

use crate::{
    browser::Browser,
    house::{HOSTILE, House},
};

#[tokio::test(flavor = "multi_thread")]
async fn rooms_appear_and_hostile_names_are_text() {
    let house = House::new();
    let browser = Browser::open(&house.page()).await;
    browser.until("both rooms", "document.querySelectorAll('u-room-row').length === 2").await;
    let names =
        browser.eval("return [...document.querySelectorAll('u-room-row .room-name')].map((a) => a.textContent)");
    let names = names.await;
    assert!(names.as_array().unwrap().contains(&json!(HOSTILE)), "{names}");
    // On every screen that shows it.
    for screen in ["/", "/devices", "/health", "/first-room"] {
        browser.show(screen).await;
        let made = browser.eval("return document.querySelectorAll('[onerror], main img[src=\"x\"]').length").await;
        assert_eq!(made, 0, "{screen}");
    }
    let study = house.room(HOSTILE)["id"].as_str().unwrap().to_owned();
    browser.show(&format!("/rooms/{study}")).await;
    browser
        .until("the room's own screen", &format!("document.querySelector('h1').textContent === {}", json!(HOSTILE)))
        .await;
    assert_ne!(browser.client.title().await.unwrap(), "caught");
    // A new name is there by itself.
    house.ask("PATCH", &format!("/rooms/{study}"), Some(&json!({"name": "Library"})));
    browser.until("the new name", "document.querySelector('h1').textContent === 'Library'").await;
    browser.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_by_keyboard_shows_before_the_hub_has_answered_and_arrives() {
    let house = House::new();
    house.ask("PATCH", "/rooms/kitchen", Some(&json!({"volume": 40})));
    let browser = Browser::open(&house.page()).await;
    browser
        .until("the kitchen at 40", "document.querySelector('[aria-label=\"kitchen volume\"]')?.value === '40'")
        .await;
    browser.tab_to("kitchen volume").await;
    // How many answers were there when the change was shown.
    browser
        .eval(
            "const answers = () => performance.getEntriesByType('resource').filter(({ name }) => name.includes('/rooms/'));
        new MutationObserver(() => { window.answered ??= answers().length; })
            .observe(document.activeElement, { attributes: true, attributeFilter: ['aria-valuetext'] });",
        )
        .await;
    browser.press(Key::Right).await;
    browser.until("the change", "window.answered !== undefined").await;
    assert_eq!(browser.eval("return window.answered").await, 0);
    let text = browser.eval("return document.activeElement.getAttribute('aria-valuetext')").await;
    assert_eq!(text, "41 percent");
    house.wait("the hub to have it", |house| house.room("kitchen")["volume"] == 41);
    browser.tab_to("Mute kitchen").await;
    browser.press(Key::Enter).await;
    house.wait("the kitchen to be muted", |house| house.room("kitchen")["muted"] == true);
    browser.until("it to be shown", "document.activeElement.getAttribute('aria-pressed') === 'true'").await;
    // What somebody else sets is shown, too, and the focus stays.
    house.ask("PATCH", "/rooms/kitchen", Some(&json!({"volume": 12, "muted": false})));
    browser
        .until("what was set elsewhere", "document.querySelector('[aria-label=\"kitchen volume\"]').value === '12'")
        .await;
    assert_eq!(browser.eval("return document.activeElement.getAttribute('aria-label')").await, "Mute kitchen");
    browser.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_steps_of_a_fader_end_where_the_last_one_was() {
    let house = House::new();
    house.ask("PATCH", "/rooms/kitchen", Some(&json!({"volume": 10, "max_volume": 60})));
    let browser = Browser::open(&house.page()).await;
    browser
        .until("the kitchen at 10", "document.querySelector('[aria-label=\"kitchen volume\"]')?.value === '10'")
        .await;
    browser.tab_to("kitchen volume").await;
    let steps: String = std::iter::repeat_n(char::from(Key::Right), 35).collect();
    browser.type_in(&steps).await;
    house.wait("the last step to arrive", |house| house.room("kitchen")["volume"] == 45);
    // And no further than the room may.
    browser.press(Key::End).await;
    house.wait("the loudest it may be", |house| house.room("kitchen")["volume"] == 60);
    browser.until("that to be shown", "document.activeElement.value === '60'").await;
    browser.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_grouped_by_checkbox_and_by_tap_while_one_plays() {
    let house = House::new();
    house.ask(
        "PATCH",
        &format!("/rooms/{}", house.room(HOSTILE)["id"].as_str().unwrap()),
        Some(&json!({"name": "study"})),
    );
    house.play("Downstairs");
    let group = house.room("kitchen")["group"].clone();
    let browser = Browser::open(&house.page()).await;
    browser
        .until("the group's card", "document.querySelector('u-group-card')?.innerText.includes('A long tone')")
        .await;
    browser.tab_to("Choose the rooms of Downstairs").await;
    browser.press(Key::Enter).await;
    browser.until("the dialog", "document.querySelector('dialog[open]')").await;
    browser.tab_to("study").await;
    browser.type_in(" ").await;
    house.wait("the study to be in the group", |house| house.room("study")["group"] == group);
    browser.press(Key::Escape).await;
    browser.until("the dialog to be gone", "!document.querySelector('dialog')").await;
    let focused = browser.eval("return document.activeElement.getAttribute('aria-label')").await;
    assert_eq!(focused, "Choose the rooms of Downstairs", "the focus is back where it was");
    browser.tab_to("Take study out of this group").await;
    browser.press(Key::Enter).await;
    house.wait("the study to be by itself", |house| house.room("study")["group"].is_null());
    assert_ne!(browser.eval("return document.activeElement.tagName").await, "BODY", "the focus is lost");
    browser.find("[aria-label='Add study to Downstairs']").await.click().await.unwrap();
    house.wait("the study to be back", |house| house.room("study")["group"] == group);
    assert_eq!(house.room("kitchen")["state"], "playing");
    browser.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_plays_is_shown_paused_and_sought_by_keyboard() {
    let house = House::new();
    house.play("Downstairs");
    let browser = Browser::open(&format!("{}#/playing", house.page())).await;
    browser.until("the title", "document.querySelector('h1')?.textContent.includes('A long tone')").await;
    browser.until("time to pass", "document.querySelector('u-position .time').textContent >= '0:01'").await;
    let shown = "return document.querySelector('u-position input').valueAsNumber";
    let (shown, there) =
        (browser.eval(shown).await.as_f64().unwrap(), house.ask("GET", "/groups", None)[0]["position_s"].clone());
    assert!((shown - there.as_f64().unwrap()).abs() < 2.0, "the page says {shown}, the hub {there}");
    browser.tab_to("Pause Downstairs").await;
    browser.press(Key::Enter).await;
    house.wait("the group to pause", |house| house.ask("GET", "/groups", None)[0]["state"] == "paused");
    browser.until("that to be shown", "document.activeElement.getAttribute('aria-label') === 'Play Downstairs'").await;
    browser.press(Key::Enter).await;
    house.wait("the group to go on", |house| house.ask("GET", "/groups", None)[0]["state"] == "playing");
    browser.eval("document.querySelector('u-position input').focus()").await;
    browser.press(Key::End).await;
    house.wait("the end to be near", |house| {
        let group = house.ask("GET", "/groups", None)[0].clone();
        group["position_s"].as_f64().is_none_or(|position| position > 20.0)
    });
    browser.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_comes_by_the_web_socket_and_nothing_is_polled() {
    let house = House::new();
    let browser = Browser::open(&house.page()).await;
    browser.until("both rooms", "document.querySelectorAll('u-room-row').length === 2").await;
    house.ask("PATCH", "/rooms/kitchen", Some(&json!({"volume": 77})));
    let shown = "document.querySelector('[aria-label=\"kitchen volume\"]').value === '77'";
    browser.until("the change", shown).await;
    let asked =
        "return performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/api/v1/rooms')).length";
    assert_eq!(browser.eval(asked).await, 0, "the page polls");
}
