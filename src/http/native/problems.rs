//! Every stable type of a problem: what it means, and what to do. `GET /problems/{type}` tells of
//! one, `docs/problems.md` of all, and the `OpenAPI` document names them.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::Native;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::segment::Segment;

/// A type of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name: the last part of the type.
    pub name: &'static str,
    /// The statuses with which it comes.
    pub statuses: &'static [u16],
    /// What it means.
    pub meaning: &'static str,
    /// What whoever gets it can do.
    pub remedy: &'static str,
}

const fn kind(
    name: &'static str,
    statuses: &'static [u16],
    meaning: &'static str,
    remedy: &'static str,
) -> Kind {
    Kind { name, statuses, meaning, remedy }
}

/// Every type, by name.
pub const KINDS: &[Kind] = &[
    kind(
        "bytes-remain",
        &[500],
        "The files are deleted and unreachable, but their bytes could not be removed in time.",
        "Nothing, or ask again: the removal goes on by itself.",
    ),
    kind(
        "checksum-mismatch",
        &[460],
        "A piece of an upload is not what its `Upload-Checksum` says. Nothing of it counts.",
        "Send the piece again, from the same offset.",
    ),
    kind(
        "confirmation-required",
        &[409],
        "So many files would go that the API key, or the organization's plan, wants it confirmed. \
         `files` is their number. Nothing was deleted.",
        "Look at what a dry run tells, and send the request again with `confirm` set to this number.",
    ),
    kind(
        "conflict",
        &[409],
        "Something exists already, is closed, or is not empty. The detail says what.",
        "Look at what is there, and ask for something that fits it.",
    ),
    kind(
        "deletion-refused",
        &[403, 404, 409, 412, 423],
        "Nothing was deleted: the listed items stood against it. What is not listed would have gone.",
        "Ask without them, or with `atomic` false, which takes what can go and tells of the rest.",
    ),
    kind(
        "forbidden",
        &[403],
        "The API key works, and may not do this. The detail names the scope that it lacks.",
        "Use a key that has the scope.",
    ),
    kind(
        "head-too-long",
        &[414, 431],
        "The request's target, or its headers, are longer than what is taken. The connection ends.",
        "Send less: a target has at most 65,534 bytes, a head at most 100 headers.",
    ),
    kind(
        "idempotency-mismatch",
        &[422],
        "Another request was made with the same `Idempotency-Key`. Nothing was done now.",
        "Repeat a request to the letter, or choose a fresh key for another one.",
    ),
    kind(
        "insufficient-storage",
        &[507],
        "There is no room: in the organization's quota, for its backlog, or on the server.",
        "Delete something, or ask the operator for more room. Deleting still works.",
    ),
    kind(
        "internal",
        &[500],
        "The server failed. What went wrong is in its log, under the answer's `x-request-id`.",
        "Try again later; tell the operator the request id.",
    ),
    kind(
        "invalid",
        &[400],
        "The request means nothing, or more than one thing. The detail says what is wrong with it.",
        "Correct the request; the same one is always refused.",
    ),
    kind(
        "locked",
        &[423],
        "What the request would change is locked, or lies below a lock. `locked` has the topmost \
         locked entries.",
        "Unlock them first, with a key that has the scope `admin`.",
    ),
    kind(
        "method-not-allowed",
        &[405],
        "The path exists, and the method does not.",
        "Use one of the methods in the header `Allow`.",
    ),
    kind(
        "not-found",
        &[404],
        "There is nothing here that the API key can see. What is another organization's, or outside \
         the key's prefix, looks the same.",
        "Look at the path or the id, and at the organization and prefix of the key.",
    ),
    kind(
        "not-implemented",
        &[501],
        "The request is part of a product's interface that delenda does not have.",
        "Do without it.",
    ),
    kind(
        "not-ready",
        &[503],
        "A part of the service cannot do its work. `failing` names the parts.",
        "Send requests elsewhere or later. The operator finds the parts in `docs/operations.md`.",
    ),
    kind(
        "organization-mismatch",
        &[403],
        "The request names another organization than the API key's, or none that there is.",
        "Leave `organization` out, or name the right one.",
    ),
    kind(
        "organization-required",
        &[400],
        "An operator key names no organization by itself.",
        "Name one with `?organization=ID`.",
    ),
    kind(
        "outside-prefix",
        &[403],
        "The request would write to a path outside of the API key's prefix.",
        "Write beneath the prefix, or use a key with another.",
    ),
    kind(
        "precondition-failed",
        &[412],
        "What is there is not what the request's conditions (`If-Match` and the like) want. Nothing \
         was changed.",
        "Read what is there, decide again, and send its `ETag`.",
    ),
    kind(
        "range-not-satisfiable",
        &[416],
        "The range lies outside of the file.",
        "Ask for a range within the length that `Content-Range` tells.",
    ),
    kind(
        "rate-limited",
        &[429],
        "Too many requests for the organization's plan.",
        "Wait for the seconds in `Retry-After`.",
    ),
    kind(
        "signature-refused",
        &[403],
        "A signed url whose signature is wrong, or that has expired.",
        "Ask for a fresh url.",
    ),
    kind(
        "timeout",
        &[408],
        "The request took too long to arrive. The connection ends.",
        "Send it again, without long pauses.",
    ),
    kind(
        "too-large",
        &[413],
        "The body, or a part of it, is larger than what is taken. The detail says how much is.",
        "Send less, or in parts where the route takes parts.",
    ),
    kind(
        "too-many-files",
        &[409],
        "The filters of an atomic request find more files than one commit takes: `files` in all. \
         The detail says how many it takes. Nothing was deleted.",
        "Say more conditions, or ask with `atomic` false, which goes on in steps.",
    ),
    kind(
        "too-many-streams",
        &[429],
        "As many streams of events are open as an organization may have.",
        "Close one, or read the deletion itself now and then.",
    ),
    kind(
        "unauthenticated",
        &[401],
        "There is no API key in `Authorization: Bearer KEY`, or one that does not work: unknown, \
         revoked, expired, or of an organization that is switched off.",
        "Send a key that works.",
    ),
    kind(
        "unavailable",
        &[503],
        "The database or the blobs cannot be reached for the moment.",
        "Try again after the seconds in `Retry-After`.",
    ),
    kind(
        "unprocessable",
        &[422],
        "The request is well formed, and its content is not acceptable. The detail says why.",
        "Correct the content.",
    ),
    kind(
        "unsupported-media-type",
        &[415],
        "The body is of a media type, or in an encoding, that is not taken.",
        "Send what the route's description asks for, without `Content-Encoding`.",
    ),
];

