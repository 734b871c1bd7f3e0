//! Errors: every kind in the shape of every dialect, whole, and those that a request can bring
//! about through real requests.

mod caused;
mod page;

use std::fmt::Write;
use std::time::Duration;

use axum::response::IntoResponse;
use expect_test::{Expect, expect};
use http_body_util::BodyExt;

use super::app::{Answer, NOW};
use crate::domain::organization::Scope;
use crate::domain::path::EntryPath;
use crate::http::dialect::{Cause, Dialect, DialectError};
use crate::http::dialects::merple::Merple;
use crate::http::dialects::renderio::Renderio;
use crate::http::dialects::sirv::Sirv;
use crate::http::dialects::swiftia::Swiftia;
use crate::http::dialects::templated::Templated;
use crate::http::error::{ApiError, HeadPart, RateLimited};
use crate::http::native::Native;

/// How many kinds of errors there are.
const KINDS: usize = 29;

/// The place of a kind in the tables below. Whoever adds a kind is stopped here.
fn place(error: &ApiError) -> usize {
    match error {
        ApiError::Unauthenticated => 0,
        ApiError::OrganizationGone => 1,
        ApiError::OrganizationRequired => 2,
        ApiError::OrganizationMismatch => 3,
        ApiError::Forbidden(_) => 4,
        ApiError::OutsidePrefix => 5,
        ApiError::SignatureRefused => 6,
        ApiError::NotFound => 7,
        ApiError::MethodNotAllowed { .. } => 8,
        ApiError::Invalid(_) => 9,
        ApiError::Unprocessable(_) => 10,
        ApiError::Conflict(_) => 11,
        ApiError::Locked(_) => 12,
        ApiError::TooLarge { .. } => 13,
        ApiError::UnsupportedMediaType => 14,
        ApiError::RangeNotSatisfiable { .. } => 15,
        ApiError::RateLimited(_) => 16,
        ApiError::Timeout => 17,
        ApiError::NotImplemented => 18,
        ApiError::InsufficientStorage(_) => 19,
        ApiError::BytesRemain => 20,
        ApiError::Unavailable(_) => 21,
        ApiError::Internal(_) => 22,
        ApiError::HeadTooLong(_) => 23,
        ApiError::PreconditionFailed => 24,
        ApiError::OperatorsOnly => 25,
        ApiError::IdempotencyMismatch => 26,
        ApiError::ChecksumMismatch => 27,
        ApiError::Unconfirmed { .. } => 28,
    }
}

/// One error of each kind.
pub(super) fn one_of_each() -> Vec<ApiError> {
    let wait = Duration::from_millis(29_001);
    let said = || "what is wrong".to_owned();
    vec![
        ApiError::Unauthenticated,
        ApiError::OrganizationGone,
        ApiError::OrganizationRequired,
        ApiError::OrganizationMismatch,
        ApiError::Forbidden(Scope::Delete),
        ApiError::OutsidePrefix,
        ApiError::SignatureRefused,
        ApiError::NotFound,
        ApiError::MethodNotAllowed { allow: "GET, DELETE" },
        ApiError::Invalid(said()),
        ApiError::Unprocessable(said()),
        ApiError::Conflict(said()),
        ApiError::Locked(vec![EntryPath::parse("/a/\"b\"").unwrap()]),
        ApiError::TooLarge { limit: 1000 },
        ApiError::UnsupportedMediaType,
        ApiError::RangeNotSatisfiable { size: 11 },
        ApiError::RateLimited(RateLimited { limit: 60, until: NOW.plus(wait), wait }),
        ApiError::Timeout,
        ApiError::NotImplemented,
        ApiError::InsufficientStorage(said()),
        ApiError::BytesRemain,
        ApiError::Unavailable("a secret cause".into()),
        ApiError::Internal("a secret cause".into()),
        ApiError::HeadTooLong(HeadPart::Target),
        ApiError::PreconditionFailed,
        ApiError::OperatorsOnly,
        ApiError::IdempotencyMismatch,
        ApiError::ChecksumMismatch,
        ApiError::Unconfirmed { files: 12 },
    ]
}

