//! Who asks, from what a request shows.

use std::net::IpAddr;

use unisono_household::config::access::{Access as Kept, GrantHash, Scope};

/// What a request shows of whoever sends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    /// Where it comes from.
    pub(crate) from: IpAddr,
    /// Whether a proxy has passed it on: it comes from anywhere then.
    pub(crate) forwarded: bool,
    /// `Authorization: Bearer`.
    pub(crate) token: Option<&'a str>,
    /// The session's cookie.
    pub(crate) session: Option<&'a str>,
}

impl Shown<'_> {
    /// Whether a program on this machine asks, for itself.
    pub(crate) fn is_here(&self) -> bool {
        self.from.to_canonical().is_loopback() && !self.forwarded
    }
}

/// Somebody who may ask something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// What they may do.
    pub(crate) scope: Scope,
    /// What people call the token or the browser; `None` for a program on this machine.
    pub(crate) name: Option<String>,
    /// What is kept of the token or the cookie.
    pub(crate) grant: Option<GrantHash>,
    /// Whether a browser is let in by its cookie, which it sends with whatever a page has it send.
    pub(crate) by_cookie: bool,
    /// Whether a program on this machine shows the token that is left there for it.
    pub(crate) by_local_token: bool,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Somebody who is let in.
    Known(Caller),
    /// Somebody who shows nothing.
    Nobody,
    /// Somebody who shows a token that is not good.
    BadToken,
}

/// Judges what is shown. A token counts before a cookie; a cookie that is no longer good is as none.
pub(crate) fn who(kept: &Kept, local: Option<GrantHash>, shown: Shown<'_>, now_unix: u64) -> Who {
    let here = Caller { scope: Scope::Admin, name: None, grant: None, by_cookie: false, by_local_token: false };
    if let Some(token) = shown.token {
        let hash = GrantHash::of(token);
        if local == Some(hash) && shown.is_here() {
            return Who::Known(Caller { by_local_token: true, ..here });
        }
        // What a browser has for a cookie is no token.
        let token = kept.grant(hash, now_unix).filter(|grant| grant.session_until_unix.is_none());
        return match token {
            Some(grant) => {
                Who::Known(Caller { scope: grant.scope, name: Some(grant.name.clone()), grant: Some(hash), ..here })
            }
            // What another hub has left here is no reason to refuse what needs no token.
            None if kept.secret.is_none() && shown.is_here() => Who::Known(here),
            None => Who::BadToken,
        };
    }
    if let Some(session) = shown.session {
        let hash = GrantHash::of(session);
        let session = kept.grant(hash, now_unix).filter(|grant| grant.session_until_unix.is_some());
        if let Some(grant) = session {
            return Who::Known(Caller {
                scope: grant.scope,
                name: Some(grant.name.clone()),
                grant: Some(hash),
                by_cookie: true,
                by_local_token: false,
            });
        }
    }
    if kept.secret.is_none() && shown.is_here() { Who::Known(here) } else { Who::Nobody }
}

#[cfg(test)]
mod tests {
    use unisono_household::config::access::{Grant, SecretHash};

    use super::*;

    const HERE: Shown<'static> =
        Shown { from: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), forwarded: false, token: None, session: None };

    fn kept(with_secret: bool) -> Kept {
        let grant =
            |session_until_unix| Grant { name: "a".into(), scope: Scope::Read, created_unix: 0, session_until_unix };
        let grants = [(GrantHash::of("token"), grant(None)), (GrantHash::of("session"), grant(Some(10)))];
        let secret = with_secret.then_some(SecretHash { salt: [0; 16], iterations: 1, hash: [0; 32] });
        Kept { secret, grants: grants.into() }
    }

    fn scope(who: &Who) -> Option<Scope> {
        match who {
            Who::Known(caller) => Some(caller.scope),
            _ => None,
        }
    }

    #[test]
    fn this_machine_is_trusted_until_there_is_a_secret_and_no_proxy_on_it_ever() {
        let lan = Shown { from: "192.168.1.2".parse().unwrap(), ..HERE };
        let mapped = Shown { from: "::ffff:127.0.0.1".parse().unwrap(), ..HERE };
        let proxied = Shown { forwarded: true, ..HERE };
        for (shown, before) in [(HERE, Some(Scope::Admin)), (mapped, Some(Scope::Admin)), (lan, None), (proxied, None)]
        {
            assert_eq!(scope(&who(&kept(false), None, shown, 0)), before, "{shown:?}");
            assert_eq!(scope(&who(&kept(true), None, shown, 0)), None, "{shown:?}");
        }
    }

    #[test]
    fn the_token_of_the_runtime_folder_is_good_on_this_machine_alone() {
        let local = Some(GrantHash::of("local"));
        let shown = Shown { token: Some("local"), ..HERE };
        assert_eq!(scope(&who(&kept(true), local, shown, 0)), Some(Scope::Admin));
        let elsewhere = Shown { from: "192.168.1.2".parse().unwrap(), ..shown };
        assert_eq!(who(&kept(true), local, elsewhere, 0), Who::BadToken);
        assert_eq!(who(&kept(true), local, Shown { forwarded: true, ..shown }, 0), Who::BadToken);
    }

    #[test]
    fn tokens_and_cookies_are_each_good_in_their_own_place_and_time() {
        let kept = kept(true);
        let token = |token| who(&kept, None, Shown { token: Some(token), ..HERE }, 10);
        let session = |session, now| who(&kept, None, Shown { session: Some(session), ..HERE }, now);
        assert_eq!(scope(&token("token")), Some(Scope::Read));
        assert_eq!(token("session"), Who::BadToken);
        assert_eq!(token(""), Who::BadToken);
        let open = self::kept(false);
        let stale = who(&open, None, Shown { token: Some("stale"), ..HERE }, 10);
        assert_eq!(scope(&stale), Some(Scope::Admin));
        assert_eq!(scope(&session("session", 10)), Some(Scope::Read));
        assert_eq!(session("session", 11), Who::Nobody);
        assert_eq!(session("token", 10), Who::Nobody);
    }
}
