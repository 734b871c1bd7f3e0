//! Commands: units of work that produced output files, and outlive them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blob::BlobKey;
use super::clock::Timestamp;
use super::id::{CommandId, EntryId};

/// How far a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CommandStatus {
    /// Not begun.
    Queued,
    /// Running.
    Processing,
    /// Ended well.
    Success,
    /// Ended badly.
    Failed,
}

/// What kind of work it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CommandType {
    /// One command.
    FfmpegCommand,
    /// Commands, each using what the one before produced.
    ChainedCommand,
    /// Commands side by side.
    MultipleCommand,
}

/// What a worker reported of a command. The ledger keeps it as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandReport {
    /// How far it is.
    pub status: CommandStatus,
    /// What kind of work.
    pub command_type: CommandType,
    /// Free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// The request that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_request: Option<Value>,
    /// Seconds in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_processing_seconds: Option<f64>,
    /// Seconds of the work proper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ffmpeg_command_run_seconds: Option<f64>,
    /// Why it failed, as a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_status: Option<String>,
    /// Why it failed, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// What a worker reports anew. `None`: as it is. `Some(None)`: not known any more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportChange {
    /// How far it is.
    pub status: Option<CommandStatus>,
    /// Free.
    pub metadata: Option<Option<Value>>,
    /// Seconds in all.
    pub total_processing_seconds: Option<Option<f64>>,
    /// Seconds of the work proper.
    pub ffmpeg_command_run_seconds: Option<Option<f64>>,
    /// Why it failed, as a word.
    pub error_status: Option<Option<String>>,
    /// Why it failed, as a sentence.
    pub error_message: Option<Option<String>>,
}

impl ReportChange {
    /// Writes what is reported anew into `report`.
    pub fn apply(&self, report: &mut CommandReport) {
        fn replace<T: Clone>(field: &mut T, change: Option<&T>) {
            if let Some(value) = change {
                field.clone_from(value);
            }
        }
        replace(&mut report.status, self.status.as_ref());
        replace(&mut report.metadata, self.metadata.as_ref());
        replace(&mut report.total_processing_seconds, self.total_processing_seconds.as_ref());
        replace(&mut report.ffmpeg_command_run_seconds, self.ffmpeg_command_run_seconds.as_ref());
        replace(&mut report.error_status, self.error_status.as_ref());
        replace(&mut report.error_message, self.error_message.as_ref());
    }
}

/// One output, whether its file is live or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The name under which the worker stored it.
    pub key: String,
    /// The file that held it.
    pub file: EntryId,
    /// Its name when it was stored.
    pub title: String,
    /// Bytes.
    pub size: u64,
    /// A media type.
    pub content_type: String,
    /// Where its bytes lie, while the file is live and still this command's; else `None`.
    pub live: Option<BlobKey>,
}

/// A command with its outputs, in the order of their keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// For life.
    pub id: CommandId,
    /// When it was made.
    pub created_at: Timestamp,
    /// What was reported.
    pub report: CommandReport,
    /// Whether its outputs were deleted: it takes no more.
    pub closed: bool,
    /// All it ever had.
    pub outputs: Vec<Output>,
}
