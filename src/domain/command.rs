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

/// What is to become of something that may be there or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// As it is.
    #[default]
    Keep,
    /// Not known any more.
    Clear,
    /// This, from now on.
    Set(T),
}

impl<T: Clone> Change<T> {
    fn apply(&self, to: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *to = None,
            Self::Set(value) => *to = Some(value.clone()),
        }
    }
}

/// What a worker reports anew.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportChange {
    /// How far it is; `None`: as before.
    pub status: Option<CommandStatus>,
    /// Free.
    pub metadata: Change<Value>,
    /// Seconds in all.
    pub total_processing_seconds: Change<f64>,
    /// Seconds of the work proper.
    pub ffmpeg_command_run_seconds: Change<f64>,
    /// Why it failed, as a word.
    pub error_status: Change<String>,
    /// Why it failed, as a sentence.
    pub error_message: Change<String>,
}

impl ReportChange {
    /// Writes what is reported anew into `report`.
    pub fn apply(&self, report: &mut CommandReport) {
        report.status = self.status.unwrap_or(report.status);
        self.metadata.apply(&mut report.metadata);
        self.total_processing_seconds.apply(&mut report.total_processing_seconds);
        self.ffmpeg_command_run_seconds.apply(&mut report.ffmpeg_command_run_seconds);
        self.error_status.apply(&mut report.error_status);
        self.error_message.apply(&mut report.error_message);
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
