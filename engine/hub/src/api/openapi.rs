//! The description of the API, from the code that serves it.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{Method, header},
    response::{IntoResponse, Response},
};
use unisono_api::{ErrorView, PREFIX};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, RefOr, Response as Described,
        path::{Operation, PathItem},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
        server::ServerBuilder,
    },
};

use crate::access::{Wanted, wanted};

/// The description as it is served.
#[derive(Clone)]
pub(super) struct Description(Arc<str>);

impl Description {
    /// With what all routes have in common.
    pub(super) fn of(mut described: OpenApi) -> Self {
        for (path, item) in &mut described.paths.paths {
            for (method, operation) in operations(item) {
                complete(&method, path, operation);
            }
        }
        let text = described.to_json().unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
        Self(text.into())
    }
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "hub", responses(
    (status = OK, description = "OpenAPI", body = serde_json::Value),
))]
pub(super) async fn openapi(State(Description(text)): State<Description>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.to_string()).into_response()
}

/// What stands before the routes.
pub(super) fn head() -> OpenApi {
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("from `unisono access create`"));
    let session = ApiKeyValue::with_description("unisono-8480", "from /login; called after the port of the API");
    let components = ComponentsBuilder::new()
        .security_scheme("token", SecurityScheme::Http(token.build()))
        .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)))
        .schema(ErrorView::name(), ErrorView::schema());
    let about = "Groups rooms, plays in them, and says how they are. Times are in seconds, volumes in percent, rates in \
                 parts per million. A refusal is one line for a person. Routes name the scope that they take: read, \
                 control, or admin, each of which contains those before it. While the hub has no administrator's \
                 secret, programs on its machine need none.";
    let info = InfoBuilder::new().title("Unisono").version(env!("CARGO_PKG_VERSION")).description(Some(about));
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url(PREFIX).build()]))
        .components(Some(components.build()))
        .build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let all = [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::DELETE, &mut item.delete),
        (Method::PATCH, &mut item.patch),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds what holds for every route: whom it lets in, and how it refuses.
fn complete(method: &Method, path: &str, operation: &mut Operation) {
    let mut refusals = vec![
        ("403", "whoever asks may not do this, or a page from elsewhere asks"),
        ("408", "the body does not come"),
        ("413", "the body breaks off or is too long"),
        ("415", "the body is no JSON"),
        ("421", "the hub is not called so"),
        ("500", "what the hub keeps cannot be written; the line says why"),
        ("503", "the hub is stopping"),
    ];
    if let Wanted::Scope(scope) = wanted(method, &format!("{PREFIX}{path}")) {
        refusals.push(("401", "whoever asks has to log in, or to send a token"));
        let needs = format!("Scope: {}.", scope.name());
        let said = operation.description.take().map(|said| format!("{said}\n\n")).unwrap_or_default();
        operation.description = Some(said + &needs);
        let by = |scheme| SecurityRequirement::new(scheme, [scope.name()]);
        operation.security = Some(vec![by("token"), by("session"), SecurityRequirement::default()]);
    }
    if path.contains('{') {
        refusals.push(("400", "the path cannot be read"));
        refusals.push(("404", "there is none of this name"));
    }
    if operation.request_body.is_some() {
        refusals.push(("400", "the body is no JSON"));
        refusals.push(("422", "the line names the field that cannot be so"));
    }
    for (status, description) in refusals {
        let responses = &mut operation.responses.responses;
        responses.entry(status.into()).or_insert_with(|| RefOr::T(Described::new(description)));
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && response.content.is_empty()
        {
            let content = ContentBuilder::new().schema(Some(utoipa::openapi::Ref::from_schema_name(ErrorView::name())));
            response.content.insert("application/json".into(), content.build().into());
        }
    }
}
