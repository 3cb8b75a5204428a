//! Bodies of requests to the APIs of hub and node, read as the APIs read them.

use axum::{
    body::Body as Bytes,
    extract::{FromRequest, Request},
    http::header::CONTENT_TYPE,
};
use futures_util::FutureExt;
use serde::{Serialize, de::DeserializeOwned};
use unisono_api::{
    bluetooth::{Pair, SpeakerChange},
    body::Body,
    node,
    sound::{EqualiserView, channels},
};
use unisono_hub::api::types;

/// The first byte says to which of them the rest is sent.
pub fn api_body(data: &[u8]) {
    const READERS: &[fn(&[u8])] = &[
        taken::<types::GroupChange>,
        taken::<types::GroupRooms>,
        taken::<types::Login>,
        taken::<types::MoveTo>,
        taken::<types::NewAccess>,
        taken::<types::NewEntries>,
        taken::<types::NewGroup>,
        taken::<types::NewScene>,
        taken::<types::NewStation>,
        taken::<types::NewToken>,
        taken::<types::NodeChange>,
        taken::<types::Play>,
        taken::<types::Seek>,
        taken::<types::Setup>,
        room_change,
        taken::<Pair>,
        taken::<SpeakerChange>,
        taken::<node::Join>,
        taken::<node::Play>,
        taken::<node::RoomChange>,
        taken::<node::StandaloneChange>,
    ];
    let Some((which, json)) = data.split_first() else { return };
    READERS[usize::from(*which) % READERS.len()](json);
}

fn taken<T: DeserializeOwned + Serialize>(json: &[u8]) {
    let _ = read::<T>(json);
}

/// How a room sounds is what the rest of the API says again.
fn room_change(json: &[u8]) {
    let Some(change) = read::<types::RoomChange>(json) else { return };
    if let Some(Ok(equaliser)) = change.equaliser.as_ref().map(EqualiserView::checked) {
        assert_eq!(EqualiserView::from(&equaliser).checked(), Ok(equaliser));
    }
    if let Some(Ok(map)) = change.channels.as_deref().map(channels) {
        assert_eq!(channels(map.name()), Ok(map));
    }
}

/// What the API takes can be written, and is taken again.
fn read<T: DeserializeOwned + Serialize>(json: &[u8]) -> Option<T> {
    let read = |json: Vec<u8>| -> Option<T> {
        let request = Request::builder().header(CONTENT_TYPE, "application/json").body(Bytes::from(json));
        let body = Body::from_request(request.expect("it is one"), &()).now_or_never().expect("all of it is there");
        body.ok().map(|Body(body)| body)
    };
    let body = read(json.to_vec())?;
    assert!(read(serde_json::to_vec(&body).expect("it is JSON")).is_some());
    Some(body)
}
