//! One request: its url, its proof, its repetitions, its answer or its problem.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Response;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::access::Access;
use super::error::{ClientError, Problem};
use super::source::{FileSource, Reading};

/// How long a connection may take to be there.
const CONNECT_DURATION_MAX: Duration = Duration::from_secs(10);
/// How long the server may be silent. Streams of events have a comment every 15 seconds.
const SILENCE_DURATION_MAX: Duration = Duration::from_secs(90);
/// How long a connection is kept for the next request: less than the server keeps it.
const IDLE_DURATION_MAX: Duration = Duration::from_secs(20);
/// How often a request is sent again that was certainly not accepted.
const REPETITIONS_MAX: u32 = 5;
/// A pause that is longer is not waited for: the caller is told.
const PAUSE_SECONDS_MAX: u64 = 30;
/// The first pause where the server names none; each further one is twice as long.
const PAUSE_SECONDS_MIN: u64 = 1;
/// Bytes of a JSON answer at most: a page of a thousand entries is far smaller.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// How long an answer may take that the server works for: a copy of many files.
const WORK_DURATION_MAX: Duration = Duration::from_secs(3600);
/// Names one effect, so that a repetition of the request does not have it twice.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What stands in a path and in a query as it is; all else is escaped.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A client of one server with one key. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    /// For bodies that may take as long as they go on: its silence is looked for elsewhere.
    sending: reqwest::Client,
    access: Access,
}

/// A request that can be sent more than once.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    method: Method,
    target: String,
    headers: Vec<(HeaderName, String)>,
    body: CallBody<'a>,
    takes_its_time: bool,
}

#[derive(Clone, Debug)]
enum CallBody<'a> {
    Nothing,
    Json(String),
    File(&'a FileSource),
}

impl<'a> Call<'a> {
    /// A call of `path`, which is escaped already, below the API's root.
    pub(super) fn new(method: Method, path: &str) -> Self {
        let (target, headers) = (path.to_owned(), Vec::new());
        Self { method, target, headers, body: CallBody::Nothing, takes_its_time: false }
    }

    pub(super) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// With a parameter in the query.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(name);
        self.target.push('=');
        self.target.push_str(&escaped(value));
        self
    }

    /// With a parameter, where there is a value for it.
    pub(super) fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn json(mut self, body: &impl Serialize) -> Result<Self, ClientError> {
        let text = serde_json::to_string(body);
        let text = text.map_err(|error| ClientError::Local(error.to_string()))?;
        self.body = CallBody::Json(text);
        Ok(self)
    }

    /// One whose answer comes when the server has worked for it.
    pub(super) fn that_takes_its_time(mut self) -> Self {
        self.takes_its_time = true;
        self
    }

    pub(super) fn file(mut self, file: &'a FileSource) -> Self {
        self.body = CallBody::File(file);
        self
    }
}

impl Client {
    /// A client; nothing is sent yet.
    pub fn new(access: Access) -> Result<Self, ClientError> {
        let builder = || {
            reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT_DURATION_MAX)
                .pool_idle_timeout(IDLE_DURATION_MAX)
                .user_agent(concat!("delenda/", env!("CARGO_PKG_VERSION")))
        };
        let built = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| ClientError::Local(chain(&error)))
        };
        // The time to read counts from the first byte of a request, not from its last.
        let http = built(builder().read_timeout(SILENCE_DURATION_MAX))?;
        Ok(Self { http, sending: built(builder())?, access })
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        self.access.url()
    }

    /// The server, and the organization where one is named: what a path is a path of.
    pub fn place(&self) -> String {
        match &self.access.organization {
            Some(organization) => format!("{}?organization={organization}", self.url()),
            None => self.url().to_owned(),
        }
    }

    /// The answer of a call that succeeds, as JSON of this shape.
    pub(super) async fn ask<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, ClientError> {
        let response = self.send(call).await?;
        let bytes = whole(response).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| ClientError::Unintelligible(error.to_string()))
    }

    /// The head of an answer that is a success, with its body still to come.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Response, ClientError> {
        let mut repetition = 0;
        loop {
            let response = self.send_once(&call).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let pause = pause_before(repetition, status, response.headers().get(RETRY_AFTER));
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(refusal(response).await),
            }
            repetition += 1;
        }
    }

    async fn send_once(&self, call: &Call<'_>) -> Result<Response, ClientError> {
        let request = |http| self.request(http, &call.method, &call.target, &call.headers);
        let request = match &call.body {
            CallBody::Nothing => request(&self.http)?,
            CallBody::Json(text) if call.takes_its_time => {
                let request = request(&self.sending)?.timeout(WORK_DURATION_MAX);
                request.header(CONTENT_TYPE, "application/json").body(text.clone())
            }
            CallBody::Json(text) => {
                request(&self.http)?.header(CONTENT_TYPE, "application/json").body(text.clone())
            }
            CallBody::File(file) => {
                let length = HeaderValue::from(file.left());
                let (body, reading) = file.open().await?;
                let request = request(&self.sending)?.header(CONTENT_LENGTH, length).body(body);
                let answer = self.answer(request, &reading).await;
                return answer.map_err(|error| file.fault(&reading).unwrap_or(error));
            }
        };
        request.send().await.map_err(|error| self.lost(&error))
    }

    /// Sends a body of unknown length that can be read once.
    pub(super) async fn send_stream<S>(
        &self,
        call: Call<'_>,
        chunks: S,
    ) -> Result<Response, ClientError>
    where
        S: futures::Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    {
        let reading = Reading::default();
        let told = reading.clone();
        let chunks = chunks.inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                told.count(chunk);
            }
        });
        let request = self.request(&self.sending, &call.method, &call.target, &call.headers)?;
        let body = reqwest::Body::wrap_stream(chunks);
        let response = self.answer(request.body(body), &reading).await?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(refusal(response).await),
        }
    }

    /// The answer to a request whose body takes its time, unless nothing goes any more.
    async fn answer(
        &self,
        request: reqwest::RequestBuilder,
        reading: &Reading,
    ) -> Result<Response, ClientError> {
        tokio::select! {
            answer = request.send() => answer.map_err(|error| self.lost(&error)),
            () = reading.silence(SILENCE_DURATION_MAX) => Err(ClientError::Unreachable(format!(
                "{}: nothing went for {} seconds", self.url(), SILENCE_DURATION_MAX.as_secs()
            ))),
        }
    }

    fn request(
        &self,
        http: &reqwest::Client,
        method: &Method,
        target: &str,
        headers: &[(HeaderName, String)],
    ) -> Result<reqwest::RequestBuilder, ClientError> {
        let mut url = format!("{}/delenda/v1{target}", self.access.base);
        if let Some(organization) = &self.access.organization {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str("organization=");
            url.push_str(&escaped(organization));
        }
        let proof = format!("Bearer {}", self.access.key.expose_secret());
        let mut proof = HeaderValue::try_from(proof)
            .map_err(|_| ClientError::Local("the key cannot be sent".to_owned()))?;
        proof.set_sensitive(true);
        let mut request = http.request(method.clone(), url).header(AUTHORIZATION, proof);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Ok(request)
    }

    /// A request without an answer.
    pub(super) fn lost(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable(format!("{}: {}", self.url(), chain(error)))
    }
}

