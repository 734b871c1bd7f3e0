//! One try to deliver one message.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};

use super::egress::{Egress, GuardedResolver, Refused};
use crate::domain::clock::Timestamp;
use crate::domain::webhooks::{Message, Webhook};

/// How long connecting may take.
const CONNECT_DURATION_MAX: Duration = Duration::from_secs(5);
/// How long a try may take in all. Well within a lease.
pub(super) const TRY_DURATION_MAX: Duration = Duration::from_secs(15);
/// How long a connection is kept for the next message.
const IDLE_DURATION_MAX: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read at most; nobody looks at them.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Sends messages, only to where it may.
#[derive(Clone)]
pub struct Sender {
    egress: Arc<Egress>,
    /// Made for the first message: the certificates of authorities take memory, which nobody
    /// pays who keeps no webhook.
    client: Arc<OnceLock<Client>>,
}

/// What came of a try.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// What was answered, if anything was.
    pub status: Option<StatusCode>,
    /// Why it counts as failed, in words for the webhook's owner; `None` where it does not.
    pub error: Option<String>,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Sent {
    /// Whether the receiver said that it is gone for good.
    pub fn is_gone(&self) -> bool {
        self.status == Some(StatusCode::GONE)
    }

    fn answered(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Self {
        let error = (!status.is_success()).then(|| match status.is_redirection() {
            true => format!("the answer was {}: redirects are not followed", status.as_u16()),
            false => format!("the answer was {}", status.as_u16()),
        });
        let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| pause_asked(text, now));
        Self { status: Some(status), error, retry_after }
    }

    fn unanswered(error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), ..Self::default() }
    }
}

impl Sender {
    /// A sender to wherever `egress` allows. It follows no redirect, since that could lead
    /// elsewhere, and asks no proxy, which would connect for it.
    pub fn new(egress: Egress) -> Self {
        Self { egress: Arc::new(egress), client: Arc::default() }
    }

    /// A machine without certificates of authorities sends all the same: no https is trusted then.
    fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = match builder(&self.egress).build() {
            Ok(client) => client,
            Err(error) => {
                tracing::warn!(%error, "webhooks reach no https: are certificates installed?");
                builder(&self.egress).tls_certs_only([]).build()?
            }
        };
        Ok(self.client.get_or_init(|| made))
    }

    /// Tries to deliver a message once.
    pub async fn send(&self, webhook: &Webhook, message: &Message, now: Timestamp) -> Sent {
        // A name is judged when it is resolved; an address, which is not resolved at all, here.
        let url = match self.egress.check_url(&webhook.url) {
            Ok(url) => url,
            Err(refusal) => return Sent::unanswered(refusal.to_string()),
        };
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(%error, "no connection to a webhook can be made");
                return Sent::unanswered("no connection could be made");
            }
        };
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", message.id.to_string())
            .header("webhook-timestamp", now.seconds().to_string())
            .header("webhook-signature", webhook.signatures(message, now))
            .body(message.body.clone());
        match request.send().await {
            Ok(response) => {
                let sent = Sent::answered(response.status(), response.headers(), now);
                drain(response).await;
                sent
            }
            Err(error) => Sent::unanswered(reason(&error)),
        }
    }
}

fn builder(egress: &Arc<Egress>) -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_DURATION_MAX)
        .timeout(TRY_DURATION_MAX)
        .pool_idle_timeout(IDLE_DURATION_MAX)
        .user_agent(concat!("delenda/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(GuardedResolver(Arc::clone(egress)))
}

/// Seconds, or a date.
fn pause_asked(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    let millis = i64::try_from(since_epoch.as_millis()).ok()?;
    Some(Timestamp::from_millis(millis).since(now))
}

/// Lets a short answer end, so that the connection can be used again, and no long one.
async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > ANSWER_BYTES_MAX {
            return;
        }
    }
}

/// Why there was no answer. Nothing of what a foreign server says, and no address.
fn reason(error: &reqwest::Error) -> String {
    let source: &(dyn std::error::Error + 'static) = error;
    let mut chain = std::iter::successors(Some(source), |error| (*error).source());
    if chain.any(<dyn std::error::Error>::is::<Refused>) {
        return Refused.to_string();
    }
    let text = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "there was no answer in time",
        (false, true) => "no connection could be made",
        (false, false) => "the connection broke off",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(784_111_777_000);

    fn answered(status: u16, retry_after: Option<&'static str>) -> Sent {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, http::HeaderValue::from_static(value));
        }
        Sent::answered(StatusCode::from_u16(status).unwrap(), &headers, NOW)
    }

    #[test]
    fn only_a_success_counts_as_one() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(answered(status, None).error, None, "{status}");
        }
        for status in [301, 302, 307, 400, 401, 404, 409, 410, 429, 500, 502, 503] {
            let error = answered(status, None).error.unwrap();
            assert!(error.contains(&status.to_string()), "{error}");
        }
        assert!(answered(410, None).is_gone() && !answered(404, None).is_gone());
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_until_a_date() {
        let asked = |text| answered(503, Some(text)).retry_after.map(|pause| pause.as_secs());
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        for wrong in ["", "soon", "-1", "1.5"] {
            assert_eq!(asked(wrong), None, "{wrong}");
        }
    }
}
