//! What one listener reads of a live input.

use std::sync::{Arc, Mutex};

use super::{
    discipline::Line,
    input::{Shared, locked},
};
use crate::{Description, Error, RawFormat, Source};

/// A live input as one listener has it. It never waits and never ends: where there is no sound it is silent.
pub struct LiveSource {
    shared: Arc<Shared>,
    line: Arc<Mutex<Line>>,
    description: Description,
}

impl LiveSource {
    pub(super) fn new(name: &str, format: RawFormat, shared: Arc<Shared>, line: Arc<Mutex<Line>>) -> Self {
        let description = Description {
            title: name.into(),
            frames: None,
            codec: "PCM".into(),
            original_rate: format.rate().hertz(),
            original_channels: format.channels().into(),
            bits: Some(format.bits().into()),
        };
        Self { shared, line, description }
    }
}

impl Source for LiveSource {
    fn read(&mut self, out: &mut [f32]) -> Result<usize, Error> {
        self.shared.read(&self.line, out);
        Ok(out.len() / locked(&self.line).channels())
    }

    /// It is always read where it is.
    fn seek(&mut self, _frame: u64) -> Result<(), Error> {
        Ok(())
    }

    fn description(&self) -> &Description {
        &self.description
    }

    fn is_live(&self) -> bool {
        true
    }
}

impl Drop for LiveSource {
    fn drop(&mut self) {
        self.shared.leave(&self.line);
    }
}
