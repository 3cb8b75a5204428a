//! Clock packets: they share the UDP port with QUIC but are not QUIC.
//!
//! The two top bits of their first byte are clear, which no QUIC packet has. Each ends in an authentication tag that
//! the transport adds and checks with a key from the TLS exporter; the fields here are what the tag covers. A probe
//! goes from a node to its hub, a report back. A transmit stamp is taken at the send call and therefore travels in the
//! *next* report (two-step, as in PTP).

use super::{Error, Reader, ids::ClockTag};
use crate::time::{HubClock, Timestamp};

/// First byte of a probe.
pub const PROBE: u8 = 0x01;

/// First byte of a report.
pub const REPORT: u8 = 0x02;

/// Bytes that every clock packet starts with, up to and including its sequence number.
pub const HEADER_LEN: usize = 16;

/// Bytes of the authentication tag at the end (ChaCha20-Poly1305 over all the rest).
pub const TAG_LEN: usize = 16;

/// Transmit stamps of earlier reports carried in each report: one lost report loses no sample.
pub const TRANSMIT_STAMPS: usize = 2;

/// Receive stamps of probes carried in one report.
pub const MAX_ECHOES: usize = 16;

const ECHO_LEN: usize = 16;

/// Whether a UDP payload is a clock packet rather than QUIC.
pub fn is_clock_packet(first_byte: u8) -> bool {
    first_byte & 0xc0 == 0
}

/// What every clock packet starts with; enough to find the key that checks the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// [`PROBE`] or [`REPORT`].
    pub kind: u8,
    /// The connection that the packet belongs to.
    pub tag: ClockTag,
    /// Counts the sender's packets of this kind on this connection from 1; never repeats, and is the tag's nonce.
    pub sequence: u64,
}

impl Header {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is short or no clock packet.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        let kind = reader.u8()?;
        if kind != PROBE && kind != REPORT {
            return Err(Error::Kind(kind));
        }
        reader.array::<3>()?;
        Ok(Self { kind, tag: ClockTag(reader.u32()?), sequence: reader.u64()? })
    }
}

/// From a node: "stamp this, and answer".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The connection that the packet belongs to.
    pub tag: ClockTag,
    /// Counts this node's probes on this connection from 1.
    pub sequence: u64,
    /// The interval at which the node would have reports, in milliseconds, 10 to 255: some more follow the one that
    /// answers.
    pub report_interval_ms: u8,
}

impl Probe {
    /// The probe without its tag.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = PROBE;
        bytes[1] = self.report_interval_ms;
        bytes[4..8].copy_from_slice(&self.tag.0.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// Reads a probe whose tag has been checked and cut off; bytes behind its fields are ignored.
    ///
    /// # Errors
    /// When it is short or of another kind.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let header = Header::parse(bytes)?;
        if header.kind != PROBE {
            return Err(Error::Kind(header.kind));
        }
        let report_interval_ms = bytes.get(1).copied().ok_or(Error::TooShort)?.max(10);
        Ok(Self { tag: header.tag, sequence: header.sequence, report_interval_ms })
    }
}

/// When a probe arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// The probe's sequence number.
    pub sequence: u64,
    /// When the hub received it.
    pub received: Timestamp<HubClock>,
}

/// From a hub: when it sent its last reports, and when the latest probes arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The connection that the packet belongs to.
    pub tag: ClockTag,
    /// Counts this hub's reports on this connection from 1.
    pub sequence: u64,
    /// When reports `sequence - 1`, `sequence - 2` were handed to the network; `None` where there was none.
    pub sent: [Option<Timestamp<HubClock>>; TRANSMIT_STAMPS],
    /// The hub answers no more often than this, in milliseconds, however often it is asked; 0 while it answers at once.
    pub least_interval_ms: u8,
    /// Probes that arrived since, at most [`MAX_ECHOES`].
    pub echoes: Vec<Echo>,
}

/// Stands for "no stamp".
const NO_STAMP: i64 = i64::MIN;

impl Report {
    /// The report without its tag; echoes beyond [`MAX_ECHOES`] are left out.
    pub fn encode(&self) -> Vec<u8> {
        let echoes = &self.echoes[..self.echoes.len().min(MAX_ECHOES)];
        let mut bytes = Vec::with_capacity(HEADER_LEN + 8 * TRANSMIT_STAMPS + ECHO_LEN * echoes.len() + TAG_LEN);
        bytes.push(REPORT);
        bytes.push(u8::try_from(echoes.len()).expect("at most MAX_ECHOES"));
        bytes.extend_from_slice(&[self.least_interval_ms, 0]);
        bytes.extend_from_slice(&self.tag.0.to_be_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        for sent in self.sent {
            bytes.extend_from_slice(&sent.map_or(NO_STAMP, Timestamp::as_nanos).to_be_bytes());
        }
        for echo in echoes {
            bytes.extend_from_slice(&echo.sequence.to_be_bytes());
            bytes.extend_from_slice(&echo.received.as_nanos().to_be_bytes());
        }
        bytes
    }

    /// Reads a report whose tag has been checked and cut off; bytes behind its fields are ignored.
    ///
    /// # Errors
    /// When it is short, of another kind, or holds too many echoes.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let header = Header::parse(bytes)?;
        if header.kind != REPORT {
            return Err(Error::Kind(header.kind));
        }
        let [_, count, least_interval_ms, ..] = *bytes else { return Err(Error::TooShort) };
        let count = usize::from(count);
        if count > MAX_ECHOES {
            return Err(Error::Field("count"));
        }
        let mut reader = Reader::new(bytes.get(HEADER_LEN..).ok_or(Error::TooShort)?);
        let mut sent = [None; TRANSMIT_STAMPS];
        for stamp in &mut sent {
            *stamp = Some(reader.i64()?).filter(|nanos| *nanos != NO_STAMP).map(Timestamp::from_nanos);
        }
        let echoes = (0..count)
            .map(|_| Ok(Echo { sequence: reader.u64()?, received: Timestamp::from_nanos(reader.i64()?) }))
            .collect::<Result<_, Error>>()?;
        Ok(Self { tag: header.tag, sequence: header.sequence, sent, least_interval_ms, echoes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_these_bytes_both_ways() {
        let probe = Probe { tag: ClockTag(0x0102_0304), sequence: 9, report_interval_ms: 20 };
        let bytes = [0x01, 20, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 9];
        assert_eq!(probe.encode(), bytes);
        assert_eq!(Probe::parse(&bytes), Ok(probe));
        assert!(is_clock_packet(bytes[0]));
        assert_eq!(Report::parse(&bytes), Err(Error::Kind(PROBE)));
    }

    #[test]
    fn a_report_is_these_bytes_both_ways() {
        let report = Report {
            tag: ClockTag(5),
            sequence: 2,
            sent: [Some(Timestamp::from_nanos(0x10)), None],
            least_interval_ms: 7,
            echoes: vec![Echo { sequence: 3, received: Timestamp::from_nanos(-1) }],
        };
        #[rustfmt::skip]
        let bytes = [
            0x02, 1, 7, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 2,
            0, 0, 0, 0, 0, 0, 0, 0x10, 0x80, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ];
        assert_eq!(report.encode(), bytes);
        assert_eq!(Report::parse(&bytes), Ok(report));
        assert_eq!(Report::parse(&bytes[..40]), Err(Error::TooShort));
    }

    #[test]
    fn no_quic_packet_looks_like_a_clock_packet() {
        for quic in 0x40..=0xff {
            assert!(!is_clock_packet(quic));
        }
    }
}
