//! Which scope each route wants. A route that nobody has thought of wants the most.

use axum::http::Method;
use unisono_api::PREFIX;
use unisono_household::config::access::Scope;

/// What a route wants of whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing: the page itself, and what it takes to be let in.
    Nothing,
    /// A scope.
    Scope(Scope),
}

/// What a request wants, by its path as it stands in the request.
pub(crate) fn wanted(method: &Method, path: &str) -> Wanted {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let Some(path) = path.strip_prefix(PREFIX).filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
        return if reads && is_of_page(path) { Wanted::Nothing } else { outside(reads) };
    };
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let scope = match parts[..] {
        ["session"] if reads => return Wanted::Nothing,
        ["setup" | "login" | "logout"] => return Wanted::Nothing,
        // Whoever only listens need not know whom else the hub knows.
        ["access", ..] => Scope::Admin,
        _ if reads => Scope::Read,
        ["groups" | "scenes" | "stations", ..] => Scope::Control,
        // Volume and mute; what else a room may be told wants more, see `RoomChange::wants`.
        ["rooms", _] if *method == Method::PATCH => Scope::Control,
        ["rooms", _, "beep"] => Scope::Control,
        _ => Scope::Admin,
    };
    Wanted::Scope(scope)
}

/// The page shows nothing of the household by itself.
fn is_of_page(path: &str) -> bool {
    matches!(path, "/" | "/api" | "/favicon.ico" | "/manifest.webmanifest") || path.starts_with("/ui/")
}

const fn outside(reads: bool) -> Wanted {
    Wanted::Scope(if reads { Scope::Read } else { Scope::Admin })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_only_looks_like_another_wants_the_most() {
        for path in [
            "/api/v1/groupsx",
            "/api/v1//groups",
            "/api/v1/rooms/a/beep/b",
            "/api/v1/rooms//x",
            "/api/v1x/groups",
            "/groups",
            "/api/v1/unheard/of",
            "/api/v1",
        ] {
            assert_eq!(wanted(&Method::POST, path), Wanted::Scope(Scope::Admin), "{path}");
        }
        assert_eq!(wanted(&Method::PUT, "/ui/app.js"), Wanted::Scope(Scope::Admin));
        assert_eq!(wanted(&Method::GET, "/ui"), Wanted::Scope(Scope::Read));
        assert_eq!(wanted(&Method::GET, "/api/v1/access"), Wanted::Scope(Scope::Admin));
    }
}
