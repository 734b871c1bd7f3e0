//! Pages of other origins: none may read an answer unless the operator names their origin. The one
//! dialect whose contract opens it to every origin says so itself, and is left as it is.
//!
//! Credentials that a browser would add by itself are never allowed: a page sends the key, or has
//! none.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::state::Service;

/// What a page may send.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/// Headers that a page may set.
const HEADERS: &str = "authorization, x-api-key, x-user-api-key, content-type, range, if-match, \
                       if-none-match, if-modified-since, if-unmodified-since, if-range, \
                       idempotency-key, prefer, tus-resumable, upload-length, upload-offset, \
                       upload-metadata, upload-checksum";
/// How long a browser may remember this: a day.
const MAX_AGE_SECONDS: &str = "86400";

/// The origins whose pages may read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// No other.
    #[default]
    None,
    /// Every one.
    Any,
    /// These, as browsers write them.
    Listed(Vec<HeaderValue>),
}

impl Origins {
    /// Reads a list with commas between its parts: `*` for all of them, nothing for none. An error
    /// names what is no origin: a scheme, a host and perhaps a port, in lower case, without a path.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|it| !it.is_empty()).collect();
        match parts.as_slice() {
            [] => Ok(Self::None),
            ["*"] => Ok(Self::Any),
            _listed => {
                let origins = parts.iter().map(|part| origin(part).ok_or((*part).to_owned()));
                origins.collect::<Result<_, _>>().map(Self::Listed)
            }
        }
    }

    /// What the answer says to a page of this origin; `None` where it may not read it.
    fn allowing(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        match self {
            Self::None => None,
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Listed(origins) => origins.contains(origin).then(|| origin.clone()),
        }
    }
}

fn origin(text: &str) -> Option<HeaderValue> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    let is_host = !host.is_empty() && host.bytes().all(plain);
    is_host.then(|| HeaderValue::from_str(text).ok())?
}

/// Lets pages of the allowed origins read the answer, and answers what browsers ask beforehand.
pub async fn open(State(service): State<Service>, request: Request, next: Next) -> Response {
    let origins = &service.settings.cors_origins;
    if *origins == Origins::None {
        return next.run(request).await;
    }
    let allowed = origins.allowing(request.headers());
    let asks = request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = next.run(request).await;
    if response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        return response;
    }
    // No route changes anything by this method: what it answered may give way.
    if asks && allowed.is_some() {
        response = preflight();
    }
    let headers = response.headers_mut();
    if matches!(origins, Origins::Listed(_)) {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    if let Some(allowed) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    }
    response
}

fn preflight() -> Response {
    let allowed = [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_origins_and_nothing_else() {
        assert_eq!(Origins::parse(" , "), Ok(Origins::None));
        assert_eq!(Origins::parse("*"), Ok(Origins::Any));
        let two = Origins::parse("https://a.example, http://localhost:3000,").unwrap();
        let Origins::Listed(listed) = two else { panic!("{two:?}") };
        assert_eq!(listed, ["https://a.example", "http://localhost:3000"]);
        for wrong in
            ["a.example", "https://", "https://a/", "https://A.example", "null", "*, https://a"]
        {
            assert!(Origins::parse(wrong).is_err(), "{wrong}");
        }
    }
}
