//! Control messages on a QUIC stream: type, length, body.
//!
//! ```text
//! 0        2            6
//! | type u16 | length u32 | body (postcard), `length` bytes |      big-endian
//! ```

use super::Error;

/// Bytes before a body.
pub const HEADER_LEN: usize = 6;

/// The longest body. A member list of five hundred machines is well below.
pub const MAX_BODY: u32 = 256 * 1024;

/// A control message that has not been understood yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the body is; unknown types are skipped.
    pub kind: u16,
    /// The postcard bytes.
    pub body: Vec<u8>,
}

impl Frame {
    /// The message as it stands on the stream.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN + self.body.len());
        bytes.extend_from_slice(&self.kind.to_be_bytes());
        bytes.extend_from_slice(&u32::try_from(self.body.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Cuts a byte stream into control messages. Holds at most one unfinished message.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: Vec<u8>,
}

impl FrameReader {
    /// Takes bytes as they come from the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, or `None` until more bytes come.
    ///
    /// # Errors
    /// [`Error::TooLong`]: the stream cannot be read any further and should be closed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Error> {
        let Some((header, rest)) = self.buffer.split_first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let kind = u16::from_be_bytes([header[0], header[1]]);
        let length = u32::from_be_bytes([header[2], header[3], header[4], header[5]]);
        if length > MAX_BODY {
            return Err(Error::TooLong(length));
        }
        let length = usize::try_from(length).map_err(|_| Error::TooLong(length))?;
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let frame = Frame { kind, body: body.to_vec() };
        self.buffer.drain(..HEADER_LEN + length);
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_being_cut_anywhere() {
        let frames = [
            Frame { kind: 1, body: b"one".to_vec() },
            Frame { kind: 0xfffe, body: vec![] },
            Frame { kind: 3, body: vec![7; 1000] },
        ];
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        for step in [1, 2, 5, 6, 7, 500, bytes.len()] {
            let mut reader = FrameReader::default();
            let mut seen = Vec::new();
            for chunk in bytes.chunks(step) {
                reader.push(chunk);
                while let Some(frame) = reader.next_frame().unwrap() {
                    seen.push(frame);
                }
            }
            assert_eq!(seen, frames);
        }
    }

    #[test]
    fn an_endless_message_is_refused_at_its_header() {
        let mut reader = FrameReader::default();
        reader.push(&[0, 1, 0xff, 0, 0, 0]);
        assert_eq!(reader.next_frame(), Err(Error::TooLong(0xff00_0000)));
    }
}
