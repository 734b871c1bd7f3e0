//! All routes on one page, and what surrounds every request: a request id, one line in the log,
//! and an answer in the right shape where no route is.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state, map_request_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderName, HeaderValue, Method, Uri};
use metrics::{Label, histogram};
use uuid::Uuid;

use super::content::signed_file;
use super::cors;
use super::dialect::{Cause, Dialect, DialectError};
use super::dialects::merple::{self, Merple};
use super::dialects::renderio::{self, Renderio};
use super::dialects::sirv::{self, Sirv};
use super::dialects::swiftia::{self, Swiftia};
use super::dialects::templated::{self, Templated};
use super::error::ApiError;
use super::native::{self, Native};
use super::openapi;
use super::pace;
use super::signing::SIGNED_FILES;
use super::state::Service;
use crate::meters;

/// Names the request in the log and in its answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every route of the service.
pub fn router(service: Service) -> Router {
    Router::new()
        .merge(renderio::routes())
        .merge(swiftia::routes())
        .merge(templated::routes())
        .merge(merple::routes())
        .merge(sirv::routes())
        .merge(native::routes())
        .merge(openapi::routes())
        .route(&format!("{SIGNED_FILES}/{{organization}}/{{entry}}/{{version}}"), get(signed_file))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(map_request_with_state(service.clone(), pace::bound))
        .layer(from_fn_with_state(service.clone(), cors::open))
        .layer(from_fn_with_state(service.clone(), observe))
        .with_state(service)
}

/// A door: by its name it is measured, and it renders what no handler met.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    render: fn(ApiError) -> Response,
}

const fn shape<D: Dialect>() -> Shape {
    Shape { name: D::NAME, render: render::<D> }
}

/// Whose path it is, by its first segments. `/api` alone is shared by two and belongs to neither.
const SHAPES: [(&[&str], Shape); 7] = [
    (&["api", "v1"], shape::<Renderio>()),
    (&["api", "uploads"], shape::<Swiftia>()),
    (&["v1"], shape::<Templated>()),
    (&["fso"], shape::<Merple>()),
    (&["fsos"], shape::<Merple>()),
    (&["fso-info"], shape::<Merple>()),
    (&["v2"], shape::<Sirv>()),
];

fn render<D: Dialect>(error: ApiError) -> Response {
    DialectError::<D>::from(error).into_response()
}

/// Routes are matched to the letter. Whoever misses one by a letter's case, a slash or a parameter
/// of a segment still spoke to somebody, and is answered in words that they can read.
fn shape_of(path: &str) -> Shape {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let segments = [segments.next(), segments.next()]
        .map(|segment| segment.unwrap_or_default().split(';').next().unwrap_or_default());
    let owner = SHAPES.iter().find(|(prefix, _)| {
        prefix.iter().zip(segments).all(|(own, segment)| own.eq_ignore_ascii_case(segment))
    });
    owner.map_or(shape::<Native>(), |(_, shape)| *shape)
}

/// Renders an error that came before the routes, in the shape of whose path it is.
pub fn render_error(path: &str, error: ApiError) -> Response {
    (shape_of(path).render)(error)
}

async fn no_route(uri: Uri) -> Response {
    (shape_of(uri.path()).render)(ApiError::NotFound)
}

async fn no_method(uri: Uri) -> Response {
    // The router writes the methods that exist there into the header itself.
    (shape_of(uri.path()).render)(ApiError::MethodNotAllowed { allow: "" })
}

/// Gives every request an id, measures it, and logs it once: by its route, never by its path, and
/// with the cause of a failure that is ours.
async fn observe(State(service): State<Service>, request: Request, next: Next) -> Response {
    let id = service.ids.next::<Uuid>().to_string();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let door = shape_of(request.uri().path()).name;
    let begun = Instant::now();
    let mut response = next.run(request).await;
    let duration = begun.elapsed();
    let duration_ms = duration.as_millis();
    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);
    let status = response.status().as_u16();
    measure(duration, door, (route, &method), status);
    if let Some(Cause(cause)) = response.extensions_mut().remove::<Cause>() {
        let cause = chain(&**cause);
        tracing::error!(request_id = id, %method, route, status, duration_ms, cause, "failed");
    } else {
        tracing::debug!(request_id = id, %method, route, status, duration_ms, "answered");
    }
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Few values of each label, whatever clients send.
fn measure(duration: Duration, door: &'static str, (route, method): (&str, &Method), status: u16) {
    let method = match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "(other)",
    };
    let class = match status / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "1xx",
    };
    let labels = [
        Label::new("route", route.to_owned()),
        Label::from_static_parts("method", method),
        Label::from_static_parts("dialect", door),
        Label::from_static_parts("status", class),
    ];
    histogram!(meters::REQUEST_SECONDS, labels.to_vec()).record(duration.as_secs_f64());
}

/// An error and its causes, in one line.
fn chain(error: &(dyn std::error::Error + Send + Sync)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}
