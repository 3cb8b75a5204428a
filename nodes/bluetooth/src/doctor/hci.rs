//! What a controller says of a link: HCI's status commands over a raw socket.
//!
//! The kernel lets every process send exactly these (`hci_sec_filter`, group 5), so no privilege is needed; containers may
//! forbid such sockets altogether.

use std::{
    io,
    mem::size_of_val,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use nix::{
    libc,
    sys::{
        socket::{setsockopt, sockopt::ReceiveTimeout},
        time::{TimeVal, TimeValLike},
    },
    unistd,
};

use super::LinkFacts;
use crate::Address;

/// `BTPROTO_HCI`, `SOL_HCI`, `HCI_FILTER`, `HCIGETCONNINFO` and `ACL_LINK` of the kernel's `hci_sock.h`.
const BTPROTO_HCI: libc::c_int = 1;
const SOL_HCI: libc::c_int = 0;
const HCI_FILTER: libc::c_int = 2;
const HCIGETCONNINFO: libc::c_ulong = 0x8004_48d5;
const ACL_LINK: u8 = 1;

/// Packet types and events of HCI.
const COMMAND: u8 = 0x01;
const EVENT: u8 = 0x04;
const COMMAND_COMPLETE: u8 = 0x0e;

/// The status commands: group 5 in the upper six bits.
const READ_FAILED_CONTACTS: u16 = 0x1401;
const READ_LINK_QUALITY: u16 = 0x1403;
const READ_RSSI: u16 = 0x1405;
const READ_CHANNEL_MAP: u16 = 0x1406;

/// A controller answers in a few milliseconds.
const PATIENCE_MS: i64 = 300;
/// Events of others that may come before the answer.
const MOST_EVENTS: usize = 64;

#[repr(C)]
struct SockaddrHci {
    family: libc::sa_family_t,
    device: u16,
    channel: u16,
}

#[repr(C)]
struct HciFilter {
    types: u32,
    events: [u32; 2],
    opcode: u16,
}

/// Asks the adapter `hci<adapter>` about its link to a speaker. It waits for up to a second in all, so it is nothing for an
/// asynchronous task.
///
/// # Errors
/// There is no such connection, or the system allows no raw socket.
pub fn read_link(adapter: u16, speaker: Address) -> io::Result<LinkFacts> {
    let socket = open(adapter)?;
    let handle = handle(&socket, speaker)?;
    let ask = |opcode| ask(&socket, opcode, handle).ok().flatten();
    let mut facts = LinkFacts::new(speaker);
    facts.rssi = ask(READ_RSSI).and_then(|answer| answer.first().map(|byte| i8::from_ne_bytes([*byte])));
    facts.quality = ask(READ_LINK_QUALITY).and_then(|answer| answer.first().copied());
    facts.failed_contacts =
        ask(READ_FAILED_CONTACTS).and_then(|answer| answer.first_chunk().map(|bytes| u16::from_le_bytes(*bytes)));
    // The first byte says whether adaptive hopping is on at all.
    facts.channels = ask(READ_CHANNEL_MAP).and_then(|answer| match answer.split_first()? {
        (0, _) => None,
        (_, map) => map.first_chunk().copied(),
    });
    Ok(facts)
}

fn open(adapter: u16) -> io::Result<OwnedFd> {
    // SAFETY: plain integers go in; the descriptor that comes out belongs to nobody else.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_BLUETOOTH, libc::SOCK_RAW | libc::SOCK_CLOEXEC, BTPROTO_HCI);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(fd)
    };
    let filter = HciFilter { types: 1 << EVENT, events: [1 << COMMAND_COMPLETE, 0], opcode: 0 };
    // SAFETY: `filter` has the kernel's layout and lives until the call returns, which reads no more than its size.
    let is_set = unsafe {
        let size = length(size_of_val(&filter));
        libc::setsockopt(socket.as_raw_fd(), SOL_HCI, HCI_FILTER, (&raw const filter).cast(), size)
    };
    check(is_set)?;
    let family = libc::sa_family_t::try_from(libc::AF_BLUETOOTH).unwrap_or_default();
    let address = SockaddrHci { family, device: adapter, channel: 0 };
    // SAFETY: as above.
    let is_bound =
        unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length(size_of_val(&address))) };
    check(is_bound)?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::milliseconds(PATIENCE_MS))?;
    Ok(socket)
}

