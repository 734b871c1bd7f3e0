//! Commands and their outputs as answers show them, in more than one API.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;

use super::signing::absolute_blob_url;
use super::state::Service;
use crate::domain::command::{Command, CommandStatus, CommandType, Output};
use crate::domain::id::OrganizationId;

/// Bytes in a megabyte, as answers count them.
const BYTES_PER_MEGABYTE: f64 = 1e6;

/// A number of bytes in megabytes, not rounded.
#[expect(clippy::cast_precision_loss, reason = "an answer shows a size, it does not count with it")]
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / BYTES_PER_MEGABYTE
}

/// A command as answers show it.
#[derive(Debug, Serialize)]
pub struct CommandAnswer {
    command_id: String,
    status: CommandStatus,
    command_type: CommandType,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_processing_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ffmpeg_command_run_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    output_files: BTreeMap<String, OutputAnswer>,
    original_request: Value,
}

/// An output as answers show it.
#[derive(Debug, Serialize)]
pub struct OutputAnswer {
    file_id: String,
    storage_url: Option<String>,
    status: &'static str,
    rendi_store_type: &'static str,
    is_deleted: bool,
    filename: String,
    size_mbytes: Option<f64>,
    mime_type: String,
    #[serde(flatten)]
    media: UnreadMedia,
}

/// What only the media themselves could tell, and delenda does not read: all of it null.
#[derive(Debug, Default, Serialize)]
pub struct UnreadMedia {
    duration: Option<f64>,
    file_type: Option<&'static str>,
    file_format: Option<&'static str>,
    codec: Option<&'static str>,
    pixel_format: Option<&'static str>,
    width: Option<u32>,
    height: Option<u32>,
    frame_rate: Option<f64>,
    bitrate_video_kb: Option<f64>,
    bitrate_audio_kb: Option<f64>,
}

impl CommandAnswer {
    /// The answer for this command, with fresh urls for the outputs that are live.
    pub fn of(
        service: &Service,
        headers: &HeaderMap,
        organization: OrganizationId,
        command: Command,
    ) -> Self {
        let outputs = command.outputs.into_iter();
        let output_files = outputs.map(|output| {
            let answer = OutputAnswer::of(service, headers, organization, &output);
            (output.key, answer)
        });
        let report = command.report;
        Self {
            command_id: command.id.to_string(),
            status: report.status,
            command_type: report.command_type,
            total_processing_seconds: report.total_processing_seconds,
            ffmpeg_command_run_seconds: report.ffmpeg_command_run_seconds,
            metadata: report.metadata,
            error_status: report.error_status,
            error_message: report.error_message,
            output_files: output_files.collect(),
            original_request: report.original_request.unwrap_or_else(empty_request),
        }
    }
}

/// A request of which nothing was reported, in the form that clients read.
fn empty_request() -> Value {
    serde_json::json!({ "input_files": {}, "output_files": {} })
}

impl OutputAnswer {
    /// The answer for one output.
    pub fn of(
        service: &Service,
        headers: &HeaderMap,
        organization: OrganizationId,
        output: &Output,
    ) -> Self {
        let storage_url = output
            .live
            .map(|blob| absolute_blob_url(service, headers, (organization, output.file, blob.id)));
        Self {
            file_id: output.file.to_string(),
            is_deleted: storage_url.is_none(),
            storage_url,
            status: "STORED",
            rendi_store_type: "OUTPUT",
            filename: output.title.clone(),
            size_mbytes: Some(megabytes(output.size)),
            mime_type: output.content_type.clone(),
            media: UnreadMedia::default(),
        }
    }
}
