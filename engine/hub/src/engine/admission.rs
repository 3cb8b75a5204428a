//! Who may come in.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, PoisonError},
    time::Instant,
};

use nix::net::if_::InterfaceFlags;
use tracing::{debug, info, warn};
use unisono_core::wire::{
    control::{Hello, RefuseReason, Room},
    ids::PeerId,
};
use unisono_household::{
    Error,
    config::{Command, Rejected},
    household::HubHousehold,
    token::{JoinToken, MAX_ADDRESSES},
};

use super::{Engine, EngineHandle, doubles::Present, unix_now};
use crate::{access::Attempts, house::ConnectionId};

/// What was decided.
enum Verdict {
    /// Come in; with the list to give.
    Admit(Vec<u8>),
    Refuse(RefuseReason, String),
}

impl Engine {
    /// Decides about a node. A token is redeemed on disk first, so the answer comes later.
    pub(super) fn judge(&mut self, id: ConnectionId, peer: PeerId, hello: Hello) {
        let refusals = self.refusals(id, peer);
        if refusals > 0 {
            let text = "another machine with the same key is connected: the state folder was copied. Stop one of the \
                        two, delete its state folder, and have it join anew";
            // It asks again and again; said once is enough.
            if refusals == 1 {
                warn!("node \"{}\" ({peer}) is refused: {text}", hello.name);
            }
            return self.house.refuse(id, RefuseReason::Replaced, text.into());
        }
        let Some(from) = self.links.get(&id).map(|link| link.connection.remote_address().ip()) else { return };
        let (handle, attempts) = (self.handle.clone(), Arc::clone(&self.attempts));
        tokio::spawn(async move {
            let asked = hello.clone();
            let decided = handle.household(move |household| {
                // One after the other, so that whoever asks many times at once has no more attempts than others.
                let mut attempts = attempts.lock().unwrap_or_else(PoisonError::into_inner);
                decide(household, &mut attempts, Comer { peer, from, now: Instant::now() }, &asked)
            });
            let Some(verdict) = decided.await else { return };
            handle
                .call(move |engine, now| match verdict {
                    Verdict::Admit(members) => {
                        info!("node \"{}\" ({peer}) is connected", hello.name);
                        engine.house.admit(now, id, hello, members);
                    }
                    Verdict::Refuse(RefuseReason::Full, text) => {
                        // It asks again and again.
                        debug!("node \"{}\" ({peer}) is put off: {text}", hello.name);
                        engine.house.refuse(id, RefuseReason::Full, text);
                    }
                    Verdict::Refuse(reason, text) => {
                        warn!("node \"{}\" ({peer}) is refused: {text}", hello.name);
                        engine.house.refuse(id, reason, text);
                    }
                })
                .await;
        });
    }

    /// How often the machine that has just greeted was found to be a copy of one that is there, this time included.
    fn refusals(&mut self, id: ConnectionId, peer: PeerId) -> u32 {
        let Some(comes_from) = self.links.get(&id).map(|link| link.connection.remote_address()) else { return 0 };
        let others = self.links.iter().filter(|(other, link)| **other != id && link.connection.peer() == peer);
        let newest = others.max_by_key(|(other, _)| **other).map(|(_, link)| link);
        let present = newest.filter(|_| self.house.is_online(peer));
        let present =
            present.map(|link| Present { address: link.connection.remote_address(), heard: link.heard.into() });
        self.doubles.refusals(Instant::now(), peer, comes_from, present)
    }

    /// Has a node's rooms configured as it says anew that it drives them.
    pub(super) fn meet(&self, peer: PeerId, rooms: Vec<Room>) {
        let handle = self.handle.clone();
        tokio::spawn(async move {
            let offered = rooms.clone();
            handle.household(move |household| configure(household, peer, &offered)).await;
            handle.call(move |engine, now| engine.house.meet(now, peer, rooms)).await;
        });
    }
}

