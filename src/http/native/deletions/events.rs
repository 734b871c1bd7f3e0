//! `GET /delenda/v1/deletions/{id}/events`: progress as server-sent events, to the end.
//!
//! Nothing is kept for a stream: each event is the record as it is then, and its id follows from
//! the record's counts. So a client may come back with `Last-Event-ID` to another process, after
//! any time, and is told what it has not seen. A client that reads slowly misses the events in
//! between and never the last one.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};
use utoipa::ToSchema;

use super::answer::{Doomed, Purged};
use super::{may_see, named};
use crate::deletion::progress::{Following, Progress};
use crate::deletion::record::{DeletionRecord, DeletionState};
use crate::domain::organization::Caller;
use crate::http::auth::Authenticated;
use crate::http::dialect::DialectError;
use crate::http::error::ApiError;
use crate::http::native::{Native, problem};
use crate::http::segment::Segment;
use crate::http::state::Service;
use crate::http::streams::{OpenStream, Rhythm, STREAMS_PER_ORGANIZATION_MAX};

/// How long a client waits before it comes back, in milliseconds.
const RETRY_MILLIS: u32 = 2000;
/// When a client may try again that has too many streams: some may have ended by then.
const STREAM_RETRY_SECONDS: u64 = 15;

/// What an event tells.
#[derive(Serialize, ToSchema)]
#[schema(as = DeletionProgress)]
pub(super) struct Told {
    #[schema(value_type = String)]
    state: DeletionState,
    doomed: Doomed,
    purged: Purged,
    percent: u8,
    /// At the pace of the last seconds; absent where that is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    seconds_left: Option<u64>,
}

