//! `docs/status-codes.md`, made of the answers themselves: every kind of error as each door
//! answers it.

use std::fmt::Write;

use expect_test::expect_file;

use super::{one_of_each, rendered};
use crate::http::dialect::Dialect;
use crate::http::dialects::merple::Merple;
use crate::http::dialects::renderio::Renderio;
use crate::http::dialects::sirv::Sirv;
use crate::http::dialects::swiftia::Swiftia;
use crate::http::dialects::templated::Templated;
use crate::http::error::ApiError;
use crate::http::native::Native;

const DOORS: [&str; 6] = ["RenderIO", "Swiftia", "Templated", "Merple", "Sirv", "native"];

const HEAD: &str = "\
# Status codes

<!-- Made by a test of what the server answers: `src/http/tests/errors/page.rs`. -->

## Success

| status | when |
|---|---|
| 200 | done; a delete: nothing of what was deleted can be reached from now on |
| 201 | made, with its place in `Location` where the native API makes it |
| 202 | native, where `Prefer: respond-async` was asked for: deleted, and the bytes are on their way |
| 204 | done, and there is nothing to say |
| 206, 304 | a download by a range; one that the client has already |

Whether 200 also says that the bytes are gone depends on the door: RenderIO and Swiftia wait for that, the others answer
with the commit. Each door's page says more: [dialects](dialects/README.md), [native](native.md).

## Errors

A request that is answered with an error has changed nothing, with one exception: *bytes remain* comes after the commit,
and says that the files are deleted and that their bytes are still being removed. Answers to requests whose path belongs
to no door have the shape of the native API. What is wrong with a request is told in one order: head, key, scope, parameters, body,
what is there.

";

const BODIES: &str = "
A status that stands here for a door that has no such call is what it would answer.

## Bodies

One example of each kind. Some calls have bodies of their own beside these, which their pages show: Templated's refusal of
ids (400), Swiftia's delete whose bytes remain (500), and the native API's refused deletions, whose types stand in
[problems](problems.md).
";

/// When a kind comes, and what the client can do.
fn meaning(error: &ApiError) -> (&'static str, &'static str) {
    match error {
        ApiError::Unauthenticated => ("no key, or one that does not work here", "send a good key"),
        ApiError::OrganizationGone => {
            ("the key is good, and its organization is switched off", "ask the operator")
        }
        ApiError::OrganizationRequired => {
            ("an operator key names no organization", "name one in the request")
        }
        ApiError::OrganizationMismatch => {
            ("the request names another organization than the key's", "leave it out")
        }
        ApiError::Forbidden(_) => ("the key lacks a scope", "use a key that has it"),
        ApiError::OperatorsOnly => ("only operator keys may do this", "use one"),
        ApiError::OutsidePrefix => {
            ("the path to write to is outside of the key's prefix", "write beneath it")
        }
        ApiError::SignatureRefused => {
            ("a signed url is not valid, or not any more", "ask for a fresh one")
        }
        ApiError::NotFound => {
            ("nothing is there that the key can see: what is foreign looks the same", "look again")
        }
        ApiError::MethodNotAllowed { .. } => ("the path has no such method", "see `Allow`"),
        ApiError::HeadTooLong(_) => {
            ("the target is too long; 431 for too many or too long headers", "send less")
        }
        ApiError::Invalid(_) => ("the request means nothing, or two things", "correct it"),
        ApiError::Unprocessable(_) => ("the content is not acceptable", "correct it"),
        ApiError::Conflict(_) => ("something exists, is closed, or is not empty", "look again"),
        ApiError::Locked(_) => ("what would change is locked, or below a lock", "unlock it"),
        ApiError::IdempotencyMismatch => {
            ("another request had this idempotency key", "choose a fresh one")
        }
        ApiError::TooLarge { .. } => ("the body is larger than what is taken", "send less"),
        ApiError::UnsupportedMediaType => ("the media type is not taken", "send another"),
        ApiError::PreconditionFailed => ("a condition of the request does not hold", "read again"),
        ApiError::Unconfirmed { .. } => {
            ("more would go than may unasked", "look, and send their number as `confirm`")
        }
        ApiError::ChecksumMismatch => ("a piece is not what its checksum says", "send it again"),
        ApiError::RangeNotSatisfiable { .. } => {
            ("the range is outside of the file", "see `Content-Range`")
        }
        ApiError::RateLimited(_) => ("one request too many for the plan", "see `Retry-After`"),
        ApiError::Timeout => ("the request came too slowly; the connection ends", "send it again"),
        ApiError::NotImplemented => ("a part of a product that is not here", "do without it"),
        ApiError::InsufficientStorage(_) => {
            ("no room in the quota or on the server", "delete something: that works")
        }
        ApiError::BytesRemain => {
            ("deleted, and the bytes were not gone in time", "nothing, or ask again")
        }
        ApiError::Unavailable(_) => ("database or blobs are away", "see `Retry-After`"),
        ApiError::Internal(_) => {
            ("a fault of the server, which its log names", "tell the operator")
        }
    }
}

/// Status, and body with the headers beside its media type, of each kind.
async fn answers<D: Dialect>() -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    for error in one_of_each() {
        let answer = rendered::<D>(error).await;
        let mut cell = format!("`{}`", answer.text());
        for name in ["allow", "content-range", "retry-after", "connection"] {
            if let Some(value) = answer.headers.get(name) {
                write!(cell, ", `{name}: {}`", value.to_str().unwrap()).unwrap();
            }
        }
        answers.push((answer.status.as_u16(), cell));
    }
    answers
}

async fn page() -> String {
    let doors = [
        answers::<Renderio>().await,
        answers::<Swiftia>().await,
        answers::<Templated>().await,
        answers::<Merple>().await,
        answers::<Sirv>().await,
        answers::<Native>().await,
    ];
    let mut page = format!("{HEAD}| when | {} | what to do |\n", DOORS.join(" | "));
    writeln!(page, "|---|{}---|", "---|".repeat(DOORS.len())).unwrap();
    for (place, error) in one_of_each().iter().enumerate() {
        let (when, remedy) = meaning(error);
        let statuses: Vec<String> = doors.iter().map(|door| door[place].0.to_string()).collect();
        writeln!(page, "| {when} | {} | {remedy} |", statuses.join(" | ")).unwrap();
    }
    page += BODIES;
    for (name, answers) in DOORS.iter().zip(doors) {
        write!(page, "\n### {name}\n\n| status | body |\n|---|---|\n").unwrap();
        for (status, body) in answers {
            writeln!(page, "| {status} | {body} |").unwrap();
        }
    }
    page
}

#[tokio::test]
async fn the_page_of_status_codes_is_what_is_answered() {
    expect_file!["../../../../docs/status-codes.md"].assert_eq(&page().await);
}