async fn rendered<D: Dialect>(error: ApiError) -> Answer {
    let response = DialectError::<D>::from(error).into_response();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// Status, body and headers of each kind, a line each. The media type stands apart.
async fn table<D: Dialect>(media_type: &str) -> String {
    let mut lines = String::new();
    for error in one_of_each() {
        let answer = rendered::<D>(error).await;
        assert_eq!(answer.header("content-type"), media_type);
        assert!(!answer.text().contains("secret"), "{}", answer.text());
        let others = answer.headers.iter().filter(|(name, _)| *name != "content-type");
        let mut others: Vec<String> =
            others.map(|(name, value)| format!(" {name}={}", value.to_str().unwrap())).collect();
        others.sort_unstable();
        let (status, text) = (answer.status.as_u16(), answer.text());
        writeln!(lines, "{status} {text}{}", others.concat()).unwrap();
    }
    lines
}

async fn check<D: Dialect>(media_type: &str, expected: Expect) {
    expected.assert_eq(&table::<D>(media_type).await);
}

const JSON: &str = "application/json; charset=utf-8";

#[test]
fn every_kind_of_error_stands_in_the_tables_once() {
    let places: Vec<usize> = one_of_each().iter().map(place).collect();
    assert_eq!(places, (0..KINDS).collect::<Vec<_>>());
}

#[test]
fn the_cause_of_a_failure_of_ours_goes_to_the_log_alone() {
    for (error, expected) in [
        (ApiError::Unavailable("a secret cause".into()), true),
        (ApiError::Internal("a secret cause".into()), true),
        (ApiError::NotFound, false),
    ] {
        let response = DialectError::<Native>::from(error).into_response();
        assert_eq!(response.extensions().get::<Cause>().is_some(), expected);
    }
}

#[tokio::test]
async fn every_kind_of_error_in_the_shape_of_renderio() {
    check::<Renderio>(JSON, expect![[r#"
        401 {"error":"UNAUTHORIZED","message":"Missing or invalid API key"}
        401 {"error":"UNAUTHORIZED","message":"Missing or invalid API key"}
        400 {"error":"INVALID_REQUEST","message":"An organization must be named"}
        403 {"error":"FORBIDDEN","message":"The API key belongs to another organization"}
        403 {"error":"FORBIDDEN","message":"The API key lacks the scope 'delete'"}
        403 {"error":"FORBIDDEN","message":"The path lies outside of the API key's prefix"}
        403 {"error":"FORBIDDEN","message":"The url is not valid, or not any more"}
        404 {"error":"NOT_FOUND","message":"Not found"}
        405 {"error":"METHOD_NOT_ALLOWED","message":"Method not allowed"} allow=GET, DELETE
        400 {"error":"INVALID_REQUEST","message":"what is wrong"}
        422 {"error":"VALIDATION_ERROR","message":"what is wrong"}
        409 {"error":"CONFLICT","message":"what is wrong"}
        409 {"error":"CONFLICT","message":"A file is locked"}
        413 {"error":"PAYLOAD_TOO_LARGE","message":"At most 1000 bytes are accepted"}
        415 {"error":"INVALID_REQUEST","message":"The media type is not accepted"}
        416 {"error":"INVALID_REQUEST","message":"The range lies outside of the file, which has 11 bytes"} content-range=bytes */11
        429 {"error":"RATE_LIMITED","message":"Too many requests"} retry-after=30
        408 {"error":"INVALID_REQUEST","message":"The request took too long to arrive"} connection=close
        501 {"error":"NOT_IMPLEMENTED","message":"Not implemented"}
        507 {"error":"INSUFFICIENT_STORAGE","message":"what is wrong"}
        500 {"error":"INTERNAL_ERROR","message":"The files are deleted, but their bytes could not be removed in time"}
        503 {"error":"UNAVAILABLE","message":"Not available for the moment"} retry-after=1
        500 {"error":"INTERNAL_ERROR","message":"Internal server error"}
        414 {"error":"INVALID_REQUEST","message":"the request target is too long"} connection=close
        412 {"error":"INVALID_REQUEST","message":"The precondition does not hold"}
        403 {"error":"FORBIDDEN","message":"Only an operator key may do this"}
        422 {"error":"VALIDATION_ERROR","message":"Another request was made with the same idempotency key"}
        460 {"error":"INVALID_REQUEST","message":"The body is not what its checksum says"}
        409 {"error":"CONFLICT","message":"12 files would go: send 'confirm' with this number"}
    "#]]).await;
}

#[tokio::test]
async fn every_kind_of_error_in_the_shape_of_swiftia() {
    check::<Swiftia>(JSON, expect![[r#"
        401 {"error":"Unauthorized"}
        401 {"error":"Unauthorized"}
        400 {"message":"Organization ID is required"}
        403 {"message":"Organization ID mismatch. API key is bound to a different organization."}
        403 {"message":"The API key lacks the scope 'delete'"}
        403 {"message":"The path lies outside of the API key's prefix"}
        403 {"message":"The url is not valid, or not any more"}
        404 {"message":"File not found"}
        405 {"message":"Method not allowed"} allow=GET, DELETE
        400 {"message":"what is wrong"}
        422 {"message":"what is wrong"}
        409 {"message":"what is wrong"}
        403 {"message":"File is locked"}
        413 {"message":"At most 1000 bytes are accepted"}
        415 {"message":"The media type is not accepted"}
        416 {"message":"The range lies outside of the file, which has 11 bytes"} content-range=bytes */11
        429 {"status":429,"message":"Rate limit exceeded. Please try again later.","code":"RATE_LIMIT_EXCEEDED","retryAfter":30} retry-after=30 x-ratelimit-limit=60 x-ratelimit-remaining=0 x-ratelimit-reset=1700000029001
        408 {"message":"The request took too long to arrive"} connection=close
        501 {"message":"Not implemented"}
        507 {"message":"what is wrong"}
        500 {"message":"Failed to delete file from storage"}
        503 {"message":"Not available for the moment"} retry-after=1
        500 {"message":"Internal server error"}
        414 {"message":"the request target is too long"} connection=close
        412 {"message":"The precondition does not hold"}
        403 {"message":"Only an operator key may do this"}
        422 {"message":"Another request was made with the same idempotency key"}
        460 {"message":"The body is not what its checksum says"}
        409 {"message":"12 files would go: send 'confirm' with this number"}
    "#]]).await;
}

#[tokio::test]
async fn every_kind_of_error_in_the_shape_of_templated() {
    check::<Templated>(JSON, expect![[r#"
        401 {"error":"Not authorized"}
        404 {"error":"User not found"}
        400 {"error":"An organization must be named"}
        403 {"error":"The API key belongs to another organization"}
        403 {"error":"The API key lacks the scope 'delete'"}
        403 {"error":"The path lies outside of the API key's prefix"}
        403 {"error":"The url is not valid, or not any more"}
        404 {"error":"Not found"}
        405 {"error":"Method not allowed"} allow=GET, DELETE
        400 {"error":"what is wrong"}
        422 {"error":"what is wrong"}
        409 {"error":"what is wrong"}
        400 {"error":"The upload is locked"}
        413 {"error":"At most 1000 bytes are accepted"}
        415 {"error":"The media type is not accepted"}
        416 {"error":"The range lies outside of the file, which has 11 bytes"} content-range=bytes */11
        429 {"error":"Too many requests"} retry-after=30
        408 {"error":"The request took too long to arrive"} connection=close
        501 {"error":"Not implemented"}
        507 {"error":"what is wrong"}
        500 {"error":"An unexpected error occurred"}
        503 {"error":"Not available for the moment"} retry-after=1
        500 {"error":"An unexpected error occurred"}
        414 {"error":"the request target is too long"} connection=close
        412 {"error":"The precondition does not hold"}
        403 {"error":"Only an operator key may do this"}
        422 {"error":"Another request was made with the same idempotency key"}
        460 {"error":"The body is not what its checksum says"}
        409 {"error":"12 files would go: send 'confirm' with this number"}
    "#]]).await;
}

#[tokio::test]
async fn every_kind_of_error_in_the_shape_of_merple() {
    check::<Merple>(JSON, expect![[r#"
        401 {"error":"Missing or invalid API key"}
        401 {"error":"Missing or invalid API key"}
        400 {"error":"An organization must be named"}
        403 {"error":"The API key belongs to another organization"}
        403 {"error":"The API key lacks the scope 'delete'"}
        403 {"error":"The path lies outside of the API key's prefix"}
        403 {"error":"The url is not valid, or not any more"}
        404 {"error":"File or folder not found"}
        405 {"error":"Method not allowed"} allow=GET, DELETE
        400 {"error":"what is wrong"}
        422 {"error":"what is wrong"}
        409 {"error":"what is wrong"}
        409 {"error":"Locked: nothing was changed","locked":["/a/\"b\""]}
        413 {"error":"At most 1000 bytes are accepted"}
        415 {"error":"The media type is not accepted"}
        416 {"error":"The range lies outside of the file, which has 11 bytes"} content-range=bytes */11
        429 {"error":"Too many requests"} retry-after=30
        408 {"error":"The request took too long to arrive"} connection=close
        501 {"error":"Not implemented"}
        507 {"error":"what is wrong"}
        500 {"error":"Deleted, but the bytes are not removed yet"}
        503 {"error":"Not available for the moment"} retry-after=1
        500 {"error":"Internal server error"}
        414 {"error":"the request target is too long"} connection=close
        412 {"error":"The precondition does not hold"}
        403 {"error":"Only an operator key may do this"}
        422 {"error":"Another request was made with the same idempotency key"}
        460 {"error":"The body is not what its checksum says"}
        409 {"error":"12 files would go: send 'confirm' with this number"}
    "#]]).await;
}

#[tokio::test]
async fn every_kind_of_error_in_the_shape_of_sirv() {
    check::<Sirv>(JSON, expect![[r#"
        401 {"statusCode":401,"error":"Unauthorized","message":"Missing authentication"} access-control-allow-origin=*
        401 {"statusCode":401,"error":"Unauthorized","message":"Missing authentication"} access-control-allow-origin=*
        400 {"statusCode":400,"error":"Bad Request","message":"An organization must be named"} access-control-allow-origin=*
        403 {"statusCode":403,"error":"Forbidden","message":"The API key belongs to another organization"} access-control-allow-origin=*
        403 {"statusCode":403,"error":"Forbidden","message":"The API key lacks the scope 'delete'"} access-control-allow-origin=*
        403 {"statusCode":403,"error":"Forbidden","message":"The path lies outside of the API key's prefix"} access-control-allow-origin=*
        403 {"statusCode":403,"error":"Forbidden","message":"The url is not valid, or not any more"} access-control-allow-origin=*
        404 {"statusCode":404,"error":"Not Found","message":"Not found"} access-control-allow-origin=*
        405 {"statusCode":405,"error":"Method Not Allowed","message":"Method not allowed"} access-control-allow-origin=* allow=GET, DELETE
        400 {"statusCode":400,"error":"Bad Request","message":"what is wrong"} access-control-allow-origin=*
        422 {"statusCode":422,"error":"Unprocessable Entity","message":"what is wrong"} access-control-allow-origin=*
        409 {"statusCode":409,"error":"Conflict","message":"what is wrong"} access-control-allow-origin=*
        423 {"statusCode":423,"error":"Locked","message":"Locked"} access-control-allow-origin=*
        413 {"statusCode":413,"error":"Request Entity Too Large","message":"At most 1000 bytes are accepted"} access-control-allow-origin=*
        415 {"statusCode":415,"error":"Unsupported Media Type","message":"The media type is not accepted"} access-control-allow-origin=*
        416 {"statusCode":416,"error":"Range Not Satisfiable","message":"The range lies outside of the file, which has 11 bytes"} access-control-allow-origin=* content-range=bytes */11
        429 {"statusCode":429,"error":"Too Many Requests","message":"Rate limit exceeded. Too many requests. Stop sending requests until 2023-11-14T22:13:49.001Z (UTC)"} access-control-allow-origin=* retry-after=30
        408 {"statusCode":408,"error":"Request Timeout","message":"The request took too long to arrive"} access-control-allow-origin=* connection=close
        501 {"statusCode":501,"error":"Not Implemented","message":"Not implemented"} access-control-allow-origin=*
        507 {"statusCode":507,"error":"Insufficient Storage","message":"what is wrong"} access-control-allow-origin=*
        500 {"statusCode":500,"error":"Internal Server Error","message":"Deleted, but the bytes are not removed yet"} access-control-allow-origin=*
        503 {"statusCode":503,"error":"Service Unavailable","message":"Not available for the moment"} access-control-allow-origin=* retry-after=1
        500 {"statusCode":500,"error":"Internal Server Error","message":"Internal server error"} access-control-allow-origin=*
        414 {"statusCode":414,"error":"URI Too Long","message":"the request target is too long"} access-control-allow-origin=* connection=close
        412 {"statusCode":412,"error":"Precondition Failed","message":"The precondition does not hold"} access-control-allow-origin=*
        403 {"statusCode":403,"error":"Forbidden","message":"Only an operator key may do this"} access-control-allow-origin=*
        422 {"statusCode":422,"error":"Unprocessable Entity","message":"Another request was made with the same idempotency key"} access-control-allow-origin=*
        460 {"statusCode":460,"error":"","message":"The body is not what its checksum says"} access-control-allow-origin=*
        409 {"statusCode":409,"error":"Conflict","message":"12 files would go: send 'confirm' with this number"} access-control-allow-origin=*
    "#]]).await;
}

#[tokio::test]
async fn every_kind_of_error_as_a_problem() {
    check::<Native>("application/problem+json", expect![[r#"
        401 {"type":"/problems/unauthenticated","title":"Missing or invalid API key","status":401}
        401 {"type":"/problems/unauthenticated","title":"Missing or invalid API key","status":401}
        400 {"type":"/problems/organization-required","title":"An organization must be named","status":400}
        403 {"type":"/problems/organization-mismatch","title":"The API key belongs to another organization","status":403}
        403 {"type":"/problems/forbidden","title":"The API key may not do this","status":403,"detail":"The API key lacks the scope 'delete'"}
        403 {"type":"/problems/outside-prefix","title":"The path lies outside of the API key's prefix","status":403}
        403 {"type":"/problems/signature-refused","title":"The url is not valid, or not any more","status":403}
        404 {"type":"/problems/not-found","title":"Not found","status":404}
        405 {"type":"/problems/method-not-allowed","title":"Method not allowed","status":405} allow=GET, DELETE
        400 {"type":"/problems/invalid","title":"The request is not valid","status":400,"detail":"what is wrong"}
        422 {"type":"/problems/unprocessable","title":"The content is not acceptable","status":422,"detail":"what is wrong"}
        409 {"type":"/problems/conflict","title":"Conflict","status":409,"detail":"what is wrong"}
        423 {"type":"/problems/locked","title":"Locked","status":423,"locked":["/a/\"b\""]}
        413 {"type":"/problems/too-large","title":"The body is too large","status":413,"detail":"At most 1000 bytes are accepted"}
        415 {"type":"/problems/unsupported-media-type","title":"The media type is not accepted","status":415}
        416 {"type":"/problems/range-not-satisfiable","title":"The range lies outside of the file","status":416,"detail":"The range lies outside of the file, which has 11 bytes"} content-range=bytes */11
        429 {"type":"/problems/rate-limited","title":"Too many requests","status":429,"detail":"The next request is accepted at 2023-11-14T22:13:49.001Z"} retry-after=30
        408 {"type":"/problems/timeout","title":"The request took too long to arrive","status":408} connection=close
        501 {"type":"/problems/not-implemented","title":"Not implemented","status":501}
        507 {"type":"/problems/insufficient-storage","title":"No space is left","status":507,"detail":"what is wrong"}
        500 {"type":"/problems/bytes-remain","title":"Deleted, but the bytes are not removed yet","status":500}
        503 {"type":"/problems/unavailable","title":"Not available for the moment","status":503} retry-after=1
        500 {"type":"/problems/internal","title":"Internal server error","status":500}
        414 {"type":"/problems/head-too-long","title":"the request target is too long","status":414} connection=close
        412 {"type":"/problems/precondition-failed","title":"The precondition does not hold","status":412}
        403 {"type":"/problems/forbidden","title":"Only an operator key may do this","status":403}
        422 {"type":"/problems/idempotency-mismatch","title":"Another request was made with the same idempotency key","status":422}
        460 {"type":"/problems/checksum-mismatch","title":"The body is not what its checksum says","status":460}
        409 {"type":"/problems/confirmation-required","title":"Nothing was deleted","status":409,"detail":"12 files would go: send 'confirm' with this number","files":12}
    "#]]).await;
}
