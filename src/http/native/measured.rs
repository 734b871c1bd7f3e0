//! `GET /metrics`: what is measured, for Prometheus.
//!
//! It tells of the whole installation, so that no organization's key reads it. Who may stands in
//! `docs/decisions/0012-who-reads-the-metrics.md`.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, FORWARDED, VIA};
use http::{HeaderMap, HeaderName};

use super::Native;
use crate::domain::clock::Timestamp;
use crate::domain::organization::Scope;
use crate::http::auth::working_key;
use crate::http::connection::Peer;
use crate::http::dialect::{Credential, DialectError, bearer};
use crate::http::error::ApiError;
use crate::http::state::Service;
use crate::ledger::{Gauges, LedgerErrorKind};
use crate::meters::{self, float};

/// The text format of Prometheus.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long reading the gauges may take.
const READ_MAX: Duration = Duration::from_secs(5);

/// Headers by which a proxy shows that somebody else asks.
const SIGNS_OF_A_PROXY: [HeaderName; 6] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

type Reading = (&'static str, Option<&'static str>, f64);

pub(super) async fn metrics(
    State(service): State<Service>,
    request: Request,
) -> Result<Response, DialectError<Native>> {
    if !(service.settings.metrics_public || is_asked_here(&service, &request)) {
        require_operator(&service, request.headers()).await?;
    }
    let now = service.clock.now();
    let gauges = tokio::time::timeout(READ_MAX, service.ledger.gauges());
    let gauges = gauges.await.unwrap_or_else(|_| {
        Err(LedgerErrorKind::Unavailable.because("the gauges were not read in time"))
    })?;
    // The store may be away: that is worth a gap in one gauge, and not a page without any.
    let free = tokio::time::timeout(READ_MAX, service.blobs.free_bytes()).await;
    let mut readings = readings(&gauges, now);
    if let Ok(Ok(Some(bytes))) = free {
        readings.push((meters::FREE_BYTES, Some("blobs"), float(bytes)));
    }
    readings.extend(service.meters.process(now));
    service.meters.set(&readings);
    let headers = [(CONTENT_TYPE, TEXT), (CACHE_CONTROL, "no-store")];
    Ok((headers, service.meters.render()).into_response())
}

/// Asked from this machine, and by no proxy that passes on what others ask. With a public url there
/// is a proxy, whether it shows or not.
fn is_asked_here(service: &Service, request: &Request) -> bool {
    let peer = request.extensions().get::<Peer>();
    let shows = |name| request.headers().contains_key(name);
    peer.is_some_and(|peer| peer.0.is_loopback())
        && service.settings.public_url.is_none()
        && !SIGNS_OF_A_PROXY.iter().any(shows)
}

async fn require_operator(service: &Service, headers: &HeaderMap) -> Result<(), ApiError> {
    let key = match bearer(headers) {
        Credential::Key(text) => working_key(service, &text).await?,
        Credential::Absent | Credential::Malformed | Credential::Token(_) => {
            return Err(ApiError::Unauthenticated);
        }
    };
    match key.organization {
        Some(_) => Err(ApiError::Forbidden(Scope::Admin)),
        None if key.scopes.allow(Scope::Read) => Ok(()),
        None => Err(ApiError::Forbidden(Scope::Read)),
    }
}

fn readings(gauges: &Gauges, now: Timestamp) -> Vec<Reading> {
    let age = |since: Option<Timestamp>| since.map_or(Duration::ZERO, |at| now.since(at));
    let counts = [
        (meters::LIVE_FILES, gauges.live.files),
        (meters::LIVE_BYTES, gauges.live.bytes),
        (meters::DOOMED_FILES, gauges.doomed.files),
        (meters::DOOMED_BYTES, gauges.doomed.bytes),
        (meters::CONDEMNED_FILES, gauges.condemned.files),
        (meters::CONDEMNED_BYTES, gauges.condemned.bytes),
        (meters::CONDEMNED_BATCHES, gauges.batches),
        (meters::EXPANSIONS, gauges.expansions),
        (meters::OPEN_INTENTS, gauges.open_intents),
        (meters::UNSETTLED_DELETIONS, gauges.unsettled_deletions),
        (meters::BALLAST_SPENT, u64::from(gauges.reserve_spent)),
        (meters::WEBHOOKS_PENDING, gauges.messages.pending),
        (meters::WEBHOOKS_DEAD, gauges.messages.dead),
        (meters::WEBHOOKS_DROPPED, gauges.messages.dropped),
    ];
    let mut readings: Vec<Reading> =
        counts.into_iter().map(|(name, count)| (name, None, float(count))).collect();
    for (name, since) in [
        (meters::OLDEST_CONDEMNED_SECONDS, gauges.oldest_condemned_at),
        (meters::OLDEST_WEBHOOK_SECONDS, gauges.oldest_message_at),
    ] {
        readings.push((name, None, age(since).as_secs_f64()));
    }
    if let Some(bytes) = gauges.free_bytes {
        readings.push((meters::FREE_BYTES, Some("database"), float(bytes)));
    }
    readings
}
