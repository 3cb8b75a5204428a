//! The library and the radio, by keyboard.

use std::{fs, path::Path};

use fantoccini::key::Key;
use serde_json::json;
use tempfile::TempDir;

use crate::{browser::Browser, house::House};

#[tokio::test(flavor = "multi_thread")]
async fn an_album_is_found_and_played_by_keyboard_and_its_hostile_tags_are_text() {
    let folder = TempDir::new().unwrap();
    let music = folder.path().join("music");
    let hostile = "<img src=x onerror=\"document.title='caught'\">";
    for (number, title) in ["1", "2"].into_iter().zip([hostile, "</script><b onerror>"]) {
        song(&music.join(format!("hostile/{number}.wav")), title, hostile, hostile, number);
    }
    song(&music.join("other.wav"), "Another", "Somebody", "Else", "1");
    let house = House::with_library(folder);
    house.ask("POST", "/groups", Some(&json!({"name": "Downstairs", "rooms": ["kitchen"]})));
    let browser = Browser::open(&format!("{}#/music", house.page())).await;
    browser.tab_to("Search the library").await;
    browser.type_in("onerror").await;
    browser.until("the album", "document.querySelectorAll('.tile').length === 1").await;
    browser.press(Key::Tab).await;
    browser.tab_to("onerror").await;
    browser.press(Key::Enter).await;
    browser.tab_to("Play").await;
    browser.press(Key::Enter).await;
    house.wait("it to play", |house| house.ask("GET", "/groups", None)[0]["state"] == "playing");
    assert_eq!(house.ask("GET", "/groups", None)[0]["track"]["title"], hostile);
    let artist = format!("/music/artist/{}", "%3Cimg%20src%3Dx%20onerror%3D%22document.title%3D'caught'%22%3E");
    for screen in ["/music/tracks", "/music/artists", &artist, "/playing", "/"] {
        browser.show(screen).await;
        browser.until("the tag to be text", "document.querySelector('main').innerText.includes('<img src=x')").await;
        assert_eq!(
            browser.eval("return document.querySelectorAll('[onerror], img[src=x]').length").await,
            0,
            "{screen}"
        );
    }
    assert_ne!(browser.client.title().await.unwrap(), "caught");
    browser.assert_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_is_added_refused_when_it_does_not_answer_and_taken_out_of_the_queue_by_keyboard() {
    let house = House::new();
    house.ask("POST", "/groups", Some(&json!({"name": "Downstairs", "rooms": ["kitchen"]})));
    let browser = Browser::open(&format!("{}#/music/radio", house.page())).await;
    browser.tab_to("Add a station").await;
    browser.press(Key::Enter).await;
    browser.until("the dialog", "document.querySelector('#station-name') === document.activeElement").await;
    browser.type_in("<b>Nord</b>").await;
    browser.tab_to("Address of the stream").await;
    browser.type_in("http://radio.invalid/nord.mp3").await;
    browser.press(Key::Enter).await;
    browser.until("the dialog to be gone", "!document.querySelector('dialog')").await;
    browser.tab_to("<b>Nord</b>").await;
    browser.press(Key::Enter).await;
    browser.until("the refusal", "document.querySelector('#alerts').innerText.includes('radio.invalid')").await;
    assert_eq!(house.ask("GET", "/groups/Downstairs/queue", None)["entries"], json!([]));
    house.ask("POST", "/groups/Downstairs/queue", Some(&json!({"items": [{"station": "<b>Nord</b>"}]})));
    browser.show("/playing").await;
    browser.tab_to("More for <b>Nord</b>").await;
    browser.press(Key::Enter).await;
    browser.tab_to("Take out").await;
    browser.press(Key::Enter).await;
    house.wait("the queue to be empty", |house| {
        house.ask("GET", "/groups/Downstairs/queue", None)["entries"] == json!([])
    });
}

/// A quiet WAV file of five seconds whose tags, in a chunk of its own, say what it is.
pub(crate) fn song(path: &Path, title: &str, artist: &str, album: &str, number: &str) {
    let chunk = |kind: &[u8], body: &[u8]| {
        let padding = if body.len().is_multiple_of(2) { &b""[..] } else { b"\0" };
        [kind, &u32::try_from(body.len()).unwrap().to_le_bytes(), body, padding].concat()
    };
    let tags = [(&b"INAM"[..], title), (b"IART", artist), (b"IPRD", album), (b"ITRK", number)];
    let tags: Vec<u8> = tags.iter().flat_map(|(kind, text)| chunk(kind, format!("{text}\0").as_bytes())).collect();
    let format = [&[1, 0, 1, 0][..], &8_000_u32.to_le_bytes(), &16_000_u32.to_le_bytes(), &[2, 0, 16, 0]].concat();
    let parts = [
        b"WAVE".to_vec(),
        chunk(b"fmt ", &format),
        chunk(b"LIST", &[b"INFO", &tags[..]].concat()),
        chunk(b"data", &[7; 80_000]),
    ];
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, chunk(b"RIFF", &parts.concat())).unwrap();
}
