//! What a room says of itself, to a hub and to whoever else asks.

use unisono_core::{
    time::{Nanos, NodeClock},
    wire::{
        control::{Evidence, OutputReport, RoomReport, RoomState, VolumeReport},
        ids::{RoomIndex, StreamId},
    },
};
use unisono_transport::clock;

use crate::room::Room;

/// How a room is doing. What the session counts is left at 0. `clock_uncertainty` is how far the hub's
/// clock may be off.
pub(crate) fn room(
    index: RoomIndex,
    room: &Room,
    state: RoomState,
    stream: Option<StreamId>,
    clock_uncertainty: Nanos,
) -> RoomReport {
    let (status, output) = (room.status(), room.status().output());
    RoomReport {
        room: index,
        state,
        stream,
        output: output.text,
        sync_error: status.sync_error(),
        evidence: if output.works { status.evidence(clock::now()) } else { Evidence::Nothing },
        uncertainty: clock_uncertainty + status.device_uncertainty(),
        buffered: status.buffered(),
        dac_drift_ppb: status.dac_drift().parts_per_billion(),
        received: 0,
        lost: 0,
        repaired: 0,
        late: status.late(),
        concealed_frames: status.concealed_frames(),
        underruns: status.underruns(),
        resyncs: status.resyncs(),
    }
}

/// Which output a room uses, and why.
pub(crate) fn output(index: RoomIndex, room: &Room) -> OutputReport {
    let output = room.status().output();
    OutputReport {
        room: index,
        choice: output.choice,
        held: clock::now::<NodeClock>() - output.since,
        latency: room.status().latency(),
        why: output.why,
        back: output.back,
    }
}

/// What stands for a room's volume.
pub(crate) fn volume(index: RoomIndex, room: &Room) -> VolumeReport {
    let (by, why) = room.status().volume();
    VolumeReport { room: index, by, why: why.into() }
}

/// What a room is doing that no hub tells anything.
pub(crate) fn own_state(room: &Room) -> RoomState {
    let status = room.status();
    match (status.output().works, status.is_playing()) {
        (false, _) => RoomState::NoOutput,
        (true, true) => RoomState::Alone,
        (true, false) => RoomState::Idle,
    }
}
