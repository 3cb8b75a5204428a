//! Whether everybody can use the page: what axe-core finds, small and enlarged windows, the focus.

use fantoccini::key::Key;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{browser::Browser, house::House, music::song};

const AXE: &str = include_str!("axe-core/axe.min.js");

/// Gives a line for each thing that is not as WCAG 2.2 AA and good practice have it.
const EXAMINE: &str = "const done = arguments[arguments.length - 1];
    axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((found) =>
        done(found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`)),
        (error) => done([String(error)]));";

/// A house with an album of one artist's and one of several.
fn furnished() -> House {
    let folder = TempDir::new().unwrap();
    let music = folder.path().join("music");
    for (name, artist, album) in [("1", "Ada", "Alone"), ("2", "Ada", "Together"), ("3", "Bo", "Together")] {
        song(&music.join(album).join(format!("{name}.wav")), &format!("Song {name}"), artist, album, name);
    }
    House::with_library(folder)
}

fn screens(house: &House) -> Vec<String> {
    let kitchen = house.room("kitchen")["id"].as_str().unwrap().to_owned();
    let albums = house.ask("GET", "/library/albums", None);
    let albums = albums["items"].as_array().unwrap().iter();
    let albums = albums.map(|album| format!("/music/album/{}", album["id"].as_str().unwrap()));
    let group = format!("/playing/{}", house.ask("GET", "/groups", None)[0]["id"].as_str().unwrap());
    let fixed = ["/", "/playing", "/music", "/music/artists", "/music/tracks", "/music/radio", "/devices", "/health"];
    let more = ["/settings", "/scenes", "/first-room", "/setup", "/music/artist/Ada", &group];
    let of_room = ["", "/bluetooth"].map(|part| format!("/rooms/{kitchen}{part}"));
    fixed.into_iter().chain(more).map(String::from).chain(of_room).chain(albums).collect()
}

pub(crate) async fn examine(browser: &Browser, what: &str) {
    browser.client.execute(&format!("{AXE};"), Vec::new()).await.unwrap();
    let found = browser.client.execute_async(EXAMINE, Vec::new()).await.unwrap();
    assert_eq!(found, json!([]), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_any_screen() {
    let house = furnished();
    house.play("Downstairs");
    let browser = Browser::open(&house.page()).await;
    browser.until("the rooms", "document.querySelector('u-group-card')").await;
    for (look, width) in [("light", 390), ("dark", 1280)] {
        browser.look(look).await;
        browser.size(width, 850).await;
        for screen in screens(&house) {
            browser.show(&screen).await;
            examine(&browser, &format!("{screen}, {look}")).await;
        }
    }
    browser.show("/").await;
    browser.find("[aria-label='Choose the rooms of Downstairs']").await.click().await.unwrap();
    browser.until("the dialog", "document.querySelector('dialog[open]')").await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    examine(&browser, "the dialog of a group").await;
    browser.client.goto(&format!("{}api", house.page())).await.unwrap();
    examine(&browser, "the description of the API").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_screen_scrolls_sideways_at_320_pixels_or_at_twice_the_size() {
    let house = furnished();
    house.play("Downstairs, where the people with the long names live");
    let browser = Browser::open(&house.page()).await;
    browser.until("the rooms", "document.querySelector('u-group-card')").await;
    for (width, height) in [(320, 256), (640, 512)] {
        browser.size(width, height).await;
        let twice = if width == 640 { "200%" } else { "100%" };
        browser
            .client
            .execute("document.documentElement.style.fontSize = arguments[0]", vec![json!(twice)])
            .await
            .unwrap();
        for screen in screens(&house) {
            browser.show(&screen).await;
            let widest = browser.eval("return document.documentElement.scrollWidth").await;
            assert!(
                widest.as_u64().is_some_and(|widest| widest <= width.into()),
                "{screen} is {widest} wide at {width}, {twice}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_has_the_focus_shows_it_and_is_large_enough_and_has_a_name() {
    let house = furnished();
    house.play("Downstairs");
    let browser = Browser::open(&house.page()).await;
    browser.until("the rooms", "document.querySelector('u-group-card')").await;
    for screen in screens(&house) {
        browser.show(&screen).await;
        browser.eval("document.querySelector('.skip').focus()").await;
        let mut first = Value::Null;
        for stop in 0..200 {
            browser.press(Key::Tab).await;
            let at = browser
                .eval(
                    "const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
                    at.stop ??= Math.random();
                    const name = at.ariaLabel ?? at.labels?.[0]?.innerText ?? at.innerText;
                    return { id: at.stop, tag: at.tagName, name, ring: style.outlineStyle !== 'none',
                        small: Math.min(box.width, box.height) < 24 && !at.closest('p, label') };",
                )
                .await;
            if at["tag"] == "BODY" || at["id"] == first {
                break;
            }
            assert!(stop < 199, "{screen}: the Tab key finds no end");
            if stop == 0 {
                first = at["id"].clone();
            }
            assert_eq!(at["ring"], true, "{screen}: {at} does not show that it has the focus");
            assert_eq!(at["small"], false, "{screen}: {at} is too small");
            assert!(at["name"].as_str().is_some_and(|name| !name.trim().is_empty()), "{screen}: {at} has no name");
        }
    }
    browser.assert_content();
}
