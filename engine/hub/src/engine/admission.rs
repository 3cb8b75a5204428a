//! Who may come in.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Instant,
};

use nix::net::if_::InterfaceFlags;
use tracing::{info, warn};
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
use crate::house::ConnectionId;

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
        let handle = self.handle.clone();
        tokio::spawn(async move {
            let asked = hello.clone();
            let Some(verdict) = handle.household(move |household| decide(household, peer, &asked)).await else {
                return;
            };
            handle
                .call(move |engine, now| match verdict {
                    Verdict::Admit(members) => {
                        info!("node \"{}\" ({peer}) is connected", hello.name);
                        engine.house.admit(now, id, hello, members);
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

fn decide(household: &mut HubHousehold, peer: PeerId, hello: &Hello) -> Verdict {
    if hello.household.is_some_and(|theirs| theirs != household.household_id()) {
        let text = "the node belongs to another household; delete its state folder to have it join this one";
        return Verdict::Refuse(RefuseReason::OtherHousehold, text.into());
    }
    if household.role_of(peer).is_none() {
        let Some(secret) = &hello.join else {
            let text = "the node is not a member of this household; make a token with `unisono token` and start it with \
                        --join TOKEN";
            return Verdict::Refuse(RefuseReason::NotAMember, text.into());
        };
        if let Err(error) = household.redeem(secret, peer, &hello.name, unix_now()) {
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
