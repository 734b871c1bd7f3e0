//! An HTTP client that holds a key, and what it gets for an answer. The verbs of the dialects are
//! in `doors.rs`.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::sync::OnceCell;

use std::sync::Arc;
use std::time::Duration;

const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A client with one key. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    pub key_id: String,
    pub key: String,
    token: Arc<OnceCell<String>>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// In which header a request carries its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// `X-API-KEY`
    Renderio,
    /// `Authorization: Bearer KEY`
    Bearer,
    /// `x-user-api-key`
    Merple,
    /// `Authorization: Bearer TOKEN`
    Sirv,
    /// None.
    Nothing,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header, where it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The answer itself, whose status must be this.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

impl Client {
    /// A client of the server at `base`.
    pub fn new(base: &str, key_id: &str, key: &str) -> Self {
        let http = reqwest::Client::builder().timeout(ANSWER_MAX).no_proxy().build().unwrap();
        let token = Arc::new(OnceCell::new());
        let [base, key_id, key] = [base, key_id, key].map(str::to_owned);
        Self { http, base, key_id, key, token }
    }

    /// A request to a target, path and query, with this proof.
    pub async fn request(
        &self,
        method: Method,
        target: &str,
        proof: Proof,
    ) -> reqwest::Result<RequestBuilder> {
        let request = self.http.request(method, format!("{}{target}", self.base));
        Ok(match proof {
            Proof::Renderio => request.header("X-API-KEY", &self.key),
            Proof::Bearer => request.bearer_auth(&self.key),
            Proof::Merple => request.header("x-user-api-key", &self.key),
            Proof::Sirv => request.bearer_auth(self.sirv_token().await?),
            Proof::Nothing => request,
        })
    }

    /// Sends a request without a body.
    pub async fn send(
        &self,
        method: Method,
        target: &str,
        proof: Proof,
    ) -> reqwest::Result<Answer> {
        answer(self.request(method, target, proof).await?).await
    }

    /// Sends a request with a raw body.
    pub async fn send_bytes(
        &self,
        method: Method,
        target: &str,
        proof: Proof,
        body: Bytes,
    ) -> reqwest::Result<Answer> {
        answer(self.request(method, target, proof).await?.body(body)).await
    }

    /// Sends a request with a JSON body.
    pub async fn send_json(
        &self,
        method: Method,
        target: &str,
        proof: Proof,
        body: &Value,
    ) -> reqwest::Result<Answer> {
        answer(self.request(method, target, proof).await?.json(body)).await
    }

    /// The Sirv token of this client's key, fetched once.
    async fn sirv_token(&self) -> reqwest::Result<&str> {
        let fetch = async || {
            let body = serde_json::json!({"clientId": self.key_id, "clientSecret": self.key});
            let request = self.http.post(format!("{}/v2/token", self.base)).json(&body);
            let answer = answer(request).await?.expect(200);
            Ok(answer.json()["token"].as_str().unwrap().to_owned())
        };
        self.token.get_or_try_init(fetch).await.map(String::as_str)
    }
}

/// Sends a request and reads the whole answer.
pub async fn answer(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await? })
}
