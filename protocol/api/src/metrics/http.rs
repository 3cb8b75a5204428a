//! Requests of an API, by route and never by path: a path is whatever somebody types.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// From what no disk was asked for to what a person takes for broken.
const DURATIONS_S: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What is not answered by any route.
const NO_ROUTE: &str = "none";

/// Requests and how long they took.
#[derive(Debug)]
pub struct HttpMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
}

impl HttpMetrics {
    /// Creates and registers them.
    ///
    /// # Panics
    /// When others have registered their names.
    pub fn register(registry: &Registry) -> Self {
        let requests =
            Opts::new("unisono_api_requests_total", "Requests to the control API, by route, method and status.");
        let requests = IntCounterVec::new(requests, &["route", "method", "code"]).expect("its name is valid");
        let help = "From a request to the head of its answer. WebSockets are not in it.";
        let durations = HistogramOpts::new("unisono_api_request_duration_seconds", help).buckets(DURATIONS_S.into());
        let durations = HistogramVec::new(durations, &["route", "method"]).expect("its name is valid");
        registry.register(Box::new(requests.clone())).expect("no two have one name");
        registry.register(Box::new(durations.clone())).expect("no two have one name");
        Self { requests, durations }
    }

    fn count(&self, route: &str, method: &str, status: StatusCode, began: Instant) {
        self.requests.with_label_values(&[route, method, status.as_str()]).inc();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            self.durations.with_label_values(&[route, method]).observe(began.elapsed().as_secs_f64());
        }
    }
}

/// A layer that counts: the outermost one, so that what is refused is counted too.
pub async fn count_requests(State(metrics): State<Arc<HttpMetrics>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (method, began) = (name_of(request.method()), Instant::now());
    let response = next.run(request).await;
    metrics.count(route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str), method, response.status(), began);
    response
}

/// Anybody can make up a method; a label is not for that.
fn name_of(method: &Method) -> &'static str {
    const KNOWN: [Method; 7] =
        [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];
    const NAMES: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    KNOWN.iter().position(|known| known == method).map_or("other", |place| NAMES[place])
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use tower::ServiceExt;

    use super::*;
    use crate::metrics::Page;

    #[tokio::test]
    async fn requests_are_counted_by_route_and_nothing_that_a_stranger_types_becomes_a_label() {
        let page = Page::new("test", "1", "1");
        let metrics = Arc::new(HttpMetrics::register(page.registry()));
        let api = Router::new().route("/rooms/{room}", get(async || "here"));
        let switching = Router::new().route("/events", get(async || StatusCode::SWITCHING_PROTOCOLS));
        let router = Router::new().nest("/api/v1", api.merge(switching));
        let router = router.layer(from_fn_with_state(Arc::clone(&metrics), count_requests));
        for (method, path) in [
            ("GET", "/api/v1/rooms/kitchen"),
            ("GET", "/api/v1/rooms/%22%0A"),
            ("BREW", "/api/v1/rooms/kitchen"),
            ("GET", "/etc/passwd"),
            ("GET", "/api/v1/events"),
        ] {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap();
        }
        let text = page.text(|| {}).unwrap();
        let total = |labels: &str, count: u32| {
            let line = format!("unisono_api_requests_total{{{labels}}} {count}\n");
            assert!(text.contains(&line), "{line} is not in {text}");
        };
        total(r#"code="200",method="GET",route="/api/v1/rooms/{room}""#, 2);
        total(r#"code="405",method="other",route="/api/v1/rooms/{room}""#, 1);
        total(r#"code="404",method="GET",route="none""#, 1);
        total(r#"code="101",method="GET",route="/api/v1/events""#, 1);
        assert!(!text.contains("passwd") && !text.contains("BREW") && !text.contains("kitchen"), "{text}");
        let timed = r#"unisono_api_request_duration_seconds_count{method="GET",route="/api/v1/rooms/{room}"} 2"#;
        assert!(text.contains(timed), "{text}");
        assert!(!text.contains(r#"duration_seconds_count{method="GET",route="/api/v1/events"}"#), "{text}");
    }
}