/// What a type of problem means
///
/// The `type` of every problem document is a path to here.
#[utoipa::path(
    get,
    path = "/problems/{type}",
    tag = "service",
    security(()),
    params(("type" = String, Path, description = "The last part of the type")),
    responses(
        (status = 200, description = "What it means and what to do", body = String, content_type = "text/plain"),
        (status = 404, description = "No such type"),
    )
)]
pub(super) async fn problem(name: Segment<1>) -> Result<Response, DialectError<Native>> {
    let name = name.0.unwrap_or_default();
    let kind = KINDS.iter().find(|kind| kind.name == name).ok_or(ApiError::NotFound)?;
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((headers, explain(kind)).into_response())
}

fn explain(kind: &Kind) -> String {
    let Kind { name, meaning, remedy, .. } = kind;
    format!("/problems/{name} (status {})\n\n{meaning}\n\n{remedy}\n", statuses(kind))
}

fn statuses(kind: &Kind) -> String {
    let statuses: Vec<String> = kind.statuses.iter().map(u16::to_string).collect();
    statuses.join(" or ")
}

/// The table of all types, as `docs/problems.md` and the `OpenAPI` document have it.
pub fn table() -> String {
    let row = |kind: &Kind| {
        let Kind { name, meaning, remedy, .. } = kind;
        format!("| `/problems/{name}` | {} | {meaning} | {remedy} |\n", statuses(kind))
    };
    let rows: String = KINDS.iter().map(row).collect();
    format!("| type | status | what it means | what to do |\n|---|---|---|---|\n{rows}")
}
