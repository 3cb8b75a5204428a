//! What the two sides of a connection promise each other.

use std::{sync::Arc, time::Duration};

use quinn::{IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

use crate::congestion::Window;

/// A connection that hears nothing for so long is over. Wi-Fi that changes its channel is away for two to four seconds.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(6);

/// The transport parameters of a connection whose peer may open `streams` streams.
pub(crate) fn transport(window: &Window, streams: u32) -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(6_000))))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .initial_rtt(INITIAL_RTT)
        .initial_mtu(1_200)
        .mtu_discovery_config(Some(MtuDiscoveryConfig::default()))
        .max_concurrent_bidi_streams(VarInt::from_u32(streams))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(STREAM_WINDOW))
        .send_window(u64::from(STREAM_WINDOW))
        .datagram_receive_buffer_size(Some(DATAGRAM_RECEIVE_BUFFER))
        .datagram_send_buffer_size(DATAGRAM_SEND_BUFFER)
        .congestion_controller_factory(Arc::new(window.clone()));
    config
}

/// A restarted peer is noticed at the next packet, so this is how long it can take on an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// A LAN, with Wi-Fi asleep at the other end. QUIC's own 333 ms would make a lost first packet cost a second.
const INITIAL_RTT: Duration = Duration::from_millis(50);

/// The longest control message, so that one never waits for its own acknowledgement.
const STREAM_WINDOW: u32 = 256 * 1024 + 1_024;

/// A third of a second of eight channels at 96 kHz and 32 bits; a reader that is slower loses the oldest.
const DATAGRAM_RECEIVE_BUFFER: usize = 1024 * 1024;

/// Never reached by a stream within its budget: [`crate::queue`] refuses first.
pub(crate) const DATAGRAM_SEND_BUFFER: usize = 512 * 1024;

#[cfg(test)]
mod tests {
    use unisono_core::wire::frame;

    use super::*;

    #[test]
    fn the_longest_control_message_fits_the_stream_window() {
        assert!(frame::HEADER_LEN + frame::MAX_BODY as usize <= STREAM_WINDOW as usize);
        assert_eq!(IDLE_TIMEOUT.as_millis(), 6_000);
    }
}
