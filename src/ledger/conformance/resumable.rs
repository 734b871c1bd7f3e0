//! Uploads that come in pieces: recorded, acknowledged, finished, given up, expired.

use std::time::Duration;

use super::fixture::{Fixture, INTENT_LIFETIME, at, attributes, beneath};
use super::once::once;
use crate::domain::blob::BlobFacts;
use crate::domain::entry::{Stored, UploadRefusal};
use crate::domain::id::UploadId;
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::Realm;
use crate::domain::upload::PartialUpload;
use crate::domain::usage::Tally;
use crate::ledger::Standing;
use crate::ledger::resumable::{
    BeginRefusal, FinishRefusal, GivenUp, NewUpload, PARTIAL_UPLOADS_MAX,
};

impl Fixture {
    pub(super) fn new_upload(&self, path: &str, length: u64) -> NewUpload {
        NewUpload {
            id: self.id(),
            path: at(path),
            entry: self.id(),
            only_new: false,
            attributes: attributes("title"),
            metadata: "path L2E=".to_owned(),
            length,
            at: self.now(),
            expires_at: self.now().plus(INTENT_LIFETIME),
        }
    }

    async fn begun(&self, realm: &Realm, path: &str, length: u64) -> PartialUpload {
        let begun = self.ledger.begin_upload(realm, self.new_upload(path, length), None).await;
        self.assert_sound().await;
        begun.unwrap().unwrap()
    }

    async fn partial(&self, realm: &Realm, id: UploadId) -> Option<PartialUpload> {
        self.ledger.partial_upload(realm, id, self.now()).await.unwrap()
    }

    async fn acknowledged(&self, realm: &Realm, id: UploadId, received: u64) -> bool {
        let times = (self.now(), self.now().plus(INTENT_LIFETIME));
        self.ledger.acknowledge(realm, id, received, times).await.unwrap()
    }

    async fn finished(
        &self,
        realm: &Realm,
        upload: &PartialUpload,
    ) -> Result<Stored, FinishRefusal> {
        let content = BlobFacts { size: upload.length, checksum: [7; 32] };
        let finished = self.ledger.finish_upload(realm, upload.id, content, self.now()).await;
        self.assert_sound().await;
        finished.unwrap()
    }

    async fn swept(&self) -> usize {
        let taken = self.ledger.condemn_expired_intents(self.now(), 1000).await.unwrap();
        self.assert_sound().await;
        taken
    }
}

/// I12, I13: an upload in pieces is a version like any other, and nothing before.
pub(crate) async fn an_upload_in_pieces_becomes_a_version(fixture: Fixture) {
    let realm = fixture.realm().await;
    let upload = fixture.begun(&realm, "/a/b", 10).await;
    assert_eq!((upload.received, upload.file, upload.created_at), (0, None, fixture.now()));
    assert_eq!(fixture.partial(&realm, upload.id).await.as_ref(), Some(&upload));
    let blobs = fixture.ledger.inspect().await.unwrap().blobs;
    assert!(
        blobs
            .iter()
            .any(|(key, _, standing)| { *key == upload.blob && *standing == Standing::Intended })
    );
    assert!(fixture.acknowledged(&realm, upload.id, 4).await);
    assert!(fixture.acknowledged(&realm, upload.id, 3).await);
    assert_eq!(fixture.partial(&realm, upload.id).await.unwrap().received, 4);
    assert_eq!(fixture.usage(&realm).await.uploaded, Tally::default());
    assert_eq!(fixture.present(&realm, &["/a", "/a/b"]).await, [""; 0]);
    let Stored { file, created } = fixture.finished(&realm, &upload).await.unwrap();
    assert!(created);
    assert_eq!((file.id, file.blob, file.content.size), (upload.entry, upload.blob, 10));
    assert_eq!(fixture.file_at(&realm, "/a/b").await, Some(file.clone()));
    assert_eq!(fixture.usage(&realm).await.live, Tally::one(10));
    let known = fixture.partial(&realm, upload.id).await.unwrap();
    assert_eq!((known.received, known.file), (10, Some(file.id)));
    assert_eq!(fixture.finished(&realm, &upload).await, Err(FinishRefusal::Gone));
    assert!(!fixture.acknowledged(&realm, upload.id, 10).await);
}

