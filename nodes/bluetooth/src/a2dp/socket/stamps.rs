//! When the adapter has sent a packet, by its own account: the kernel's transmit stamps (Linux 6.15 and later,
//! `SOF_TIMESTAMPING_TX_COMPLETION`, Documentation/networking/timestamping.rst). They come through the socket's queue of
//! errors, a message of control data alone for each packet, with the packet's number and the wall clock's time.
//!
//! As with all stamps of the kernel's, the wall clock serves for an age alone. Of a packet that the adapter takes in
//! pieces the first is stamped. Adapters are known that forget some. Real-time once they are on.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::{
    libc,
    sys::{
        socket::{MsgFlags, TimestampingFlag, recvmsg, setsockopt, sockopt::Timestamping},
        time::TimeValLike,
    },
    time::{ClockId, clock_gettime},
};
use unisono_core::time::{Nanos, NodeClock, Timestamp};
use unisono_transport::clock;

/// Packets that may be on their way; the socket has room for far fewer.
const PENDING: usize = 32;

/// What took longer, or was stamped longer ago, is no measurement: a clock was set.
const MOST: Nanos = Nanos::from_secs(1);

/// Without a stamp for so long there are none any more.
const SILENCE: Nanos = Nanos::from_secs(2);

/// Messages read at once: two for each packet is what there may be.
const MESSAGES: usize = 2 * PENDING;

/// `SOF_TIMESTAMPING_TX_COMPLETION` in `linux/net_tstamp.h`.
const COMPLETION: u32 = 1 << 18;

/// In `linux/errqueue.h`: the adapter has reported a packet as sent (`SCM_TSTAMP_COMPLETION`), and a message is of stamps.
const SENT: u32 = 3;
const OF_STAMPS: u8 = 4;

/// Control data with a `sock_extended_err` in it: `BT_SCM_ERROR` of `SOL_BLUETOOTH`, and `IP_RECVERR`, as which sockets of
/// the Internet have the same.
const EXTENDED: [(i32, i32); 2] = [(274, 4), (libc::IPPROTO_IP, libc::IP_RECVERR)];

/// The stamps of a socket, switched on.
#[derive(Debug)]
pub(super) struct Stamps {
    /// The kind that is waited for.
    kind: u32,
    /// The number of the packet that is sent next, as the kernel counts.
    next: u32,
    /// Packets on their way: number, and when they were handed over.
    pending: [Option<(u32, Timestamp<NodeClock>)>; PENDING],
    /// How long one took, and when that was known.
    last: Option<(Nanos, Timestamp<NodeClock>)>,
}

impl Stamps {
    /// Switches them on; `None` where the kernel has none.
    pub(super) fn begin(socket: &OwnedFd) -> Option<Self> {
        Self::of_kind(socket, COMPLETION, SENT)
    }

    fn of_kind(socket: &OwnedFd, with: u32, kind: u32) -> Option<Self> {
        use TimestampingFlag as Flag;
        let software = Flag::SOF_TIMESTAMPING_SOFTWARE | Flag::SOF_TIMESTAMPING_TX_SOFTWARE;
        let numbered = Flag::SOF_TIMESTAMPING_OPT_ID | Flag::SOF_TIMESTAMPING_OPT_TSONLY;
        // Numbers begin with 0 where they were off.
        end(socket);
        setsockopt(socket, Timestamping, &(software | numbered | Flag::from_bits_retain(with))).ok()?;
        Some(Self { kind, next: 0, pending: [None; PENDING], last: None })
    }

    /// A packet has been handed over, at that time.
    pub(super) fn handed_over(&mut self, at: Timestamp<NodeClock>) {
        self.pending[self.next as usize % PENDING] = Some((self.next, at));
        self.next = self.next.wrapping_add(1);
    }

    /// Reads what has come; gives how long a packet took last from handing it over until it was sent. `None` while nothing
    /// is known of that.
    pub(super) fn read(&mut self, socket: &OwnedFd) -> Option<Nanos> {
        let mut control = Control::default();
        for _ in 0..MESSAGES {
            let Some(read) = control.read(socket) else { break };
            if let Some(stamp) = parse(read) {
                self.take(stamp, clock::now(), wall_clock());
            }
        }
        let (took, known) = self.last?;
        (clock::now() - known < SILENCE).then_some(took)
    }

    /// Takes a stamp that was read now.
    fn take(&mut self, stamp: Stamp, now: Timestamp<NodeClock>, wall: Nanos) {
        if stamp.kind != self.kind {
            return;
        }
        let place = &mut self.pending[stamp.number as usize % PENDING];
        let Some((_, handed_over)) = place.take_if(|(number, _)| *number == stamp.number) else { return };
        let age = wall - stamp.at;
        let took = (now - age) - handed_over;
        let possible = Nanos::ZERO..=MOST;
        if possible.contains(&age) && possible.contains(&took) {
            self.last = Some((took, now));
        }
    }
}

