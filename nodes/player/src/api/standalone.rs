//! How the node stands alone.

use axum::{Json, extract::State};
use unisono_api::{
    Refusal,
    body::Body,
    node::{On, StandaloneChange, StandaloneView},
};

use super::{NodeHandle, refusal, stopping};
use crate::standalone::{self as alone, Mode, Phase, Playback};

pub(super) async fn show(State(node): State<NodeHandle>) -> Result<Json<StandaloneView>, Refusal> {
    let state = node.inner.standalone.state().await.ok_or_else(stopping)?;
    Ok(Json(view(&state)))
}

pub(super) async fn change(
    State(node): State<NodeHandle>,
    Body(change): Body<StandaloneChange>,
) -> Result<Json<StandaloneView>, Refusal> {
    let mode = match change.on {
        On::Auto => Mode::Auto,
        On::Yes => Mode::On,
        On::No => Mode::Off,
    };
    node.inner.standalone.set_mode(mode).await.map_err(|refused| refusal(&refused))?;
    show(State(node)).await
}

pub(super) fn view(state: &alone::State) -> StandaloneView {
    let mode = match state.mode {
        _ if state.always => "always",
        Mode::Auto => "auto",
        Mode::On => "on",
        Mode::Off => "off",
    };
    let phase = match state.phase {
        Phase::WithHub => "with hub",
        Phase::Waiting => "waiting",
        Phase::Alone => "alone",
        Phase::Returning => "returning",
    };
    let playing = &state.playing;
    StandaloneView {
        mode: mode.into(),
        state: phase.into(),
        since_s: state.for_so_long.as_secs_f64(),
        own: state.own.clone(),
        playback: match playing.playback {
            Playback::Playing => "playing",
            Playback::Paused => "paused",
            Playback::Stopped => "stopped",
        }
        .into(),
        source: playing.source.clone(),
        title: playing.title.clone(),
        position_s: playing.position.map(unisono_core::time::Nanos::as_secs_f64),
        warning: playing.warning.clone(),
    }
}