/// Whoever sees the path sees the upload, and nobody else. I7
pub(crate) async fn an_upload_in_pieces_is_seen_where_its_path_is(fixture: Fixture) {
    let realm = fixture.realm().await;
    let stranger = fixture.realm().await;
    let upload = fixture.begun(&beneath(&realm, "/a"), "/a/b", 10).await;
    for other in [&stranger, &beneath(&realm, "/b")] {
        assert_eq!(fixture.partial(other, upload.id).await, None);
        assert!(!fixture.acknowledged(other, upload.id, 5).await);
        assert_eq!(fixture.finished(other, &upload).await, Err(FinishRefusal::Gone));
        let given_up = fixture.ledger.give_up_upload(other, upload.id, fixture.now()).await;
        assert_eq!(given_up.unwrap(), GivenUp::Missing);
        let new = fixture.new_upload("/a/b", 1);
        if other != &stranger {
            let refused = fixture.ledger.begin_upload(other, new, None).await.unwrap();
            assert_eq!(refused, Err(BeginRefusal::Refused(UploadRefusal::OutsidePrefix)));
        }
    }
    assert_eq!(fixture.partial(&realm, upload.id).await, Some(upload));
}

/// A refusal is that of any upload, and leaves this one as it was, to be finished later.
pub(crate) async fn a_refused_upload_in_pieces_can_be_finished_later(fixture: Fixture) {
    let realm = fixture.realm().await;
    let upload = fixture.begun(&realm, "/a/file", 10).await;
    let only_new = NewUpload { only_new: true, ..fixture.new_upload("/a/file", 3) };
    let only_new = fixture.ledger.begin_upload(&realm, only_new, None).await.unwrap().unwrap();
    fixture.upload(&realm, "/a/file", 1).await;
    fixture.lock(&realm, &["/a/file"]).await;
    let refused = |refusal| Err(FinishRefusal::Refused(refusal));
    let locked = refused(UploadRefusal::Locked(at("/a/file")));
    assert_eq!(fixture.finished(&realm, &upload).await, locked);
    let exists = refused(UploadRefusal::VersionChanged);
    assert_eq!(fixture.finished(&realm, &only_new).await, exists);
    assert_eq!(fixture.partial(&realm, upload.id).await, Some(upload.clone()));
    assert!(fixture.set_lock(&realm, "/a/file", false).await);
    assert!(!fixture.finished(&realm, &upload).await.unwrap().created);
    fixture.delete_path(&realm, "/a").await;
    // Its parents are those of the moment in which it is finished.
    assert!(fixture.finished(&realm, &only_new).await.unwrap().created);
    assert_eq!(fixture.present(&realm, &["/a/file"]).await, ["/a/file"]);
}

/// I8: what is given up is condemned at once, by the one path.
pub(crate) async fn an_upload_that_is_given_up_is_condemned(fixture: Fixture) {
    let realm = fixture.realm().await;
    let upload = fixture.begun(&realm, "/a", 10).await;
    let give_up = async || {
        let given_up = fixture.ledger.give_up_upload(&realm, upload.id, fixture.now()).await;
        fixture.assert_sound().await;
        given_up.unwrap()
    };
    assert_eq!(give_up().await, GivenUp::Condemned);
    assert_eq!(give_up().await, GivenUp::Missing);
    assert_eq!(fixture.partial(&realm, upload.id).await, None);
    assert_eq!(fixture.finished(&realm, &upload).await, Err(FinishRefusal::Gone));
    assert_eq!(fixture.drain().await, [upload.blob]);
    let whole = fixture.begun(&realm, "/a", 10).await;
    fixture.finished(&realm, &whole).await.unwrap();
    let given_up = fixture.ledger.give_up_upload(&realm, whole.id, fixture.now()).await.unwrap();
    assert_eq!(given_up, GivenUp::Finished);
    assert_eq!(fixture.present(&realm, &["/a"]).await, ["/a"]);
}

