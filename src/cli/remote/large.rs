//! Storing a large file: in pieces, and taken up again where it broke, in this run or in a later
//! one.

use std::time::Duration;

use super::round::Came;
use super::talk::note;
use super::unfinished::{Fingerprint, Notes, Target, Unfinished};
use crate::client::{Client, ClientError, FileSource, Overwrite};

/// From so many bytes on a file is stored in pieces.
pub(super) const LARGE_BYTES_MIN: u64 = 16 << 20;
/// How often an upload is taken up again without a byte in between.
pub(super) const RESUMPTIONS_MAX: u32 = 10;
/// The same where the server still holds what broke: it may be something else that stands against.
const CONFLICTS_MAX: u32 = 3;
/// The pause before it is.
pub(super) const RESUMPTION_PAUSE: Duration = Duration::from_secs(1);

/// One file, and what is known of its upload.
pub(super) struct Large<'a> {
    pub(super) client: &'a Client,
    pub(super) notes: &'a Notes,
    pub(super) path: &'a str,
    pub(super) file: &'a FileSource,
    pub(super) overwrite: Overwrite,
}

impl Large<'_> {
    /// Stores it, from where it broke last if that is known.
    pub(super) async fn store(&self) -> Result<Came, ClientError> {
        let only_new = self.overwrite == Overwrite::Never;
        let fingerprint = Fingerprint::of(self.file, only_new).map_err(|error| {
            ClientError::Local(format!("{}: {error}", self.file.path().display()))
        })?;
        let (upload, offset) = match self.taken_up(&fingerprint).await? {
            Some(begun) => begun,
            None => (self.begin(fingerprint).await?, 0),
        };
        let stored = self.send_all(&upload, offset).await;
        match &stored {
            Ok(()) => self.notes.forget(&self.target()),
            // The file here is another one now, or one is there: nobody will go on with this.
            Err(error) if matches!(error, ClientError::Local(_)) || error.is_precondition() => {
                self.give_up(&upload).await;
            }
            Err(_) => {}
        }
        stored.map(|()| Came::Done(self.file.bytes() - offset))
    }

    /// Forgets what is known of an upload to this place: what is there needs none.
    pub(super) async fn forget(&self) {
        if let Some(before) = self.notes.find(&self.target()) {
            self.give_up(&before.upload).await;
        }
    }

    fn target(&self) -> Target {
        Target { server: self.client.place(), path: self.path.to_owned() }
    }

    /// The upload that was begun for this very file, and where it goes on.
    async fn taken_up(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<(String, u64)>, ClientError> {
        let Some(before) = self.notes.find(&self.target()) else { return Ok(None) };
        if before.fingerprint != *fingerprint {
            self.give_up(&before.upload).await;
            return Ok(None);
        }
        let offset = self.client.upload_offset(&before.upload).await?;
        // One that is whole is a file already, which may be another by now: it is not asked again.
        let goes_on = offset.filter(|offset| *offset < self.file.bytes());
        if goes_on.is_none() {
            self.notes.forget(&self.target());
        }
        Ok(goes_on.map(|offset| (before.upload, offset)))
    }

    async fn begin(&self, fingerprint: Fingerprint) -> Result<String, ClientError> {
        let begun = self.client.begin_upload(self.path, self.file.bytes(), self.overwrite);
        let upload = begun.await?;
        let target = self.target();
        let unfinished = Unfinished { target, fingerprint, upload: upload.clone() };
        if let Err(error) = self.notes.keep(&unfinished) {
            note(&format!("{}: cannot be taken up again if it breaks: {error}", self.path));
        }
        Ok(upload)
    }

    async fn send_all(&self, upload: &str, begun_at: u64) -> Result<(), ClientError> {
        let (mut offset, mut resumptions) = (begun_at, 0);
        while offset < self.file.bytes() {
            self.file.meter().becomes(offset);
            let error = match self.client.append(upload, &self.file.from(offset)).await {
                Ok(next) => {
                    offset = next;
                    continue;
                }
                Err(error) => error,
            };
            if resumptions >= resumptions_max(&error) {
                return Err(error);
            }
            tokio::time::sleep(RESUMPTION_PAUSE).await;
            resumptions += 1;
            match self.client.upload_offset(upload).await {
                Ok(Some(next)) => {
                    if next > offset {
                        resumptions = 0;
                    }
                    offset = next;
                }
                // It may have become a file, or have expired.
                Ok(None) => return Err(error),
                Err(error) if resumptions_max(&error) > 0 => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn give_up(&self, upload: &str) {
        // Where that fails the server forgets it by itself.
        let _ = self.client.give_up_upload(upload).await;
        self.notes.forget(&self.target());
    }
}

/// How often that may pass by itself: the server was away, or still held what broke.
fn resumptions_max(error: &ClientError) -> u32 {
    match error {
        ClientError::Unreachable(_) => RESUMPTIONS_MAX,
        ClientError::Failing(problem) if problem.status != 507 => RESUMPTIONS_MAX,
        ClientError::Refused(problem) if problem.status == 409 => CONFLICTS_MAX,
        ClientError::Failing(_)
        | ClientError::Refused(_)
        | ClientError::Unintelligible(_)
        | ClientError::Local(_)
        | ClientError::Unread => 0,
    }
}
