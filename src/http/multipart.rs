//! Multipart uploads: the file's bytes stream into the blob store while they come, and the text
//! fields may stand before or after them. The row is committed by the caller, when the form is
//! whole; a form that breaks off leaves nothing.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::error::ApiError;
use super::json::{announced_length, check_encoding, check_length};
use super::media::media_type;
use super::pace::is_too_slow;
use super::state::{FORM_BYTES_SPARE, Service};
use crate::domain::organization::Realm;
use crate::domain::plans::{Announced, Target};
use crate::uploads::Received;

/// Parts of one form at most.
const PARTS_MAX: usize = 100;
/// Bytes of one text field at most.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Bytes that may be read without a part, or a piece of one, coming of them: the bound of the
/// headers of a part, and of what stands before the first.
const UNREAD_BYTES_MAX: u64 = 256 << 10;
/// The field that holds the file, in every dialect that takes forms.
const FILE_FIELD: &str = "file";
/// What is wrong with a body that is no form.
const NO_FORM: &str = "the body is not multipart/form-data";

/// A form that was read whole.
pub struct Form {
    /// The file, where there was one: durable, and swept unless it is attached.
    pub file: Option<FormFile>,
    /// The other fields, in order.
    pub texts: Vec<(String, String)>,
}

/// The file of a form.
pub struct FormFile {
    /// Its bytes.
    pub received: Received,
    /// The client's name for it; empty where it gave none.
    pub name: String,
    /// A media type.
    pub content_type: String,
}

/// Why a form was not read.
#[derive(Debug)]
pub enum FormError {
    /// It is no form, or broke off. What that means is the dialect's.
    Unreadable(String),
    /// Anything that every dialect means in the same way.
    Other(ApiError),
}

impl<E: Into<ApiError>> From<E> for FormError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl FormError {
    /// As most dialects have it: what is no form is not valid.
    pub fn invalid(self) -> ApiError {
        match self {
            Self::Unreadable(text) => ApiError::Invalid(text),
            Self::Other(error) => error,
        }
    }
}

impl Form {
    /// The text of a field that may stand once.
    pub fn single(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut texts = self.all(name);
        let first = texts.next();
        match texts.next() {
            Some(_) => Err(ApiError::Invalid(format!("field '{name}' is given more than once"))),
            None => Ok(first),
        }
    }

    /// The texts of a field that may be repeated, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.texts.iter().filter(move |(other, _)| other == name).map(|(_, text)| text.as_str())
    }
}

/// Refuses a body by what its head says of it: too long, encoded, or no form. For callers that
/// judge more before they read.
pub fn check(service: &Service, headers: &HeaderMap) -> Result<(), FormError> {
    check_length(headers, service.settings.body_bytes_max())?;
    check_encoding(headers)?;
    let given = headers.get(CONTENT_TYPE).and_then(|given| given.to_str().ok());
    let essence = given.and_then(|text| text.split(';').next()).unwrap_or_default();
    match essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        true => Ok(()),
        false => Err(FormError::Unreadable(NO_FORM.to_owned())),
    }
}

/// Reads a form whole, its file into the blob store, unless the plan of the realm's organization
/// or the disk has no room for it. `target` says where the file goes, as far as that is known
/// before the form is read.
pub async fn read_form(
    service: &Service,
    realm: &Realm,
    target: Target,
    request: Request,
) -> Result<Form, FormError> {
    check(service, request.headers())?;
    let announced = announced_length(request.headers()).saturating_sub(FORM_BYTES_SPARE);
    let unread = Unread::default();
    let mut multipart = open(request, &unread).await?;
    let mut form = Form { file: None, texts: Vec::new() };
    for _ in 0..PARTS_MAX {
        let next = within(service.settings.body_idle_max, multipart.next_field()).await?;
        unread.reset();
        let Some(field) = next.map_err(|error| unreadable(&error))? else { return Ok(form) };
        match field.name() {
            Some(FILE_FIELD) if form.file.is_some() => {
                return Err(ApiError::Invalid("field 'file' is given more than once".into()).into());
            }
            Some(FILE_FIELD) => {
                let content_type = content_type_of(&field);
                let target = target.clone();
                let announced = Announced { bytes: announced, content_type, target };
                form.file = Some(read_file((service, realm), announced, field, &unread).await?);
            }
            Some(name) => {
                let name = name.to_owned();
                let idle_max = service.settings.body_idle_max;
                form.texts.push((name, read_text(field, &unread, idle_max).await?));
            }
            None => return Err(FormError::Unreadable("a part of the form has no name".to_owned())),
        }
    }
    Err(ApiError::Invalid(format!("the form has more than {PARTS_MAX} parts")).into())
}

