//! Another machine joins, with the command that the page shows.

use fantoccini::key::Key;

use crate::{access::examine, browser::Browser, house::House};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_says_to_type_brings_a_machine_that_can_be_heard_at_once() {
    let mut house = House::new();
    let browser = Browser::open(&house.page()).await;
    browser.show("/devices").await;
    browser.tab_to("Add a device").await;
    browser.press(Key::Enter).await;
    browser.until("the command", "document.querySelector('dialog .copyable code')").await;
    browser.tab_to("What it is called").await;
    browser.eval("document.activeElement.select()").await;
    browser.type_in("bath").await;
    let line = "return document.querySelector('dialog .copyable code').textContent";
    let line = browser.eval(line).await.as_str().unwrap().to_owned();
    assert!(line.starts_with("unisono-node --name bath --join unisono1-"), "{line}");
    browser.eval("document.querySelector('dialog details').open = true").await;
    let modules = "return document.querySelector('dialog svg.code path').getAttribute('d').split('M').length";
    assert!(browser.eval(modules).await.as_u64().unwrap() > 300, "the QR code is drawn");
    examine(&browser, "the sheet of joining").await;
    house.type_in(&line);
    browser
        .until("it to have come", "document.querySelector('dialog [role=status]').innerText === 'bath has joined.'")
        .await;
    browser.tab_to("Beep here: bath").await;
    browser.press(Key::Enter).await;
    browser
        .until(
            "the sound",
            "document.querySelector('.slips')?.parentElement && document.body.innerText.includes('bath sounds now')",
        )
        .await;
    examine(&browser, "the sheet when a machine has come").await;
    browser.tab_to("Add another").await;
    browser.press(Key::Enter).await;
    browser.until("another token", &format!("document.querySelector('dialog .copyable code') && !document.querySelector('dialog .copyable code').textContent.includes({:?})", line.rsplit(' ').next().unwrap())).await;
    assert_eq!(browser.eval("return document.activeElement.id").await, "join-name");
    browser.assert_content();
}
