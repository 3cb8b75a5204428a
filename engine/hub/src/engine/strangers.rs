//! Machines that are connected and no members: for the moment until they are let in or refused each holds a place, and
//! all of them together are not to hold those of the members.

use std::net::IpAddr;

use unisono_transport::network_of;

/// Of one address so many at a time; this machine has no limit of its own.
const MAX_OF_ONE: usize = 16;

/// In all.
pub(super) const MAX_STRANGERS: usize = 64;

/// Why one more from an address cannot be taken, beside those from the `others`.
pub(super) fn refusal(from: IpAddr, others: impl Iterator<Item = IpAddr>) -> Option<String> {
    if from.to_canonical().is_loopback() {
        return None;
    }
    let (mut all, mut of_one) = (0, 0);
    for other in others {
        all += 1;
        of_one += usize::from(network_of(other) == network_of(from));
    }
    if of_one >= MAX_OF_ONE {
        return Some(format!("{MAX_OF_ONE} machines at {from} are about to join already; try again in a moment"));
    }
    (all >= MAX_STRANGERS).then(|| "too many machines are about to join; try again in a moment".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_a_few_places_and_all_together_leave_those_of_members() {
        let mut there: Vec<IpAddr> = Vec::new();
        for host in 0..100 {
            let from = IpAddr::from([192, 168, 1, host]);
            for _ in 0..100 {
                if refusal(from, there.iter().copied()).is_none() {
                    there.push(from);
                }
            }
            assert!(there.iter().filter(|other| **other == from).count() <= MAX_OF_ONE);
        }
        assert_eq!(there.len(), MAX_STRANGERS);
        assert_eq!(refusal("127.0.0.1".parse().unwrap(), there.iter().copied()), None);
        let network = ["fd00::1"; MAX_OF_ONE].map(|address| address.parse().unwrap());
        assert!(refusal("fd00::2".parse().unwrap(), network.into_iter()).unwrap().contains("fd00::2"));
    }
}