/// I10: the sweep takes what expired, and leaves what lives or has become a file.
pub(crate) async fn an_upload_in_pieces_expires(fixture: Fixture) {
    let realm = fixture.realm().await;
    let idle = fixture.begun(&realm, "/idle", 10).await;
    let alive = fixture.begun(&realm, "/alive", 10).await;
    let whole = fixture.begun(&realm, "/whole", 10).await;
    fixture.finished(&realm, &whole).await.unwrap();
    fixture.clock.advance(INTENT_LIFETIME.saturating_sub(Duration::from_secs(1)));
    assert!(fixture.acknowledged(&realm, alive.id, 5).await);
    fixture.clock.advance(Duration::from_secs(1));
    for id in [idle.id, whole.id] {
        assert_eq!(fixture.partial(&realm, id).await, None);
    }
    assert!(!fixture.acknowledged(&realm, idle.id, 5).await);
    assert_eq!(fixture.finished(&realm, &idle).await, Err(FinishRefusal::Gone));
    assert_eq!(fixture.swept().await, 1);
    assert_eq!(fixture.drain().await, [idle.blob]);
    assert_eq!(fixture.swept().await, 0);
    assert_eq!(fixture.partial(&realm, alive.id).await.unwrap().received, 5);
    fixture.finished(&realm, &alive).await.unwrap();
    assert_eq!(fixture.present(&realm, &["/alive", "/whole"]).await, ["/alive", "/whole"]);
}

/// Of each organization, by itself; what is finished, given up or expired does not count.
pub(crate) async fn unfinished_uploads_are_bounded_in_number(fixture: Fixture) {
    let realm = fixture.realm().await;
    let stranger = fixture.realm().await;
    let mut begun = Vec::new();
    for number in 0..PARTIAL_UPLOADS_MAX {
        let new = fixture.new_upload(&format!("/{number}"), 1);
        begun.push(fixture.ledger.begin_upload(&realm, new, None).await.unwrap().unwrap());
    }
    let more = async |realm: &Realm| {
        let new = fixture.new_upload("/more", 1);
        fixture.ledger.begin_upload(realm, new, None).await.unwrap().map(drop)
    };
    assert_eq!(more(&realm).await, Err(BeginRefusal::TooMany));
    assert_eq!(more(&stranger).await, Ok(()));
    fixture.finished(&realm, &begun[0]).await.unwrap();
    assert_eq!(more(&realm).await, Ok(()));
    assert_eq!(more(&realm).await, Err(BeginRefusal::TooMany));
    fixture.ledger.give_up_upload(&realm, begun[1].id, fixture.now()).await.unwrap();
    assert_eq!(more(&realm).await, Ok(()));
    assert_eq!(more(&realm).await, Err(BeginRefusal::TooMany));
    fixture.clock.advance(INTENT_LIFETIME);
    assert_eq!(more(&realm).await, Ok(()));
}

/// Of requests under one idempotency key one begins an upload, and the others learn which.
pub(crate) async fn an_upload_is_begun_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let first = once(&fixture, "1", "request");
    let begin = |asked: &Once| {
        let new = fixture.new_upload("/a", 1);
        fixture.ledger.begin_upload(&realm, new, Some(asked.clone()))
    };
    let begun = begin(&first).await.unwrap().unwrap();
    let repeated = BeginRefusal::Repeated(Repeat::Of(begun.id.into()));
    assert_eq!(begin(&first).await.unwrap(), Err(repeated));
    let other = once(&fixture, "1", "other");
    let repeated = BeginRefusal::Repeated(Repeat::OtherRequest);
    assert_eq!(begin(&other).await.unwrap(), Err(repeated));
    assert!(begin(&once(&fixture, "2", "request")).await.unwrap().is_ok());
}
