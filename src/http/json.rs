//! JSON bodies: read strictly, since a body chooses what is deleted, and written as one line.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::error::ApiError;
use super::pace::is_too_slow;

/// How much of a body is taken, and how patiently.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Bytes.
    pub bytes_max: u64,
    /// How long the client may be silent.
    pub idle_max: Duration,
}

/// Reads a body that is one JSON object. `None` where the body is empty: the caller decides what
/// that means. `T` must deny unknown fields; doubled ones are refused by its derived reading.
pub async fn read<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limits: BodyLimits,
) -> Result<Option<T>, ApiError> {
    let text = read_text(headers, body, limits).await?;
    match text.is_empty() {
        true => Ok(None),
        false => parse(&text).map(Some),
    }
}

/// What a body says that must say something.
pub fn required<T>(body: Option<T>) -> Result<T, ApiError> {
    body.ok_or_else(|| ApiError::Invalid("the body is empty".to_owned()))
}

/// Reads all of a body that is JSON by its head.
pub async fn read_text(
    headers: &HeaderMap,
    body: Body,
    limits: BodyLimits,
) -> Result<Bytes, ApiError> {
    check_length(headers, limits.bytes_max)?;
    check_type(headers)?;
    collect(body, limits).await
}

/// The same for a call that needs no body: real clients then send `[]` for nothing.
pub async fn read_optional<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limits: BodyLimits,
) -> Result<Option<T>, ApiError> {
    parse_optional(&read_text(headers, body, limits).await?)
}

/// Reads a text that is one JSON object, or nothing in one of the forms of nothing.
pub fn parse_optional<T: DeserializeOwned>(text: &[u8]) -> Result<Option<T>, ApiError> {
    match text.trim_ascii() {
        b"" | b"[]" => Ok(None),
        _some => parse(text).map(Some),
    }
}

/// Reads a text that is one JSON object and nothing else.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(text)
        .map_err(|_| ApiError::Invalid("the body is not valid UTF-8".to_owned()))?;
    // A derived reading also takes an array for a struct: only an object says which is which.
    if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return Err(ApiError::Invalid("the body must be a JSON object".to_owned()));
    }
    serde_json::from_str(text)
        .map_err(|error| ApiError::Invalid(format!("the body is not acceptable: {error}")))
}

/// Reads a member that may be left out (by its `default`) and is no `null` where it stands: for
/// `deserialize_with`.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Refuses a body whose announced length is already too much, before any of it is read.
pub fn check_length(headers: &HeaderMap, bytes_max: u64) -> Result<(), ApiError> {
    match announced_length(headers) > bytes_max {
        true => Err(ApiError::TooLarge { limit: bytes_max }),
        false => Ok(()),
    }
}

/// The bytes that a body will have by its own announcement; 0 where it has none.
pub fn announced_length(headers: &HeaderMap) -> u64 {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    announced.and_then(|length| length.parse().ok()).unwrap_or(0)
}

/// Refuses a body by what its head says of it: too long, or encoded.
pub fn check_announced(headers: &HeaderMap, bytes_max: u64) -> Result<(), ApiError> {
    check_length(headers, bytes_max)?;
    let length = headers.get(CONTENT_LENGTH).map(HeaderValue::as_bytes);
    match headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != b"0") {
        true => check_encoding(headers),
        false => Ok(()),
    }
}

/// Refuses a body that is encoded: what it unpacks to could be of any size.
pub fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    match headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        true => Ok(()),
        false => Err(ApiError::UnsupportedMediaType),
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    check_encoding(headers)?;
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (None, _) => Ok(()),
        (Some(media_type), None) if is_json(media_type) => Ok(()),
        (Some(_), _) => Err(ApiError::UnsupportedMediaType),
    }
}

fn is_json(media_type: &HeaderValue) -> bool {
    let Ok(text) = media_type.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.filter(|parameter| !parameter.is_empty()).all(|parameter| {
            let parameter = parameter.replace('"', "");
            parameter.eq_ignore_ascii_case("charset=utf-8")
        })
}

async fn collect(body: Body, limits: BodyLimits) -> Result<Bytes, ApiError> {
    let mut chunks = body.into_data_stream();
    let mut text = BytesMut::new();
    loop {
        let next = tokio::time::timeout(limits.idle_max, chunks.next()).await;
        let Some(chunk) = next.map_err(|_| ApiError::Timeout)? else { break };
        let chunk = chunk.map_err(|error| match is_too_slow(&error) {
            true => ApiError::Timeout,
            false => ApiError::Invalid("the body broke off".to_owned()),
        })?;
        if (text.len() + chunk.len()) as u64 > limits.bytes_max {
            return Err(ApiError::TooLarge { limit: limits.bytes_max });
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text.freeze())
}

/// An answer of one line of JSON.
pub fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    render(status, "application/json; charset=utf-8", body)
}