/// Follows a deletion to its end
///
/// Events `progress`, at most four a second, and at the end one event `settled`. Each has an id
/// that grows; whoever comes back with it as `Last-Event-ID` is told what changed since, and gets
/// a 204 where that was the last. A comment comes every 15 seconds. At most 64 streams are open
/// for an organization.
#[utoipa::path(
    get,
    path = "/delenda/v1/deletions/{id}/events",
    tag = "deletions",
    params(
        ("id" = String, Path, description = "The deletion"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen"),
    ),
    responses(
        (status = 200, description = "Events, whose data is this", body = Told, content_type = "text/event-stream"),
        (status = 204, description = "The last event was seen already"),
        (status = 404, description = "No such deletion"),
    )
)]
pub(super) async fn events(
    State(service): State<Service>,
    authenticated: Authenticated<Native>,
    headers: HeaderMap,
    id: Segment<3>,
) -> Result<Response, DialectError<Native>> {
    may_see(&authenticated)?;
    let realm = &authenticated.caller.realm;
    let following = service.progress.follow(realm, named(&id)?).await?;
    let mut following = following.ok_or(ApiError::NotFound)?;
    let (told, latest) = (last_event(&headers), following.latest());
    if latest.is_settled() && told == Some(event_id(&latest.record)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let Some(open) = service.streams.open(realm.organization) else {
        return Ok(too_many_streams());
    };
    let teller = Teller::new((service, authenticated.caller), following, open, told);
    let chunks = futures::stream::unfold(teller, async |mut teller| {
        let chunk = teller.next().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), teller))
    });
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // A proxy that gathers answers would keep the events for itself.
        (http::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

fn too_many_streams() -> Response {
    let mut response = problem::too_many_streams(STREAMS_PER_ORGANIZATION_MAX);
    response.headers_mut().insert(RETRY_AFTER, STREAM_RETRY_SECONDS.into());
    response
}

/// The id that a client saw last. What is none of ours is passed over: then all is told.
fn last_event(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

/// Grows with every change that a record goes through, wherever and whenever it is read: each of
/// its parts only ever grows.
fn event_id(record: &DeletionRecord) -> u64 {
    let stage = match record.state {
        DeletionState::Selecting => 0,
        DeletionState::Purging => 1,
        DeletionState::Settled => 2,
    };
    record.doomed.files + record.doomed.folders + record.purged.files + stage
}

/// One stream.
struct Teller {
    service: Service,
    caller: Caller,
    following: Following,
    open: OpenStream,
    /// The id of the last event that the client has.
    told: Option<u64>,
    rhythm: Rhythm,
    began: bool,
    ended: bool,
    quiet_until: Instant,
    keep_alive_at: Instant,
    key_look_at: Instant,
    ends_at: Instant,
}

impl Teller {
    fn new(
        (service, caller): (Service, Caller),
        following: Following,
        open: OpenStream,
        told: Option<u64>,
    ) -> Self {
        let (now, rhythm) = (Instant::now(), service.settings.rhythm);
        Self {
            service,
            caller,
            following,
            open,
            told,
            rhythm,
            began: false,
            ended: false,
            quiet_until: now,
            keep_alive_at: now + rhythm.keep_alive_interval,
            key_look_at: now + rhythm.key_look_interval,
            ends_at: now + rhythm.duration_max,
        }
    }

    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.began {
            self.began = true;
            return Some(format!("retry: {RETRY_MILLIS}\n\n").into());
        }
        while !self.ended {
            if let Some(event) = self.event() {
                return Some(event);
            }
            let quiet_until = self.quiet_until;
            let changed = async {
                sleep_until(quiet_until).await;
                self.following.changed().await
            };
            tokio::select! {
                biased;
                () = self.open.stopped() => return None,
                () = sleep_until(self.ends_at) => return None,
                () = sleep_until(self.key_look_at) => {
                    if !key_works(&self.service, &self.caller).await {
                        return None;
                    }
                    self.key_look_at = Instant::now() + self.rhythm.key_look_interval;
                }
                () = sleep_until(self.keep_alive_at) => {
                    self.keep_alive_at = Instant::now() + self.rhythm.keep_alive_interval;
                    return Some(Bytes::from_static(b": still there\n\n"));
                }
                is_followed = changed => {
                    if !is_followed && !self.following.latest().is_settled() {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// What the client has not been told, if anything.
    fn event(&mut self) -> Option<Bytes> {
        let progress = self.following.latest();
        let id = event_id(&progress.record);
        if !progress.is_settled() && self.told == Some(id) {
            return None;
        }
        self.told = Some(id);
        self.ended = progress.is_settled();
        let now = Instant::now();
        self.quiet_until = now + self.rhythm.event_interval_min;
        self.keep_alive_at = now + self.rhythm.keep_alive_interval;
        Some(rendered(id, &progress))
    }
}

fn rendered(id: u64, progress: &Progress) -> Bytes {
    let Progress { record, seconds_left } = progress;
    let told = Told {
        state: record.state,
        doomed: record.doomed.into(),
        purged: record.purged.into(),
        percent: record.percent(),
        seconds_left: *seconds_left,
    };
    let event = match progress.is_settled() {
        true => "settled",
        false => "progress",
    };
    let data = serde_json::to_string(&told).expect("counts and words make a JSON text");
    format!("id: {id}\nevent: {event}\ndata: {data}\n\n").into()
}

/// Whether whoever opened the stream might still do so. In doubt it ends, and its client asks
/// again.
async fn key_works(service: &Service, caller: &Caller) -> bool {
    let now = service.clock.now();
    let key = service.ledger.key_by_id(caller.key).await;
    let works = matches!(key, Ok(Some(key)) if key.works_at(now));
    let organization = service.ledger.organization(caller.organization.id).await;
    works && matches!(organization, Ok(Some(own)) if own.disabled_at.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deletion::record::Counts;
    use crate::deletion::request::Door;
    use crate::domain::clock::Timestamp;
    use crate::domain::id::{DeletionId, KeyId};
    use crate::domain::usage::Tally;

    fn record(files: u64, purged: u64, state: DeletionState) -> DeletionRecord {
        DeletionRecord {
            id: DeletionId::from_bytes([1; 16]),
            key: KeyId::from_bytes([2; 16]),
            door: Door::Native,
            at: Timestamp::from_millis(0),
            state,
            doomed: Counts { files, bytes: files * 10, folders: 2 },
            purged: Tally { files: purged, bytes: purged * 10 },
            missing: 0,
            changed: Counts::default(),
            skipped: Vec::new(),
            locked_files: 0,
            cancelled_at: None,
            settled_at: None,
        }
    }

    #[test]
    fn the_id_of_an_event_grows_with_every_change() {
        let course = [
            record(8, 0, DeletionState::Selecting),
            record(9, 0, DeletionState::Selecting),
            record(9, 9, DeletionState::Selecting),
            record(10, 9, DeletionState::Selecting),
            record(10, 9, DeletionState::Purging),
            record(10, 10, DeletionState::Purging),
            record(11, 10, DeletionState::Purging),
            record(11, 11, DeletionState::Purging),
            record(11, 11, DeletionState::Settled),
        ];
        let ids: Vec<u64> = course.iter().map(event_id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    }

    #[test]
    fn an_event_is_three_lines_and_names_no_time_that_it_does_not_know() {
        let progress =
            |seconds_left, state| Progress { record: record(10, 4, state), seconds_left };
        let text = rendered(16, &progress(Some(3), DeletionState::Purging));
        let expected = "id: 16\nevent: progress\ndata: {\"state\":\"purging\",\
            \"doomed\":{\"files\":10,\"bytes\":100,\"folders\":2},\
            \"purged\":{\"files\":4,\"bytes\":40},\"percent\":40,\"seconds_left\":3}\n\n";
        assert_eq!(text, expected);
        let text = rendered(17, &progress(None, DeletionState::Settled));
        let text = std::str::from_utf8(&text).unwrap();
        assert!(text.starts_with("id: 17\nevent: settled\n") && !text.contains("seconds_left"));
    }

    #[test]
    fn a_last_event_that_is_none_of_ours_is_passed_over() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("last-event-id", text.parse().unwrap());
            last_event(&headers)
        };
        assert_eq!(of("17"), Some(17));
        for other in ["", "x", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