/// Switches them off, and drops what has not been read: the socket may be `BlueZ`'s to go on with.
pub(super) fn end(socket: &OwnedFd) {
    let _ = setsockopt(socket, Timestamping, &TimestampingFlag::empty());
    let mut control = Control::default();
    let _ = (0..MESSAGES).all(|_| control.read(socket).is_some());
}

/// What the kernel says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    kind: u32,
    number: u32,
    /// Since 1970.
    at: Nanos,
}

/// Room for control data, aligned as the C library wants it.
#[repr(align(16))]
struct Control([u8; 256]);

impl Default for Control {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Control {
    /// The control data of the next message in the queue of errors, with zeros behind it.
    fn read(&mut self, socket: &OwnedFd) -> Option<&[u8]> {
        self.0.fill(0);
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        recvmsg::<()>(socket.as_raw_fd(), &mut [], Some(&mut self.0), flags).ok()?;
        Some(&self.0)
    }
}

/// Reads control data: pieces with a length, a level and a type each (cmsg(3)), two of which make a stamp.
fn parse(mut control: &[u8]) -> Option<Stamp> {
    let (mut at, mut of) = (None, None);
    while let Some((piece, rest)) = next_piece(control) {
        control = rest;
        if (piece.level, piece.kind) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) {
            at = time(piece.data);
        } else if EXTENDED.contains(&(piece.level, piece.kind)) {
            of = extended(piece.data);
        }
    }
    let (kind, number) = of?;
    Some(Stamp { kind, number, at: at? })
}

struct Piece<'a> {
    level: i32,
    kind: i32,
    data: &'a [u8],
}

fn next_piece(control: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    let (length, rest) = control.split_first_chunk::<WORD>()?;
    let length = usize::from_ne_bytes(*length);
    let (level, rest) = rest.split_first_chunk()?;
    let (kind, _) = rest.split_first_chunk()?;
    let data = control.get(WORD + 8..length)?;
    let piece = Piece { level: i32::from_ne_bytes(*level), kind: i32::from_ne_bytes(*kind), data };
    Some((piece, control.get(length.next_multiple_of(WORD)..).unwrap_or_default()))
}

/// The first of the three `timespec`s of a `scm_timestamping`: the software's.
fn time(data: &[u8]) -> Option<Nanos> {
    let (seconds, rest) = data.split_first_chunk::<WORD>()?;
    let (nanos, _) = rest.split_first_chunk::<WORD>()?;
    let (seconds, nanos) = (isize::from_ne_bytes(*seconds), isize::from_ne_bytes(*nanos));
    let span = Nanos::from_secs(i64::try_from(seconds).ok()?) + Nanos::new(i64::try_from(nanos).ok()?);
    (span > Nanos::ZERO).then_some(span)
}

/// What a `sock_extended_err` is of: which kind of stamp, and which packet.
fn extended(data: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| Some(u32::from_ne_bytes(data.get(at..at + 4)?.try_into().ok()?));
    let is_of_stamps = data.get(4) == Some(&OF_STAMPS) && word(0)? == libc::ENOMSG.cast_unsigned();
    if is_of_stamps { Some((word(8)?, word(12)?)) } else { None }
}

fn wall_clock() -> Nanos {
    clock_gettime(ClockId::CLOCK_REALTIME).map_or(Nanos::ZERO, |time| Nanos::new(time.num_nanoseconds()))
}

/// Bytes of a machine word, by which control data is aligned.
const WORD: usize = size_of::<usize>();

#[cfg(test)]
mod tests {
    use std::{net::UdpSocket, thread, time::Duration};

    use super::*;

    /// `SCM_TSTAMP_SND`: a packet has been given to the device.
    const GIVEN: u32 = 0;

