//! Where there are metrics to be read, in the form that Prometheus' HTTP service discovery takes.
//!
//! The hub shows what its nodes report, so reading the hub is enough for most. A node answers on its own machine alone, and
//! is listed for a Prometheus that is there, too. One that says it is anywhere else is not believed: a Prometheus would
//! take the token there with which it reads the hub.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use serde::Serialize;
use unisono_core::wire::ids::PeerId;

use crate::engine::EngineHandle;

/// Where metrics are.
const PATH: &str = "/metrics";

/// One entry.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TargetGroup {
    targets: [String; 1],
    labels: BTreeMap<&'static str, String>,
}

impl TargetGroup {
    fn new(target: String, role: &str, machine: &str) -> Self {
        let labels = BTreeMap::from([
            ("__scheme__", "http".into()),
            ("__metrics_path__", PATH.into()),
            ("role", role.into()),
            ("machine", machine.into()),
        ]);
        Self { targets: [target], labels }
    }
}

/// Where somebody who has reached the hub as `authority` finds metrics: here, and on the nodes that are in his reach.
/// `None` when the hub is stopping.
pub(crate) async fn targets(engine: &EngineHandle, authority: &str) -> Option<Vec<TargetGroup>> {
    let names = engine.household(|household| household.config().members.clone()).await?;
    let asks_here = is_loopback(authority);
    let (hub, nodes) = engine
        .call(move |engine, _| {
            let here = engine.house().name().to_owned();
            let peers = engine.house().members().iter().copied().collect::<Vec<PeerId>>();
            let reach = peers.into_iter().filter_map(|peer| {
                let (api, from) = (engine.house().api_of(peer)?, engine.address_of(peer)?);
                Some((peer, reachable(api, from.ip(), asks_here)?))
            });
            let reach: Vec<(PeerId, SocketAddr)> = reach.collect();
            (here, reach)
        })
        .await?;
    let hub = TargetGroup::new(authority.into(), "hub", &hub);
    let nodes = nodes.into_iter().map(|(peer, address)| {
        let name = names.get(&peer).map_or("unnamed", |member| &member.name);
        TargetGroup::new(address.to_string(), "node", name)
    });
    Some([hub].into_iter().chain(nodes).collect())
}

/// Where a node's API is for whoever asks; `None` when it is out of reach. `from` is where the node is connected from.
fn reachable(api: SocketAddr, from: IpAddr, asks_here: bool) -> Option<SocketAddr> {
    let api = SocketAddr::new(api.ip().to_canonical(), api.port());
    let is_here = asks_here && from.to_canonical().is_loopback();
    (is_here && api.ip().is_loopback() && api.port() != 0).then_some(api)
}

/// Whether somebody who calls the hub so is on its machine.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_listed_for_whoever_asks_on_its_own_machine_and_for_nobody_else() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let from = |text: &str| text.parse::<IpAddr>().unwrap();
        for (api, comes_from, asks_here, listed) in [
            ("127.0.0.1:8481", "127.0.0.1", true, Some("127.0.0.1:8481")),
            ("127.0.0.1:8481", "::ffff:127.0.0.1", true, Some("127.0.0.1:8481")),
            ("127.0.0.1:8481", "127.0.0.1", false, None),
            ("127.0.0.1:8481", "192.168.1.7", true, None),
            ("0.0.0.0:8481", "192.168.1.7", false, None),
            ("0.0.0.0:8481", "127.0.0.1", true, None),
            ("192.168.1.7:8481", "192.168.1.7", false, None),
            ("169.254.169.254:80", "192.168.1.7", true, None),
            ("127.0.0.1:0", "127.0.0.1", true, None),
        ] {
            let found = reachable(at(api), from(comes_from), asks_here);
            assert_eq!(found, listed.map(at), "{api} from {comes_from}, asked here: {asks_here}");
        }
        for (authority, here) in [
            ("localhost:8480", true),
            ("127.0.0.1", true),
            ("[::1]:8480", true),
            ("192.168.1.2:8480", false),
            ("attic.local:8480", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(authority), here, "{authority}");
        }
    }
}
