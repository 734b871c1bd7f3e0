//! Between rows and the words of the domain.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{Error, ErrorCode, Row};

use crate::domain::blob::{BlobFacts, BlobKey, SizedBlob};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{Attributes, FileRecord, FolderNumber, Origin, Sequence};
use crate::domain::id::{
    BlobId, CommandId, DeletionId, EntryId, KeyId, MessageId, OrganizationId, PlanId, UploadId,
    WebhookId,
};
use crate::domain::organization::OrganizationNumber;
use crate::domain::path::{EntryName, EntryPath};
use crate::ledger::{LedgerError, LedgerErrorKind};

/// Turns an error of SQLite into the ledger's, saying what was being done.
pub(super) fn failed(context: &'static str) -> impl Fn(Error) -> LedgerError {
    move |error| {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => LedgerErrorKind::DiskFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::CannotOpen) => {
                LedgerErrorKind::Unavailable
            }
            _ => LedgerErrorKind::Corrupt,
        };
        kind.caused_by(context, error)
    }
}

/// A row that holds what it must not hold.
pub(super) fn corrupt(context: &'static str) -> LedgerError {
    LedgerErrorKind::Corrupt.because(context)
}

macro_rules! stored_as_integer {
    ($($name:ty),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Owned(Value::Integer(self.0)))
            }
        }
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_i64().map(Self)
            }
        }
    )*};
}
stored_as_integer!(OrganizationNumber, FolderNumber, Sequence);

macro_rules! stored_as_bytes {
    ($($name:ty),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.as_bytes())))
            }
        }
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <[u8; 16]>::column_result(value).map(Self::from_bytes)
            }
        }
    )*};
}
stored_as_bytes!(
    EntryId,
    BlobId,
    CommandId,
    DeletionId,
    PlanId,
    OrganizationId,
    KeyId,
    UploadId,
    WebhookId,
    MessageId
);

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(Value::Integer(self.millis())))
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self::from_millis)
    }
}

impl ToSql for EntryName {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.as_str().as_bytes())))
    }
}

impl FromSql for EntryName {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).map_err(FromSqlError::other)
    }
}

impl ToSql for EntryPath {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.as_str().as_bytes())))
    }
}

impl FromSql for EntryPath {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).map_err(FromSqlError::other)
    }
}

impl ToSql for Origin {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number = match self {
            Self::Ordinary => 0,
            Self::RenderioUpload => 1,
            Self::CommandOutput => 2,
        };
        Ok(ToSqlOutput::Owned(Value::Integer(number)))
    }
}

/// SQLite stores signed integers; sizes and counts lie far below their end.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Counts never go below zero; `inspect` reports one that did.
pub(super) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// The columns of `files` that make a [`FileRecord`], for a row named `f`.
pub(super) const FILE_COLUMNS: &str = "f.id, f.folder, f.name, f.sequence, f.blob_number, \
     f.blob_id, f.size, f.checksum, f.attributes, f.created_at, f.modified_at, f.locked, f.command";

/// Reads [`FILE_COLUMNS`], which come first in the row.
pub(super) fn file_record(row: &Row<'_>) -> rusqlite::Result<FileRecord> {
    let attributes: String = row.get(8)?;
    Ok(FileRecord {
        id: row.get(0)?,
        folder: row.get(1)?,
        name: row.get(2)?,
        sequence: row.get(3)?,
        blob: BlobKey { number: row.get(4)?, id: row.get(5)? },
        content: BlobFacts { size: unsigned(row.get(6)?), checksum: row.get(7)? },
        attributes: read_json(8, &attributes)?,
        created_at: row.get(9)?,
        modified_at: row.get(10)?,
        locked: row.get(11)?,
        command: row.get(12)?,
    })
}

/// What a deletion needs to know of a file.
#[derive(Clone, Debug)]
pub(super) struct FileRow {
    pub(super) id: EntryId,
    pub(super) folder: FolderNumber,
    pub(super) name: EntryName,
    pub(super) blob: SizedBlob,
    pub(super) locked: bool,
    pub(super) sequence: Sequence,
}

/// Reads, in this order: `id, folder, name, blob_number, blob_id, size, locked, sequence`.
pub(super) fn file_row(row: &Row<'_>) -> rusqlite::Result<FileRow> {
    let key = BlobKey { number: row.get(3)?, id: row.get(4)? };
    Ok(FileRow {
        id: row.get(0)?,
        folder: row.get(1)?,
        name: row.get(2)?,
        blob: SizedBlob { key, size: unsigned(row.get(5)?) },
        locked: row.get(6)?,
        sequence: row.get(7)?,
    })
}

impl From<FileRecord> for FileRow {
    fn from(file: FileRecord) -> Self {
        let blob = SizedBlob { key: file.blob, size: file.content.size };
        let FileRecord { id, folder, name, locked, sequence, .. } = file;
        Self { id, folder, name, blob, locked, sequence }
    }
}

/// How `attributes` is written.
pub(super) fn attributes_text(attributes: &Attributes) -> String {
    serde_json::to_string(attributes).expect("attributes are texts and lists of texts")
}

/// Reads a column that holds JSON.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(
    column: usize,
    text: &str,
) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