    /// A socket that sends to itself, whose kernel stamps what is given to the device.
    fn stamped() -> (UdpSocket, OwnedFd) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(socket.local_addr().unwrap()).unwrap();
        let fd = socket.try_clone().unwrap().into();
        (socket, fd)
    }

    #[test]
    fn the_kernels_stamps_are_read_and_tell_how_long_a_packet_took() {
        let (socket, fd) = stamped();
        let mut stamps = Stamps::of_kind(&fd, 0, GIVEN).expect("every kernel has these");
        assert_eq!(stamps.read(&fd), None, "nothing was sent");
        for number in 0..3 * PENDING {
            let before = clock::now();
            stamps.handed_over(before);
            socket.send(&[7; 600]).unwrap();
            let after: Timestamp<NodeClock> = clock::now();
            // Read late, as it is in earnest: an age is taken off.
            thread::sleep(Duration::from_millis(u64::from(number % 8 == 0) * 20));
            let mut read = None;
            let allocated = allocation_counter::measure(|| read = stamps.read(&fd)).count_total;
            assert_eq!(allocated, 0, "the sender allocates nothing");
            let took = read.unwrap_or_else(|| panic!("packet {number} was not stamped: {stamps:?}"));
            // The two clocks are not read at once.
            assert!(took <= after - before + Nanos::from_micros(500), "{took} of {}", after - before);
            assert!(stamps.pending.iter().all(Option::is_none), "packet {number}");
        }
        end(&fd);
        socket.send(&[7; 600]).unwrap();
        assert_eq!(Control::default().read(&fd), None, "off is off");
        // Numbers begin anew.
        let mut stamps = Stamps::of_kind(&fd, 0, GIVEN).unwrap();
        stamps.handed_over(clock::now());
        socket.send(&[7; 600]).unwrap();
        assert!(stamps.read(&fd).is_some());
    }

    #[test]
    fn a_kind_that_is_not_waited_for_and_a_packet_that_was_never_sent_tell_nothing() {
        let (socket, fd) = stamped();
        let mut stamps = Stamps::of_kind(&fd, 0, SENT).unwrap();
        stamps.handed_over(clock::now());
        socket.send(&[7; 600]).unwrap();
        assert_eq!(stamps.read(&fd), None);
        let (now, wall) = (clock::now(), wall_clock());
        let stamp = Stamp { kind: SENT, number: 0, at: wall };
        stamps.take(Stamp { number: 7, ..stamp }, now, wall);
        stamps.take(Stamp { kind: GIVEN, ..stamp }, now, wall);
        assert_eq!(stamps.last, None);
        stamps.take(stamp, now, wall);
        stamps.take(stamp, now + SILENCE, wall + SILENCE);
        assert_eq!(stamps.last.map(|(_, known)| known), Some(now), "it is told once");
    }

    #[test]
    fn a_wall_clock_that_was_set_meanwhile_tells_nothing() {
        for step in
            [Nanos::from_secs(3_600), -Nanos::from_secs(3_600), Nanos::from_millis(1_100), -Nanos::from_millis(9)]
        {
            let (_, fd) = stamped();
            let mut stamps = Stamps::of_kind(&fd, 0, SENT).unwrap();
            let (now, wall) = (clock::now(), Nanos::from_secs(1_800_000_000));
            stamps.handed_over(now);
            let later = now + Nanos::from_millis(5);
            stamps.take(Stamp { kind: SENT, number: 0, at: wall }, later, wall + Nanos::from_millis(5) + step);
            assert_eq!(stamps.last, None, "{step}");
        }
    }

    /// A piece of control data.
    fn piece(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
        let mut bytes = (WORD + 8 + data.len()).to_ne_bytes().to_vec();
        bytes.extend([level.to_ne_bytes(), kind.to_ne_bytes()].concat());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(WORD), 0);
        bytes
    }

    /// As the kernel writes them for a Bluetooth socket (`__skb_complete_tx_timestamp` and `sock_recv_errqueue` in 6.15).
    fn message(kind: u32, number: u32) -> Vec<u8> {
        let mut time = [0_isize; 6];
        (time[0], time[1]) = (1_800_000_000, 123_456_789);
        let time: Vec<u8> = time.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut error = 42_u32.to_ne_bytes().to_vec();
        error.extend([OF_STAMPS, 0, 0, 0]);
        error.extend([kind.to_ne_bytes(), number.to_ne_bytes()].concat());
        // An address follows, which no Bluetooth socket has.
        error.extend([0; 16]);
        [piece(libc::SOL_SOCKET, libc::SCM_TIMESTAMPING, &time), piece(274, 4, &error)].concat()
    }

    #[test]
    fn what_a_bluetooth_socket_says_is_read() {
        let at = Nanos::from_secs(1_800_000_000) + Nanos::new(123_456_789);
        let mut bytes = message(SENT, 70_000);
        assert_eq!(parse(&bytes), Some(Stamp { kind: SENT, number: 70_000, at }));
        bytes.resize(256, 0);
        assert_eq!(parse(&bytes), Some(Stamp { kind: SENT, number: 70_000, at }), "with zeros behind it");
        let half = message(SENT, 1);
        let time = WORD + 8 + 6 * WORD;
        assert_eq!((parse(&half[..time]), parse(&half[time..])), (None, None), "half of it says nothing");
    }

    #[test]
    fn no_bytes_do_harm() {
        let seed = fastrand::u64(..);
        println!("SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..100_000 {
            let mut bytes = message(SENT, random.u32(..));
            for _ in 0..random.u8(0..8) {
                let at = random.usize(0..bytes.len());
                bytes[at] = random.u8(..);
            }
            bytes.truncate(random.usize(0..=bytes.len()));
            let _ = parse(&bytes);
        }
    }
}