/// The number under which the controller knows the connection.
fn handle(socket: &OwnedFd, speaker: Address) -> io::Result<u16> {
    // struct hci_conn_info_req: address (least significant byte first), type, padding; then struct hci_conn_info, of which
    // the handle is the first field.
    let mut request = [0_u8; 24];
    for (to, from) in request.iter_mut().zip(speaker.0.iter().rev()) {
        *to = *from;
    }
    request[6] = ACL_LINK;
    // SAFETY: the kernel reads 8 bytes and writes the 16 after them; the buffer has both.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), HCIGETCONNINFO as _, request.as_mut_ptr()) })?;
    Ok(u16::from_ne_bytes([request[8], request[9]]))
}

/// Sends one status command and waits for its answer; `None` if the controller refuses it.
fn ask(socket: &OwnedFd, opcode: u16, handle: u16) -> io::Result<Option<Vec<u8>>> {
    let ([op_low, op_high], [low, high]) = (opcode.to_le_bytes(), handle.to_le_bytes());
    unistd::write(socket, &[COMMAND, op_low, op_high, 2, low, high])?;
    let mut buffer = [0; 260];
    for _ in 0..MOST_EVENTS {
        let read = unistd::read(socket, &mut buffer)?;
        if let Some(answer) = answer(buffer.get(..read).unwrap_or_default(), opcode, handle) {
            return Ok(answer.map(<[u8]>::to_vec));
        }
    }
    Ok(None)
}

/// What follows status and handle in the answer to a command; `None` if it is another event, `Some(None)` if it says no.
fn answer(event: &[u8], opcode: u16, handle: u16) -> Option<Option<&[u8]>> {
    let [op_low, op_high] = opcode.to_le_bytes();
    let [EVENT, COMMAND_COMPLETE, _, _, low, high, status, rest @ ..] = event else {
        return None;
    };
    if (*low, *high) != (op_low, op_high) {
        return None;
    }
    match rest.split_first_chunk() {
        Some((about, value)) if *status == 0 && u16::from_le_bytes(*about) == handle => Some(Some(value)),
        _ => Some(None),
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn length(size: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(size).unwrap_or_default()
}

const _: () = assert!(size_of::<SockaddrHci>() == 6 && size_of::<HciFilter>() == 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_other_events() {
        let rssi = [EVENT, COMMAND_COMPLETE, 7, 1, 0x05, 0x14, 0, 0x00, 0x01, 0xf6];
        assert_eq!(answer(&rssi, READ_RSSI, 0x0100), Some(Some(&[0xf6][..])));
        assert_eq!(answer(&rssi, READ_LINK_QUALITY, 0x0100), None);
        assert_eq!(answer(&rssi, READ_RSSI, 0x0101), Some(None));
        let refused = [EVENT, COMMAND_COMPLETE, 4, 1, 0x05, 0x14, 0x02];
        assert_eq!(answer(&refused, READ_RSSI, 0x0100), Some(None));
        assert_eq!(answer(&[EVENT, 0x3e, 1, 0], READ_RSSI, 0x0100), None);
        for cut in 0..7 {
            assert_eq!(answer(&rssi[..cut], READ_RSSI, 0x0100), None);
        }
    }

    #[test]
    fn a_machine_without_the_connection_says_so_and_does_not_hang() {
        assert!(read_link(200, Address([1, 2, 3, 4, 5, 6])).is_err());
    }
}
