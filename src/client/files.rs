//! The bytes of files.

use std::path::{Path, PathBuf};

use http::Method;
use http::header::{CONTENT_TYPE, IF_NONE_MATCH};
use reqwest::Response;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::entries::Entry;
use super::error::ClientError;
use super::transport::{Call, Client, escaped};

/// A file of this machine that is to be stored.
#[derive(Clone, Debug)]
pub struct FileSource {
    path: PathBuf,
    bytes: u64,
}

/// Whether what lies there already may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Nothing may lie there.
    Never,
    /// Whatever lies there is replaced.
    Always,
}

impl FileSource {
    /// The file at `path`, of this length.
    pub fn new(path: &Path, bytes: u64) -> Self {
        Self { path: path.to_owned(), bytes }
    }

    /// Its length when it was looked at.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its bytes, no more than it had: one that became shorter ends the request.
    pub(super) async fn open(&self) -> Result<reqwest::Body, ClientError> {
        let file = tokio::fs::File::open(&self.path).await;
        let file = file.map_err(|error| {
            ClientError::Local(format!("{} cannot be read: {error}", self.path.display()))
        })?;
        Ok(reqwest::Body::wrap_stream(ReaderStream::new(file.take(self.bytes))))
    }
}

impl Client {
    /// Stores a file; the entry that it is then.
    pub async fn put(
        &self,
        path: &str,
        file: &FileSource,
        overwrite: Overwrite,
    ) -> Result<Entry, ClientError> {
        self.ask(put(path, overwrite).file(file)).await
    }

    /// Copies a file through this machine; the entry that the copy is.
    pub async fn copy(
        &self,
        from: &Entry,
        to: &str,
        overwrite: Overwrite,
    ) -> Result<Entry, ClientError> {
        let source = self.get(&from.path).await?;
        let bytes = length(&source)?;
        let kept = from.content_type.as_deref().unwrap_or("application/octet-stream");
        let call = put(to, overwrite).header(CONTENT_TYPE, kept);
        let body = reqwest::Body::wrap_stream(source.bytes_stream());
        let answer = self.send_stream(call, (bytes, body)).await?;
        let answer = answer.bytes().await.map_err(|error| self.lost(&error))?;
        serde_json::from_slice(&answer)
            .map_err(|error| ClientError::Unintelligible(error.to_string()))
    }

    /// Reads a file: the head of the answer, with the bytes still to come.
    pub async fn get(&self, path: &str) -> Result<Response, ClientError> {
        self.send(Call::get(&target(path))).await
    }
}

fn put<'a>(path: &str, overwrite: Overwrite) -> Call<'a> {
    let call = Call::new(Method::PUT, &target(path));
    match overwrite {
        Overwrite::Never => call.header(IF_NONE_MATCH, "*"),
        Overwrite::Always => call,
    }
}

/// The bytes that an answer announces.
pub(super) fn length(response: &Response) -> Result<u64, ClientError> {
    let announced = response.content_length();
    announced.ok_or_else(|| ClientError::Unintelligible("a file has no length".to_owned()))
}

/// The url of a path: each segment escaped by itself.
fn target(path: &str) -> String {
    let segments: Vec<String> = path.split('/').map(escaped).collect();
    format!("/files{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_slashes_and_nothing_else() {
        assert_eq!(target("/a b/%2e/ü?#"), "/files/a%20b/%252e/%C3%BC%3F%23");
        assert_eq!(target("/a/"), "/files/a/");
    }
}