impl EngineHandle {
    /// Makes a token with which `uses` nodes can join for so many seconds. `None` when the hub is stopping.
    pub async fn issue_token(&self, lifetime_s: u64, uses: u32) -> Option<Result<JoinToken, Error>> {
        let listens_at = self.listens_at;
        self.household(move |household| household.issue_token(&reachable_at(listens_at), lifetime_s, uses, unix_now()))
            .await
    }
}

/// Addresses at which others can reach something that listens here.
pub(crate) fn addresses_at(listens_at: SocketAddr) -> Vec<IpAddr> {
    reachable_at(listens_at).into_iter().map(|address| address.ip()).collect()
}

/// Addresses at which nodes can reach a hub that listens here, at most as many as a token holds; IPv4 first, since every
/// home has it. On a machine without a network its own.
fn reachable_at(listens_at: SocketAddr) -> Vec<SocketAddr> {
    if !listens_at.ip().is_unspecified() {
        return vec![listens_at];
    }
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let running = interfaces.filter(|interface| interface.flags.contains(InterfaceFlags::IFF_RUNNING));
    let mut addresses: Vec<IpAddr> = running
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .filter(|ip| match ip {
            IpAddr::V4(v4) => !v4.is_loopback(),
            IpAddr::V6(v6) => listens_at.is_ipv6() && !v6.is_loopback() && !v6.is_unicast_link_local(),
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    addresses.into_iter().map(|ip| SocketAddr::new(ip, listens_at.port())).collect()
}

/// Somebody who wants to come in.
#[derive(Clone, Copy, Debug)]
struct Comer {
    peer: PeerId,
    from: IpAddr,
    now: Instant,
}

fn decide(household: &mut HubHousehold, attempts: &mut Attempts, comer: Comer, hello: &Hello) -> Verdict {
    let Comer { peer, from, now } = comer;
    if hello.household.is_some_and(|theirs| theirs != household.household_id()) {
        let text = "the node belongs to another household; delete its state folder to have it join this one";
        return Verdict::Refuse(RefuseReason::OtherHousehold, text.into());
    }
    if household.role_of(peer).is_none() {
        let Some(secret) = &hello.join else {
            let text = "the node is not a member of this household; make a token with `unisono token`, and type \
                        `unisono --node join TOKEN` there or start it with --join TOKEN";
            return Verdict::Refuse(RefuseReason::NotAMember, text.into());
        };
        if let Err(too_many) = attempts.begin(from, now) {
            let wait_s = too_many.wait.as_millis().div_ceil(1_000);
            let text = format!("too many join tokens from {from} were not good; wait {wait_s} s before the next");
            return Verdict::Refuse(RefuseReason::Full, text);
        }
        let redeemed = household.redeem(secret, peer, &hello.name, unix_now());
        if !matches!(
            redeemed,
            Err(Error::Rejected(Rejected::TokenUnknown | Rejected::TokenUsed | Rejected::TokenExpired))
        ) {
            attempts.was_right(from);
        }
        if let Err(error) = redeemed {
            return refused(&error);
        }
        info!("node \"{}\" ({peer}) has joined the household", hello.name);
    }
    configure(household, peer, &hello.rooms);
    let held = hello.household.is_some() && hello.members_version == household.config().members_version;
    let members = if held { Vec::new() } else { household.members().to_bytes() };
    Verdict::Admit(members)
}

/// Has the configuration know a node's rooms. Where that cannot be written, those that it knows already play on.
fn configure(household: &mut HubHousehold, node: PeerId, rooms: &[Room]) {
    let rooms = rooms.iter().map(|room| (room.index, room.name.clone())).collect();
    if let Err(error) = household.apply(&Command::MeetRooms { node, rooms }) {
        warn!("the rooms of {node} are as they were known before: {error}");
    }
}

fn refused(error: &Error) -> Verdict {
    let reason = match error {
        Error::Rejected(Rejected::TokenUnknown) => RefuseReason::TokenUnknown,
        Error::Rejected(Rejected::TokenUsed) => RefuseReason::TokenUsed,
        Error::Rejected(Rejected::TokenExpired) => RefuseReason::TokenExpired,
        _ => RefuseReason::Full,
    };
    Verdict::Refuse(reason, error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use unisono_core::wire::VERSION;

    use super::*;

    const PHONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 2));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 3));

    struct Door {
        household: HubHousehold,
        attempts: Attempts,
        now: Instant,
        comers: u8,
        _folder: tempfile::TempDir,
    }

    impl Door {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let household = HubHousehold::open_or_create(folder.path(), "attic", 0).unwrap();
            Self { household, attempts: Attempts::at_long_tokens(), now: Instant::now(), comers: 0, _folder: folder }
        }

        fn token(&mut self, uses: u32) -> [u8; 16] {
            let at = SocketAddr::from(([192, 168, 1, 1], 8470));
            *self.household.issue_token(&[at], 3_600, uses, unix_now()).unwrap().secret()
        }

        /// A machine that was never there before comes with a token; why it is refused.
        fn come(&mut self, from: IpAddr, secret: [u8; 16]) -> Option<(RefuseReason, String)> {
            self.comers += 1;
            let hello = Hello {
                version: VERSION,
                name: format!("node {}", self.comers),
                household: None,
                members_version: 0,
                join: Some(secret),
                codecs: Vec::new(),
                rooms: Vec::new(),
            };
            let comer = Comer { peer: PeerId([self.comers; 32]), from, now: self.now };
            match decide(&mut self.household, &mut self.attempts, comer, &hello) {
                Verdict::Admit(_) => None,
                Verdict::Refuse(reason, text) => Some((reason, text)),
            }
        }

        fn reason(&mut self, from: IpAddr, secret: [u8; 16]) -> Option<RefuseReason> {
            self.come(from, secret).map(|(reason, _)| reason)
        }
    }

    #[test]
    fn whoever_tries_tokens_waits_longer_each_time_is_told_so_and_holds_up_nobody_else() {
        let mut door = Door::new();
        let good = door.token(2);
        for wrong in 0..3 {
            assert_eq!(door.reason(PHONE, [wrong; 16]), Some(RefuseReason::TokenUnknown));
        }
        for (wait_s, wrong) in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].into_iter().zip(10..) {
            // The right one is not even looked at.
            let (reason, text) = door.come(PHONE, good).unwrap();
            assert_eq!(reason, RefuseReason::Full);
            assert!(text.contains("192.168.1.2") && text.contains(&format!("wait {wait_s} s ")), "{text}");
            door.now += Duration::from_secs(wait_s) - Duration::from_millis(1);
            assert_eq!(door.reason(PHONE, good), Some(RefuseReason::Full));
            door.now += Duration::from_millis(1);
            assert_eq!(door.reason(PHONE, [wrong; 16]), Some(RefuseReason::TokenUnknown));
        }
        assert_eq!(door.reason(OTHER, good), None);
        door.now += Duration::from_secs(300);
        assert_eq!(door.reason(PHONE, good), None);
    }

    #[test]
    fn a_house_full_of_nodes_joins_at_once_and_members_are_never_held_up() {
        let mut door = Door::new();
        let good = door.token(100);
        for _ in 0..100 {
            assert_eq!(door.reason(PHONE, good), None);
        }
        for _ in 0..3 {
            assert_eq!(door.reason(PHONE, good), Some(RefuseReason::TokenUsed));
        }
        assert_eq!(door.reason(PHONE, good), Some(RefuseReason::Full));
        door.comers = 0;
        assert_eq!(door.reason(PHONE, good), None, "the first is a member");
    }

    #[test]
    fn many_who_try_tokens_from_many_addresses_do_not_keep_out_whoever_has_one() {
        let mut door = Door::new();
        let good = door.token(1);
        for number in 0..100 {
            let from = IpAddr::from([10, 0, 0, number]);
            assert_eq!(door.reason(from, [number; 16]), Some(RefuseReason::TokenUnknown));
        }
        assert_eq!(door.reason(PHONE, good), None);
    }
}