async fn open(request: Request, unread: &Unread) -> Result<Multipart, FormError> {
    let unread = unread.clone();
    let mut request = request.map(|body| {
        let chunks = body.into_data_stream();
        Body::from_stream(Paced { chunks, unread, resting: false })
    });
    // The bounds of this module hold in place of the framework's.
    DefaultBodyLimit::disable().apply(&mut request);
    Multipart::from_request(request, &())
        .await
        .map_err(|_| FormError::Unreadable(NO_FORM.to_owned()))
}

fn content_type_of(field: &Field<'_>) -> String {
    media_type(field.content_type(), field.file_name().unwrap_or_default())
}

async fn read_file(
    (service, realm): (&Service, &Realm),
    announced: Announced,
    field: Field<'_>,
    unread: &Unread,
) -> Result<FormFile, FormError> {
    let name = field.file_name().unwrap_or_default().to_owned();
    if name.chars().any(char::is_control) {
        // Answers show the name that was given: leaving something out would make it another one.
        let text = "the name of the file has a control character".to_owned();
        return Err(ApiError::Invalid(text).into());
    }
    let bytes = field.inspect(|_| unread.reset());
    let received = service.uploader.receive_announced(realm, &announced, bytes).await?;
    Ok(FormFile { received, name, content_type: announced.content_type })
}

async fn read_text(
    mut field: Field<'_>,
    unread: &Unread,
    idle_max: Duration,
) -> Result<String, FormError> {
    let mut text = Vec::new();
    loop {
        let chunk = within(idle_max, field.chunk()).await?;
        let Some(bytes) = chunk.map_err(|error| unreadable(&error))? else { break };
        unread.reset();
        if text.len() + bytes.len() > TEXT_BYTES_MAX {
            return Err(ApiError::TooLarge { limit: TEXT_BYTES_MAX as u64 }.into());
        }
        text.extend_from_slice(&bytes);
    }
    let text = String::from_utf8(text);
    text.map_err(|_| ApiError::Invalid("a field of the form is not valid UTF-8".into()).into())
}

async fn within<T>(idle_max: Duration, work: impl Future<Output = T>) -> Result<T, ApiError> {
    tokio::time::timeout(idle_max, work).await.map_err(|_| ApiError::Timeout)
}

fn unreadable(error: &MultipartError) -> FormError {
    if is_too_slow(error) {
        return FormError::Other(ApiError::Timeout);
    }
    FormError::Unreadable(format!("the form cannot be read: {}", error.body_text()))
}

/// Bytes that the form's reader has taken in since it last gave something out.
#[derive(Clone, Default)]
struct Unread(Arc<AtomicU64>);

impl Unread {
    fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A body of which the form's reader gets one chunk at a time: by itself it would take in all that
/// has arrived, however much that is, before it gives anything out.
struct Paced {
    chunks: BodyDataStream,
    unread: Unread,
    resting: bool,
}

#[derive(Debug, thiserror::Error)]
enum PacedError {
    #[error("the headers of a part are too long")]
    TooLong,
    #[error("the body broke off")]
    Body(#[source] axum::Error),
}

impl Stream for Paced {
    type Item = Result<Bytes, PacedError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.resting {
            self.resting = false;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.unread.0.load(Ordering::Relaxed) > UNREAD_BYTES_MAX {
            return Poll::Ready(Some(Err(PacedError::TooLong)));
        }
        let next = std::task::ready!(self.chunks.poll_next_unpin(context));
        self.resting = true;
        Poll::Ready(next.map(|chunk| {
            let chunk = chunk.map_err(PacedError::Body)?;
            self.unread.0.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            Ok(chunk)
        }))
    }
}
