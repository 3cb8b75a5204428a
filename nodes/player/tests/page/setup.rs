//! A hub that is new, asked by somebody on another machine.

use std::time::Duration;

use fantoccini::key::Key;

use crate::{access::examine, browser::Browser, house::House};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_hub_is_taken_over_with_its_code_and_its_first_room_is_named() {
    let house = House::on_the_network();
    let browser = Browser::open(&house.page_from_the_network()).await;
    browser.tab_to("Code").await;
    examine(&browser, "the door").await;
    browser.type_in("000000").await;
    for _ in 0..2 {
        browser.press(Key::Tab).await;
        browser.type_in("a good secret").await;
    }
    browser.press(Key::Enter).await;
    browser.until("the refusal", "!document.querySelector('#entrance-problem').hidden").await;
    browser.eval("document.querySelector('#code').select()").await;
    browser.type_in(&house.code.to_string()).await;
    browser.press(Key::Enter).await;
    browser.until("the first room", "document.querySelector('screen-first-room')").await;
    browser.tab_to("kitchen").await;
    browser.press(Key::Enter).await;
    browser.tab_to("Beep here").await;
    browser.press(Key::Enter).await;
    browser.tab_to("I hear it").await;
    browser.press(Key::Enter).await;
    browser.tab_to("Name").await;
    browser.eval("document.activeElement.select()").await;
    browser.type_in("Kitchen").await;
    browser.press(Key::Enter).await;
    browser.until("the rooms", "document.querySelector('u-group-card')?.innerText.includes('Kitchen')").await;
    let excused = |said: &str| is_of_plain_http(said) || said.contains("/setup") && said.contains("403");
    assert_eq!(browser.complaints(excused), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_that_a_phone_has_read_with_its_camera_is_filled_in_and_stays_in_no_address() {
    let house = House::on_the_network();
    let browser = Browser::open(&format!("{}#setup={}", house.page_from_the_network(), house.code)).await;
    browser.until("the door", "document.querySelector('#code')").await;
    assert_eq!(browser.eval("return document.querySelector('#code').value").await, house.code.to_string());
    assert!(!browser.client.current_url().await.unwrap().as_str().contains("setup"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked =
        "return performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/session')).length";
    assert_eq!(browser.eval(asked).await, 1, "at the door the page asks again and again who is there");
    browser.eval("document.querySelector('#secret').focus()").await;
    browser.type_in("a good secret").await;
    browser.press(Key::Tab).await;
    browser.type_in("a good secret").await;
    browser.press(Key::Enter).await;
    browser.until("the first room", "document.querySelector('screen-first-room')").await;
    assert_eq!(browser.complaints(is_of_plain_http), Vec::<String>::new());
}

/// Without TLS browsers do without what this header asks for.
fn is_of_plain_http(complaint: &str) -> bool {
    complaint.contains("Cross-Origin-Opener-Policy header has been ignored")
}
