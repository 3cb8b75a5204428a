//! The service's end of a stream.

use std::sync::Arc;

use unisono_core::{time::Nanos, units::FrameCount};

use super::{Counters, SbcConfig, Transport, packet::Shape, shared::Shared, socket::Socket};
use crate::Failure;

/// What the sender would have the service do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    #[default]
    None,
    /// Release the transport: there has been silence for long enough. The sender has closed its socket.
    Suspend,
    /// Disconnect the speaker, for the same reason.
    Disconnect,
    /// Get a transport again and give it to [`Stream::resume`]: there is sound. Until then it is lost, and the time of
    /// what comes behind it is as it was.
    Resume,
}

/// The service's end of a stream. Dropping it ends the stream.
pub struct Stream {
    shared: Arc<Shared>,
    config: SbcConfig,
    shape: Shape,
}

impl Stream {
    pub(super) fn new(shared: Arc<Shared>, config: SbcConfig, shape: Shape) -> Self {
        Self { shared, config, shape }
    }

    /// What it has come to.
    pub fn counters(&self) -> Counters {
        self.shared.counting.read()
    }

    /// Why it is over, if it failed.
    pub fn is_over(&self) -> Option<Failure> {
        self.shared.failure()
    }

    /// Whether it is over, with a failure or without: its socket is closed.
    pub fn has_ended(&self) -> bool {
        self.shared.has_ended()
    }

    /// Whether it is over, or is about to be: nobody writes any more, or it has failed.
    pub fn is_ending(&self) -> bool {
        self.shared.is_finished() || self.shared.has_ended()
    }

    /// Ends it; the feed is gone for that reason, unless there was one before. Its socket is closed within 20 ms.
    pub fn stop(&self, why: Failure) {
        self.shared.fail(why);
    }

    /// What is to be done for it, now.
    pub fn wish(&self) -> Wish {
        self.shared.wished()
    }

    /// Goes on with another transport, as [`Wish::Resume`] asks for. Nothing happens where there is a socket already.
    ///
    /// # Errors
    /// [`Failure::NoCommonCodec`] when it has another configuration, or packets that do not fit: stop this stream and
    /// start another. [`Failure::AcquireFailed`] when the system refuses the socket.
    pub fn resume(&self, transport: Transport) -> Result<(), Failure> {
        let Transport { fd, mtu, config, stamped } = transport;
        let fits = Shape::new(&config, mtu, self.shape.bitpool)
            .is_some_and(|shape| shape.bitpool == self.shape.bitpool && shape.frames >= self.shape.frames);
        if config != self.config || !fits {
            return Err(Failure::NoCommonCodec);
        }
        let socket = Socket::new(fd, mtu, self.packet_duration(), stamped);
        self.shared.give(socket.map_err(|_| Failure::AcquireFailed)?);
        Ok(())
    }

    /// What was agreed on with the speaker.
    pub const fn config(&self) -> &SbcConfig {
        &self.config
    }

    /// How long a packet lasts.
    pub fn packet_duration(&self) -> Nanos {
        self.config.rate.duration_of(FrameCount(self.shape.samples(&self.config) as u64))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.fail(Failure::Canceled);
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { config, shape, .. } = self;
        out.debug_struct("Stream").field("config", config).field("shape", shape).finish_non_exhaustive()
    }
}
