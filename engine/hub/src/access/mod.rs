//! Who may ask what of the control API, without a socket.
//!
//! | module | what is in it |
//! |---|---|
//! | `caller` | who asks, from what a request says of itself |
//! | `browser` | requests that a web page of somebody else's has brought about |
//! | `hosts` | the names by which the hub may be called |
//! | `attempts` | how often secrets, codes and tokens may be guessed |
//! | `code` | the one-time setup code, as it is printed |
//! | `routes` | which scope each route wants |
//! | `secret` | secrets and tokens: drawn, hashed, compared |

mod attempts;
mod browser;
mod caller;
mod code;
mod hosts;
mod routes;
mod secret;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::http::{HeaderMap, header};
use tokio::sync::watch;
use unisono_household::config::{Config, access::GrantHash};

pub(crate) use self::{
    attempts::{Attempts, TooMany},
    browser::{Claims, foreign},
    caller::{Caller, Shown, Who},
    hosts::Hosts,
    routes::{Wanted, wanted},
    secret::{draw_token, hash_secret, is_secret},
};
pub use self::{code::SetupCode, secret::local_token};

/// Who may ask, of a hub that runs.
#[derive(Debug)]
pub(crate) struct Access {
    /// What the household keeps, as it is now.
    config: watch::Receiver<Arc<Config>>,
    /// The names by which the hub may be called.
    pub(crate) hosts: Hosts,
    /// The token that is left for programs on this machine.
    local: Option<GrantHash>,
    /// What the session's cookie is called: cookies of one machine are one for all its ports.
    cookie: String,
    code: Mutex<SetupCode>,
    attempts: Mutex<Attempts>,
    /// Secrets are hashed one after the other: that takes long on purpose.
    pub(crate) hashing: tokio::sync::Semaphore,
}

impl Access {
    pub(crate) fn new(
        config: watch::Receiver<Arc<Config>>,
        hosts: Hosts,
        local: Option<GrantHash>,
        port: u16,
        code: SetupCode,
    ) -> Self {
        Self {
            config,
            hosts,
            local,
            cookie: format!("unisono-{port}"),
            code: Mutex::new(code),
            attempts: Mutex::new(Attempts::at_few_secrets()),
            hashing: tokio::sync::Semaphore::new(1),
        }
    }

    /// What the household keeps, now and whenever it changes.
    pub(crate) fn config(&self) -> watch::Receiver<Arc<Config>> {
        self.config.clone()
    }

    /// Whether nobody has set an administrator's secret yet.
    pub(crate) fn setup_needed(&self) -> bool {
        self.config.borrow().access.secret.is_none()
    }

    /// Who asks, at this moment.
    pub(crate) fn who(&self, shown: Shown<'_>, now_unix: u64) -> Who {
        caller::who(&self.config.borrow().access, self.local, shown, now_unix)
    }

    /// The session that a browser shows.
    pub(crate) fn cookie_in<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|cookies| cookies.to_str().ok());
        let mut cookies =
            cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        cookies.find(|(name, _)| *name == self.cookie).map(|(_, value)| value)
    }

    /// Has a browser show a session from now on.
    pub(crate) fn cookie(&self, session: &str, seconds: u64, over_tls: bool) -> String {
        let secure = if over_tls { "; Secure" } else { "" };
        format!("{}={session}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", self.cookie)
    }

    /// Whether a setup code is the one that was printed. A wrong one counts, and after too many there is none any more.
    pub(crate) fn try_code(&self, code: &str) -> bool {
        lock(&self.code).attempt(code)
    }

    /// Whether there is a setup code that can still be entered.
    pub(crate) fn has_code(&self) -> bool {
        lock(&self.code).is_good()
    }

    /// The hub is set up: its code is good no more.
    pub(crate) fn spend_code(&self) {
        lock(&self.code).void();
    }

    /// Whether somebody at an address may try another secret or code now.
    pub(crate) fn may_try(&self, from: IpAddr) -> Result<(), TooMany> {
        lock(&self.attempts).begin(from, Instant::now())
    }

    /// The attempt of somebody at an address was right.
    pub(crate) fn was_right(&self, from: IpAddr) {
        lock(&self.attempts).was_right(from);
    }
}

/// How the API is to be reached by people on other machines: its addresses and its setup code, for the terminal.
pub fn invitation(api: SocketAddr, hosts: &[IpAddr], code: &SetupCode) -> String {
    code::invitation(api, hosts, code)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
