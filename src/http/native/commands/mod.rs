//! Commands: any worker reports its work here, stores what came of it, and reports its end.

mod change;
mod create;
mod outputs;
mod read;

use http::HeaderMap;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::command::Command;
use crate::domain::organization::Caller;
use crate::http::outputs::CommandAnswer;
use crate::http::state::Service;

/// Bytes of a report at most.
const REPORT_BYTES_MAX: u64 = 1 << 20;

/// The calls on commands.
pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(read::list, create::create))
        .routes(routes!(read::command, change::change))
        .routes(routes!(outputs::delete))
        .routes(routes!(outputs::put))
}

/// A command as this API shows it: what every API shows, and what only this one tells.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    command: CommandAnswer,
    created_at: String,
    /// Whether its outputs were deleted: it takes no more.
    closed: bool,
}

impl Shown {
    fn of(service: &Service, headers: &HeaderMap, caller: &Caller, command: Command) -> Self {
        let (created_at, closed) = (command.created_at.iso8601(), command.closed);
        let command = CommandAnswer::of(service, headers, caller.organization.id, command);
        Self { command, created_at, closed }
    }
}
