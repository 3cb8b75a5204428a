//! Several addresses at once; the first that answers counts (as in RFC 8305).

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use unisono_transport::Error;

/// An attempt has so long to itself before the next one starts beside it.
const STAGGER: Duration = Duration::from_millis(150);

/// Begins the attempts in their order, one as soon as another has failed or has not succeeded within [`STAGGER`], and
/// gives the first success. All others are dropped then, and when `limit` is over.
///
/// # Errors
///
/// Why the attempts failed that did, in their order.
pub(super) async fn first<A, T, E>(attempts: impl ExactSizeIterator<Item = A>, limit: Duration) -> Result<T, Vec<E>>
where
    A: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let (mut attempts, mut running, mut failed) = (attempts.enumerate(), JoinSet::new(), Vec::new());
    let end = sleep(limit);
    tokio::pin!(end);
    loop {
        if let Some((index, attempt)) = attempts.next() {
            running.spawn(async move { attempt.await.map_err(|error| (index, error)) });
        }
        let next = Instant::now() + STAGGER;
        tokio::select! {
            ended = running.join_next() => match ended {
                Some(Ok(Ok(won))) => return Ok(won),
                Some(Ok(Err(error))) => failed.push(error),
                // A panic has been printed.
                Some(Err(_)) => {}
                None => break,
            },
            () = sleep_until(next), if attempts.len() > 0 => {}
            () = &mut end => break,
        }
    }
    failed.sort_by_key(|(index, _)| *index);
    Err(failed.into_iter().map(|(_, error)| error).collect())
}

/// Of several reasons the one to show: what somebody has answered rather than silence, otherwise the first.
pub(super) fn most_telling(errors: Vec<Error>) -> Option<Error> {
    errors.into_iter().min_by_key(|error| matches!(error, Error::TimedOut { .. } | Error::Unreachable { .. }))
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Arc};

    use tokio::{net::UdpSocket, time::timeout};
    use unisono_household::keys::SecretKey;
    use unisono_transport::{Endpoint, Expect, Identity, Options};

    use super::*;

    const GENEROUS: Duration = Duration::from_secs(20);

    fn endpoint(accept: bool) -> Endpoint {
        let key = SecretKey::generate().unwrap();
        let options = Options { accept, connect_timeout: 3 * GENEROUS, ..Options::new([1; 64]) };
        let identity = Identity::from_pkcs8(key.pkcs8()).unwrap();
        Endpoint::bind(SocketAddr::from(([127, 0, 0, 1], 0)), &identity, &options).unwrap()
    }

    #[tokio::test]
    async fn addresses_that_never_answer_delay_none_and_disturb_none() {
        let (hub, node) = (endpoint(true), Arc::new(endpoint(false)));
        let mut silent = Vec::new();
        let mut addresses = Vec::new();
        // One after the other they would take longer than is waited for.
        for _ in 0..8 {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            addresses.push(socket.local_addr().unwrap());
            silent.push(socket);
        }
        addresses.insert(7, hub.local_address().unwrap());
        let attempts = addresses.into_iter().map(|address| {
            let node = Arc::clone(&node);
            async move { node.connect(address, Expect::AnyMember).await }
        });
        let connected = timeout(GENEROUS, async { tokio::join!(first(attempts, GENEROUS), hub.accept()) });
        let (at_node, at_hub) = connected.await.expect("this takes too long");
        let (at_node, at_hub) = (at_node.unwrap(), at_hub.unwrap());
        assert_eq!(at_node.peer(), hub.peer_id());
        // Both sides still talk when the others are gone for good.
        sleep(STAGGER).await;
        assert!(at_node.send_datagram(bytes::Bytes::from_static(b"still here")).is_ok());
        let heard = timeout(GENEROUS, at_hub.read_datagram()).await.expect("this takes too long");
        assert_eq!(heard.unwrap(), "still here");
    }

    #[tokio::test]
    async fn one_that_fails_makes_way_at_once_and_reasons_are_in_order() {
        let attempt = |index: usize| async move {
            if index == 0 {
                sleep(STAGGER * 4).await;
            }
            Err::<(), _>(index)
        };
        let ended = first((0..3).map(attempt), GENEROUS).await;
        assert_eq!(ended, Err(vec![0, 1, 2]));
        assert_eq!(first((0..0).map(attempt), GENEROUS).await, Err(vec![]));
        let begun = Instant::now();
        assert!(first((0..1_000).map(|index| attempt(index + 1)), Duration::MAX).await.is_err());
        assert!(begun.elapsed() < STAGGER * 1_000 / 2);
    }

    #[tokio::test]
    async fn it_ends_with_its_limit_however_many_there_are() {
        let attempts = (0..usize::MAX).map(|_| std::future::pending::<Result<(), ()>>());
        let ended = timeout(GENEROUS, first(attempts, Duration::from_millis(300))).await;
        assert_eq!(ended.expect("this takes too long"), Err(vec![]));
    }

    #[test]
    fn an_answer_says_more_than_silence() {
        let address = SocketAddr::from(([192, 0, 2, 1], 4_000));
        let silence = || Error::TimedOut { address, after: GENEROUS };
        assert!(matches!(most_telling(vec![silence(), Error::Refused { address }]), Some(Error::Refused { .. })));
        assert!(matches!(most_telling(vec![silence(), silence()]), Some(Error::TimedOut { .. })));
        assert!(most_telling(Vec::new()).is_none());
    }
}
