//! Uploads that come in pieces (tus 1.0.0): begun, taken up again where they broke, given up.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HeaderName, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, Method};

use super::error::ClientError;
use super::files::Overwrite;
use super::source::FileSource;
use super::transport::{Call, Client, escaped};

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
/// The version of the protocol.
const VERSION: &str = "1.0.0";
/// The media type of a piece.
const PIECE: &str = "application/offset+octet-stream";

impl Client {
    /// Begins an upload of this length to this path; its identity.
    pub async fn begin_upload(
        &self,
        path: &str,
        bytes: u64,
        overwrite: Overwrite,
    ) -> Result<String, ClientError> {
        let call = call(Method::POST, "/uploads")
            .header(UPLOAD_LENGTH, &bytes.to_string())
            .header(UPLOAD_METADATA, &format!("path {}", STANDARD.encode(path)));
        let call = match overwrite {
            Overwrite::Never => call.header(IF_NONE_MATCH, "*"),
            Overwrite::Always => call,
        };
        let answer = self.send(call).await?;
        let place = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok());
        let id = place.and_then(|place| place.rsplit('/').next()).filter(|id| !id.is_empty());
        id.map(ToOwned::to_owned).ok_or_else(|| unclear("an upload has no place"))
    }

    /// The byte at which an upload goes on; `None` where it is not there any more.
    pub async fn upload_offset(&self, id: &str) -> Result<Option<u64>, ClientError> {
        match self.send(call(Method::HEAD, &target(id))).await {
            Ok(answer) => offset(answer.headers()).map(Some),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends what is left of a file, which begins at the byte that the server has next; the byte
    /// at which the upload goes on then. With the last one, the file is there.
    pub async fn append(&self, id: &str, rest: &FileSource) -> Result<u64, ClientError> {
        let from = rest.bytes() - rest.left();
        let call = call(Method::PATCH, &target(id))
            .header(UPLOAD_OFFSET, &from.to_string())
            .header(CONTENT_TYPE, PIECE)
            .file(rest);
        offset(self.send(call).await?.headers())
    }

    /// Gives an upload up; one that is not there any more, or is a file by now, is a success.
    pub async fn give_up_upload(&self, id: &str) -> Result<(), ClientError> {
        match self.send(call(Method::DELETE, &target(id))).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_missing() || error.is_conflict() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn call<'a>(method: Method, path: &str) -> Call<'a> {
    Call::new(method, path).header(TUS_RESUMABLE, VERSION)
}

fn target(id: &str) -> String {
    format!("/uploads/{}", escaped(id))
}

fn offset(headers: &HeaderMap) -> Result<u64, ClientError> {
    let text = headers.get(UPLOAD_OFFSET).and_then(|value| value.to_str().ok());
    let offset = text.and_then(|text| text.parse().ok());
    offset.ok_or_else(|| unclear("an upload has no offset"))
}

fn unclear(what: &str) -> ClientError {
    ClientError::Unintelligible(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_that_is_no_number_is_no_answer() {
        let read = |value: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(UPLOAD_OFFSET, http::HeaderValue::from_static(value));
            }
            offset(&headers).ok()
        };
        assert_eq!(read(Some("17")), Some(17));
        for wrong in [None, Some(""), Some("-1"), Some("1.5"), Some("x")] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
