//! What old servers of stations call HTTP: their answer begins `ICY 200 OK`, and is HTTP/1.0 otherwise.

use ureq::{
    Error,
    unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport},
};

/// How such an answer begins, and what is made of it.
const ICY: &[u8] = b"ICY ";
const HTTP: &[u8] = b"HTTP/1.0 ";

/// Wraps every connection.
#[derive(Debug)]
pub(super) struct Icy;

impl<In: Transport> Connector<In> for Icy {
    type Out = Wire<In>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Wire<In>>, Error> {
        let (input, output) = (details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(chained.map(|inner| Wire { inner, buffers: LazyBuffers::new(input, output), is_begun: false }))
    }
}

/// A connection on which `ICY` is read as `HTTP/1.0`.
#[derive(Debug)]
pub(super) struct Wire<In> {
    inner: In,
    buffers: LazyBuffers,
    is_begun: bool,
}

impl<In: Transport> Wire<In> {
    /// Takes over what has come, as far as it fits.
    fn take_over(&mut self) -> bool {
        let waiting = self.inner.buffers().input();
        let room = self.buffers.input_append_buf();
        if !self.is_begun {
            let is_icy = waiting.starts_with(ICY);
            if !is_icy && ICY.starts_with(waiting) {
                // Too little to tell.
                return false;
            }
            self.is_begun = true;
            if is_icy && room.len() > HTTP.len() {
                room[..HTTP.len()].copy_from_slice(HTTP);
                self.buffers.input_appended(HTTP.len());
                self.inner.buffers().input_consume(ICY.len());
                return true;
            }
        }
        let count = waiting.len().min(room.len());
        room[..count].copy_from_slice(&waiting[..count]);
        self.buffers.input_appended(count);
        self.inner.buffers().input_consume(count);
        count > 0
    }
}

impl<In: Transport> Transport for Wire<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.is_begun = false;
        let output = &self.buffers.output()[..amount];
        self.inner.buffers().output()[..amount].copy_from_slice(output);
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if !self.inner.buffers().input().is_empty() && self.take_over() {
            return Ok(true);
        }
        while self.inner.await_input(timeout)? {
            if self.take_over() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
