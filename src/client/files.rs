//! The bytes of files.

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use http::header::{CONTENT_RANGE, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, RANGE};
use http::{Method, StatusCode};
use reqwest::Response;

use super::entries::Entry;
use super::error::ClientError;
use super::source::FileSource;
use super::transport::{Call, Client, escaped, whole};

/// Whether what lies there already may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Nothing may lie there.
    Never,
    /// Whatever lies there is replaced.
    Always,
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

    /// Copies a file over another one, through this machine; the entry that the copy is.
    pub async fn copy_over(
        &self,
        from: &Entry,
        to: &str,
        overwrite: Overwrite,
    ) -> Result<Entry, ClientError> {
        let source = self.get(from, 0).await?;
        let kept = from.content_type.as_deref().unwrap_or("application/octet-stream");
        let call = put(to, overwrite).header(CONTENT_TYPE, kept);
        let chunks = source.bytes_stream().map_err(std::io::Error::other);
        let answer = whole(self.send_stream(call, chunks).await?).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| ClientError::Unintelligible(error.to_string()))
    }

    /// Stores what comes, whose length nobody knows yet; the entry that it is then.
    pub async fn put_stream<S>(
        &self,
        path: &str,
        chunks: S,
        overwrite: Overwrite,
    ) -> Result<Entry, ClientError>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    {
        let answer = whole(self.send_stream(put(path, overwrite), chunks).await?).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| ClientError::Unintelligible(error.to_string()))
    }

    /// Reads this version of a file from a byte on: the head of the answer, with the bytes still
    /// to come.
    pub async fn get(&self, file: &Entry, from: u64) -> Result<Response, ClientError> {
        let call = Call::get(&target(&file.path));
        let call = match &file.etag {
            Some(etag) => call.header(IF_MATCH, etag),
            None => call,
        };
        if from == 0 {
            return self.send(call).await;
        }
        let answer = self.send(call.header(RANGE, &format!("bytes={from}-"))).await?;
        let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let begins = range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")));
        match answer.status() == StatusCode::PARTIAL_CONTENT && begins {
            true => Ok(answer),
            false => Err(ClientError::Unintelligible("another range came".to_owned())),
        }
    }
}

fn put<'a>(path: &str, overwrite: Overwrite) -> Call<'a> {
    let call = Call::new(Method::PUT, &target(path));
    match overwrite {
        Overwrite::Never => call.header(IF_NONE_MATCH, "*"),
        Overwrite::Always => call,
    }
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
