//! Sources one behind the other, without a frame between them or a frame too many.
//!
//! Where two of them have one rate, the change of that rate runs on from one into the other: a recording that was cut
//! into tracks comes out as it was before the cut, filters included. The border between two tracks then lies where it
//! does in the recording, to the nearest frame.

use std::fmt;

use crate::{Damage, Error, Source, convert::Converter};

/// A change of rate on its way from one source to the next, with what it still holds of the first.
pub struct Joint {
    converter: Box<Converter>,
    rates: (u32, u32),
    channels: usize,
}

impl fmt::Debug for Joint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Joint({} to {} Hz)", self.rates.0, self.rates.1)
    }
}

impl Joint {
    pub(crate) fn new(converter: Converter, rates: (u32, u32), channels: usize) -> Self {
        Self { converter: Box::new(converter), rates, channels }
    }

    pub(crate) const fn rates(&self) -> (u32, u32) {
        self.rates
    }

    pub(crate) const fn channels(&self) -> usize {
        self.channels
    }

    pub(crate) fn into_converter(self) -> Converter {
        *self.converter
    }
}

/// What a read of a [`Chain`] has brought.
pub enum Piece {
    /// So many frames were written.
    Frames(usize),
    /// The source that was to follow has its turn: its first frame comes so many frames from here. The one before is
    /// given back; it can be sought.
    Next(u64, Box<dyn Source>),
    /// What there is ends so many frames from here, unless something [follows](Chain::follow). Until that, or until it
    /// is [finished](Chain::finish), every read says so.
    Dry(u64),
    /// All has been read.
    End,
}

/// A source, and the one that follows it.
pub struct Chain {
    current: Box<dyn Source>,
    next: Option<Box<dyn Source>>,
    /// Whether `current` has nothing more to give, but for what is held.
    is_dry: bool,
    is_finished: bool,
    /// The end of `current`, as long as it is not known what follows.
    held: Option<Joint>,
    /// An end that nothing goes on from; it comes before all else.
    tail: Option<Box<Converter>>,
}

impl Chain {
    /// Begins with a source, wherever that stands.
    pub fn new(mut source: Box<dyn Source>) -> Self {
        source.hold_end();
        Self { current: source, next: None, is_dry: false, is_finished: false, held: None, tail: None }
    }

    /// Says what comes behind the source that is read now, instead of what was said before; `None` for nothing yet.
    pub fn follow(&mut self, next: Option<Box<dyn Source>>) {
        self.next = next;
    }

    /// Nothing follows: the last frames come, then the end.
    pub fn finish(&mut self) {
        self.is_finished = true;
        self.next = None;
    }

    /// Goes on with another frame of the source that is read now.
    ///
    /// # Errors
    /// When the system cannot read there.
    pub fn seek(&mut self, frame: u64) -> Result<(), Error> {
        (self.is_dry, self.is_finished, self.held, self.tail) = (false, false, None, None);
        self.current.seek(frame)
    }

    /// Where the source that is read now is damaged.
    pub fn damage(&self) -> Option<Damage> {
        self.current.damage()
    }

    /// What is to be heard where it is read now, as [`Source::title_now`].
    pub fn title_now(&self) -> Option<&str> {
        self.current.title_now()
    }

    /// Why the source that is read now is silent, as [`Source::trouble`].
    pub fn trouble(&self) -> Option<&str> {
        self.current.trouble()
    }

    /// Whether the source that is read now comes only as it is made, as [`Source::is_live`].
    pub fn is_live(&self) -> bool {
        self.current.is_live()
    }

    /// The source that is read now.
    pub fn into_current(self) -> Box<dyn Source> {
        self.current
    }

    /// Writes interleaved frames, or says why there are none.
    ///
    /// # Errors
    /// When the system cannot read on. What was held back by then comes once something follows, or it is finished.
    pub fn read(&mut self, out: &mut [f32]) -> Result<Piece, Error> {
        loop {
            if let Some(tail) = &mut self.tail {
                let frames = tail.read(out);
                if frames > 0 {
                    return Ok(Piece::Frames(frames));
                }
                self.tail = None;
            }
            if !self.is_dry {
                let frames = self.current.read(out);
                if !matches!(frames, Ok(0)) {
                    self.is_dry = frames.is_err();
                    return frames.map(Piece::Frames);
                }
                self.is_dry = true;
                self.held = self.current.hand_over();
            }
            if let Some(next) = self.next.take() {
                return Ok(self.go_over(next));
            }
            if !self.is_finished {
                return Ok(Piece::Dry(self.owed()));
            }
            if self.held.is_none() {
                return Ok(Piece::End);
            }
            self.let_go();
        }
    }

    fn owed(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.converter.owed())
    }

    fn go_over(&mut self, mut next: Box<dyn Source>) -> Piece {
        let owed = self.owed();
        next.hold_end();
        self.held = self.held.take().and_then(|held| next.take_over(held).err());
        self.let_go();
        self.is_dry = false;
        Piece::Next(owed, std::mem::replace(&mut self.current, next))
    }

    /// What is held comes out, and nothing is put behind it.
    fn let_go(&mut self) {
        if let Some(mut held) = self.held.take() {
            held.converter.finish();
            self.tail = Some(held.converter);
        }
    }
}