/// A text as part of a path or of a query.
pub(super) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// The innermost reason, which says most: a url may be part of the outer ones.
fn chain(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// How long to wait before the next try; `None`: there is none.
fn pause_before(
    repetition: u32,
    status: StatusCode,
    retry_after: Option<&HeaderValue>,
) -> Option<Duration> {
    let is_passing =
        status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE;
    if !is_passing || repetition >= REPETITIONS_MAX {
        return None;
    }
    let named = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let seconds = named.unwrap_or(PAUSE_SECONDS_MIN << repetition);
    (seconds <= PAUSE_SECONDS_MAX).then(|| Duration::from_secs(seconds))
}

async fn refusal(response: Response) -> ClientError {
    let status = response.status();
    let body = whole(response).await.unwrap_or_default();
    let mut problem = serde_json::from_slice::<Problem>(&body).unwrap_or_default();
    problem.status = status.as_u16();
    if problem.title.is_empty() {
        problem.title = status.canonical_reason().unwrap_or("an unknown status").to_owned();
    }
    let is_passing = status == StatusCode::TOO_MANY_REQUESTS;
    match status.is_client_error() && !is_passing {
        true => ClientError::Refused(Box::new(problem)),
        false if status.is_redirection() => ClientError::Unintelligible(format!(
            "{} leads elsewhere: give the url of the server itself",
            status.as_u16()
        )),
        false => ClientError::Failing(Box::new(problem)),
    }
}

pub(super) async fn whole(response: Response) -> Result<Vec<u8>, ClientError> {
    let mut bytes = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| ClientError::Unreachable(chain(&error)))?;
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(ClientError::Unintelligible("it is too long".to_owned()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_not_accepted_is_sent_again_and_only_after_a_short_pause() {
        let pause = |repetition, status: u16, after: Option<&'static str>| {
            let status = StatusCode::from_u16(status).unwrap();
            let after = after.map(HeaderValue::from_static);
            pause_before(repetition, status, after.as_ref()).map(|pause| pause.as_secs())
        };
        assert_eq!(pause(0, 429, Some("7")), Some(7));
        assert_eq!(pause(4, 503, Some("0")), Some(0));
        assert_eq!(pause(0, 503, None), Some(1));
        assert_eq!(pause(3, 503, Some("soon")), Some(8));
        assert_eq!(pause(0, 429, Some("3600")), None);
        assert_eq!(pause(5, 429, Some("1")), None);
        for status in [400, 401, 404, 408, 409, 423, 500, 502, 504, 507] {
            assert_eq!(pause(0, status, Some("1")), None, "{status}");
        }
    }

    #[test]
    fn parameters_are_escaped_and_never_change_the_path() {
        let call = Call::get("/entries").with("path", "/a b/ü&x=1?#%2f").with("limit", "5");
        assert_eq!(call.target, "/entries?path=%2Fa%20b%2F%C3%BC%26x%3D1%3F%23%252f&limit=5");
        assert_eq!(Call::get("/usage").with_some("x", None).target, "/usage");
    }
}
