//! Requests that a web page of somebody else's has brought about. A browser says where a request comes from; a program
//! that is none says nothing, and has no cookies that could be abused.

use axum::http::{HeaderMap, header};

/// What a request says of the page that it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claims<'a> {
    /// Whom it calls.
    pub(crate) host: &'a str,
    /// Where the page is from.
    pub(crate) origin: Option<&'a str>,
    /// How the two are related, as the browser sees it.
    pub(crate) site: Option<&'a str>,
}

impl<'a> Claims<'a> {
    /// What cannot be read is nobody here.
    pub(crate) fn of(headers: &'a HeaderMap, host: &'a str) -> Self {
        let text = |name| headers.get(name).map(|value: &header::HeaderValue| value.to_str().unwrap_or_default());
        Self { host, origin: text(header::ORIGIN.as_str()), site: text("sec-fetch-site") }
    }

    /// Whether a browser has said where it comes from.
    pub(crate) const fn is_of_a_browser(self) -> bool {
        self.origin.is_some() || self.site.is_some()
    }
}

/// Whether a page of another origin, or nobody's, wants something.
pub(crate) fn foreign(claims: Claims<'_>) -> bool {
    let other_site = claims.site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    other_site || claims.origin.is_some_and(|origin| !is_origin_of(claims.host, origin))
}

/// Whether an origin is the page that the hub itself serves at `host`; behind a proxy it may be one of https.
fn is_origin_of(host: &str, origin: &str) -> bool {
    let schemes = [("http://", ":80"), ("https://", ":443")];
    schemes.iter().any(|(scheme, port)| {
        let bare = |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
        origin.strip_prefix(scheme).is_some_and(|authority| bare(authority) == bare(host))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(origin: Option<&'static str>, site: Option<&'static str>) -> Claims<'static> {
        Claims { host: "hub.local:8480", origin, site }
    }

    #[test]
    fn a_page_of_the_hub_and_a_program_are_not_foreign() {
        for (origin, site) in [
            (None, None),
            (None, Some("none")),
            (Some("http://hub.local:8480"), None),
            (Some("http://HUB.local:8480"), Some("same-origin")),
            (Some("https://hub.local:8480"), Some("same-origin")),
        ] {
            assert!(!foreign(claims(origin, site)), "{origin:?} {site:?}");
        }
        let bare = Claims { host: "hub.local", origin: Some("http://hub.local:80"), site: None };
        assert!(!foreign(bare));
    }

    #[test]
    fn every_other_page_is() {
        for (origin, site) in [
            (Some("http://evil.example"), None),
            (Some("null"), None),
            (Some(""), None),
            (Some("http://hub.local"), None),
            (Some("http://hub.local:8481"), None),
            (Some("http://hub.local:8480.evil.example"), None),
            (Some("http://evil.example/http://hub.local:8480"), None),
            (Some("ftp://hub.local:8480"), None),
            (None, Some("cross-site")),
            (None, Some("same-site")),
            (None, Some("")),
            (Some("http://hub.local:8480"), Some("cross-site")),
        ] {
            assert!(foreign(claims(origin, site)), "{origin:?} {site:?}");
        }
    }
}