/// An answer of one line of JSON under another media type.
pub fn render(status: StatusCode, media_type: &'static str, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(line) => {
            let headers = [(CONTENT_TYPE, HeaderValue::from_static(media_type))];
            (status, headers, line).into_response()
        }
        // Maps with keys that are no texts are all that can fail, and no wire type has one.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    const LIMITS: BodyLimits = BodyLimits { bytes_max: 64, idle_max: Duration::from_secs(1) };

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Names {
        names: Vec<String>,
    }

    fn status(error: &ApiError) -> u16 {
        match error {
            ApiError::Invalid(_) => 400,
            ApiError::TooLarge { .. } => 413,
            ApiError::UnsupportedMediaType => 415,
            other => panic!("unexpected {other:?}"),
        }
    }

    async fn read_status(pairs: &[(&str, &str)], body: impl Into<Body>) -> u16 {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        match read::<Names>(&headers, body.into(), LIMITS).await {
            Ok(Some(_)) => 200,
            Ok(None) => 204,
            Err(error) => status(&error),
        }
    }

    #[test]
    fn one_object_and_nothing_else_is_read() {
        let names: Names = parse(b" \r\n{\"names\":[\"a\"]} \n").unwrap();
        assert_eq!(names, Names { names: vec!["a".to_owned()] });
        let deep = format!("{{\"names\":{}", "[".repeat(10_000));
        for hostile in [
            "[\"a\"]",
            "[[\"a\"]]",
            "null",
            "1",
            "\"a\"",
            "{}",
            "{\"names\":null}",
            "{\"names\":\"a\"}",
            "{\"names\":[1]}",
            "{\"names\":[[\"a\"]]}",
            "{\"names\":[],\"names\":[]}",
            "{\"names\":[],\"dry_run\":true}",
            "{\"Names\":[]}",
            "{\"names\":[\"\\ud800\"]}",
            "\u{feff}{\"names\":[]}",
            "{\"names\":[]}//",
            "{\"names\":[]}{\"names\":[]}",
            "{\"names\":[NaN]}",
            "{\"names\":[]",
            deep.as_str(),
        ] {
            let error = parse::<Names>(hostile.as_bytes()).unwrap_err();
            assert_eq!(status(&error), 400, "{hostile:.60}");
        }
        assert_eq!(status(&parse::<Names>(b"{\"names\":[\"\xff\"]}").unwrap_err()), 400);
    }

    #[tokio::test]
    async fn only_plain_json_is_taken() {
        let body = "{\"names\":[]}";
        assert_eq!(read_status(&[], body).await, 200);
        for taken in ["application/json", "Application/JSON", "application/json; charset=UTF-8"] {
            assert_eq!(read_status(&[("content-type", taken)], body).await, 200, "{taken}");
        }
        for refused in
            ["text/plain", "application/vnd.x+json", "application/json; charset=utf-16", ""]
        {
            assert_eq!(read_status(&[("content-type", refused)], body).await, 415, "{refused}");
        }
        let twice = [("content-type", "application/json"), ("content-type", "text/plain")];
        assert_eq!(read_status(&twice, body).await, 415);
        assert_eq!(read_status(&[("content-encoding", "gzip")], body).await, 415);
        assert_eq!(read_status(&[("content-encoding", "identity")], body).await, 200);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_announced_or_not() {
        let fits = format!("{{\"names\":[\"{}\"]}}", "a".repeat(64 - 14));
        assert_eq!(fits.len(), 64);
        assert_eq!(read_status(&[], fits.clone()).await, 200);
        assert_eq!(read_status(&[], format!("{fits} ")).await, 413);
        let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>("{"));
        assert_eq!(read_status(&[], Body::from_stream(chunks)).await, 413);
        let silent = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read_status(&[("content-length", "1000000000000")], silent).await, 413);
    }

    #[tokio::test]
    async fn a_silent_client_is_not_waited_for() {
        let silent = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let limits = BodyLimits { idle_max: Duration::from_millis(5), ..LIMITS };
        let read = read::<Names>(&HeaderMap::new(), silent, limits).await;
        assert!(matches!(read, Err(ApiError::Timeout)));
    }

    #[tokio::test]
    async fn an_empty_body_is_the_callers_to_judge() {
        assert_eq!(read_status(&[("content-type", "application/json")], "").await, 204);
    }
}
