//! What a worker reports of a command after it made it: how far it is, and how it ended.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::{REPORT_BYTES_MAX, Shown};
use crate::domain::command::{Change, CommandStatus, ReportChange};
use crate::domain::id::CommandId;
use crate::domain::organization::Scope;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::json::{self, BodyLimits, given};
use crate::http::native::Native;
use crate::http::segment::Segment;
use crate::http::state::Service;

/// What is reported anew. A member that is left out stays as it is; `null` takes one away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CommandChange)]
struct Wanted {
    /// `QUEUED`, `PROCESSING`, `SUCCESS` or `FAILED`; never `null`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, nullable = false)]
    status: Option<CommandStatus>,
    #[serde(default, deserialize_with = "change_of")]
    #[schema(value_type = Option<Object>)]
    metadata: Change<Value>,
    /// Not negative.
    #[serde(default, deserialize_with = "change_of")]
    #[schema(value_type = Option<f64>)]
    total_processing_seconds: Change<f64>,
    /// Not negative.
    #[serde(default, deserialize_with = "change_of")]
    #[schema(value_type = Option<f64>)]
    ffmpeg_command_run_seconds: Change<f64>,
    #[serde(default, deserialize_with = "change_of")]
    #[schema(value_type = Option<String>)]
    error_status: Change<String>,
    #[serde(default, deserialize_with = "change_of")]
    #[schema(value_type = Option<String>)]
    error_message: Change<String>,
}

/// Reads a member that is there, which `null` takes away.
fn change_of<'de, T, D>(from: D) -> Result<Change<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(from).map(|value| value.map_or(Change::Clear, Change::Set))
}

impl Wanted {
    fn into_change(self) -> Result<ReportChange, ApiError> {
        let Self {
            status,
            metadata,
            total_processing_seconds,
            ffmpeg_command_run_seconds,
            error_status,
            error_message,
        } = self;
        for seconds in [total_processing_seconds, ffmpeg_command_run_seconds] {
            if matches!(seconds, Change::Set(seconds) if seconds < 0.0) {
                return Err(ApiError::Unprocessable("a duration is not negative".to_owned()));
            }
        }
        Ok(ReportChange {
            status,
            metadata,
            total_processing_seconds,
            ffmpeg_command_run_seconds,
            error_status,
            error_message,
        })
    }
}

/// Changes what is reported of a command
///
/// A worker reports its end here. A command whose outputs were deleted can be reported on still.
#[utoipa::path(
    patch,
    path = "/delenda/v1/commands/{id}",
    tag = "commands",
    params(("id" = String, Path, description = "The command")),
    request_body = Wanted,
    responses(
        (status = 200, description = "The command", body = Object),
        (status = 404, description = "No such command"),
        (status = 413, description = "The report is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "A duration is negative"),
    )
)]
pub(in crate::http::native) async fn change(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    id: Segment<3>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, DialectError<Native>> {
    let limits =
        BodyLimits { bytes_max: REPORT_BYTES_MAX, idle_max: service.settings.body_idle_max };
    let change: Option<Wanted> = json::read(&headers, body, limits).await?;
    let change = json::required(change)?;
    let change = change.into_change()?;
    authenticated.require(Scope::Write)?;
    let caller = &authenticated.caller;
    let id = id.parse(CommandId::parse).ok_or(ApiError::NotFound)?;
    let changed = service.ledger.change_report(&caller.realm, id, change).await?;
    let command = changed.ok_or(ApiError::NotFound)?;
    Ok(json::answer(StatusCode::OK, &Shown::of(&service, &headers, caller, command)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ReportChange, ApiError> {
        json::parse::<Wanted>(text.as_bytes()).and_then(Wanted::into_change)
    }

    #[test]
    fn what_is_left_out_stays_and_null_takes_away() {
        assert_eq!(read("{}").unwrap(), ReportChange::default());
        let change = read(
            r#"{"status":"FAILED","metadata":null,"error_status":"OOM","total_processing_seconds":0}"#,
        );
        let expected = ReportChange {
            status: Some(CommandStatus::Failed),
            metadata: Change::Clear,
            error_status: Change::Set("OOM".to_owned()),
            total_processing_seconds: Change::Set(0.0),
            ..ReportChange::default()
        };
        assert_eq!(change.unwrap(), expected);
    }

    #[test]
    fn a_change_that_means_nothing_is_refused() {
        for wrong in [
            r#"{"status":null}"#,
            r#"{"status":"DONE"}"#,
            r#"{"original_request":{}}"#,
            r#"{"metadata":1,"metadata":2}"#,
            r#"{"error_message":1}"#,
            r#"{"total_processing_seconds":"1"}"#,
        ] {
            assert!(matches!(read(wrong), Err(ApiError::Invalid(_))), "{wrong}");
        }
        let negative = read(r#"{"ffmpeg_command_run_seconds":-1}"#);
        assert!(matches!(negative, Err(ApiError::Unprocessable(_))));
    }
}
