//! What outlives files: keepsakes of uploads and outputs, and the lists of commands.

use super::fixture::{Fixture, STEP, beneath, by_path, report};
use crate::deletion::request::Selector;
use crate::domain::blob::BlobKey;
use crate::domain::command::{CommandReport, CommandStatus};
use crate::domain::entry::{FileRecord, NewVersion, Origin};
use crate::domain::id::{CommandId, EntryId};
use crate::domain::keepsake::KnownFile;
use crate::domain::organization::Realm;
use crate::ledger::{FileQuery, NewCommand, Page};

const ALL: Page = Page { offset: 0, limit: 1000 };

/// Stores `size` bytes at `path` as `RenderIO` does.
async fn upload(fixture: &Fixture, realm: &Realm, path: &str, size: u64) -> FileRecord {
    let version = fixture.version(path, size).await;
    let version = NewVersion { origin: Origin::RenderioUpload, ..version };
    fixture.commit(realm, version).await.unwrap().file
}

fn known(file: &FileRecord, origin: Origin, live: Option<BlobKey>) -> KnownFile {
    KnownFile {
        id: file.id,
        origin,
        size: file.content.size,
        content_type: file.attributes.content_type.clone(),
        created_at: file.created_at,
        live,
    }
}

async fn look_up(fixture: &Fixture, realm: &Realm, id: EntryId) -> Option<KnownFile> {
    fixture.ledger.known_file(realm, id).await.unwrap()
}

async fn listed(fixture: &Fixture, realm: &Realm, page: Page) -> Vec<EntryId> {
    let files = fixture.ledger.known_files(realm, page).await.unwrap();
    for file in &files {
        assert_eq!(look_up(fixture, realm, file.id).await.as_ref(), Some(file));
    }
    files.into_iter().map(|file| file.id).collect()
}

/// By its id, by its path, with its folder, with a batch, expanded or not, and purged.
pub(crate) async fn an_upload_through_renderio_is_known_after_every_kind_of_deletion(
    fixture: Fixture,
) {
    let realm = fixture.realm().await;
    let mut files = Vec::new();
    for (path, size) in [("/a", 1), ("/b", 2), ("/c/d/e", 3), ("/f/g", 4), ("/f/h", 5)] {
        files.push(upload(&fixture, &realm, path, size).await);
    }
    for file in &files {
        let live = known(file, Origin::RenderioUpload, Some(file.blob));
        assert_eq!(look_up(&fixture, &realm, file.id).await, Some(live));
    }
    fixture.lock(&realm, &["/f/h"]).await;
    let by_id = fixture.request(&realm, vec![Selector::File(files[0].id)]);
    fixture.delete(by_id).await.unwrap();
    fixture.delete_path(&realm, "/b").await;
    let batch = fixture.lenient(&realm, vec![by_path("/c"), by_path("/f"), by_path("/nothing")]);
    fixture.delete(batch).await.unwrap();
    let check = async || {
        for file in &files[..4] {
            let gone = known(file, Origin::RenderioUpload, None);
            assert_eq!(look_up(&fixture, &realm, file.id).await, Some(gone));
        }
        let spared = look_up(&fixture, &realm, files[4].id).await.unwrap();
        assert_eq!(spared.live, Some(files[4].blob));
    };
    check().await;
    fixture.drain().await;
    check().await;
    fixture.assert_sound().await;
}

/// The commit is the moment, not the step that removes the row.
pub(crate) async fn what_is_doomed_is_known_as_deleted_before_it_is_expanded(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = upload(&fixture, &realm, "/a/b/c", 1).await;
    let plain = fixture.upload(&realm, "/a/b/d", 1).await;
    fixture.delete_path(&realm, "/a").await;
    let gone = known(&file, Origin::RenderioUpload, None);
    assert_eq!(look_up(&fixture, &realm, file.id).await, Some(gone.clone()));
    assert_eq!(look_up(&fixture, &realm, plain.id).await, None);
    assert_eq!(listed(&fixture, &realm, ALL).await, [file.id]);
    fixture.expand(STEP.blobs).await;
    assert_eq!(look_up(&fixture, &realm, file.id).await, Some(gone));
    assert_eq!(listed(&fixture, &realm, ALL).await, [file.id]);
}

/// Nothing but the deletion's own record remains of any other file.
pub(crate) async fn an_ordinary_file_leaves_nothing(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = fixture.upload(&realm, "/a", 1).await;
    let live = known(&file, Origin::Ordinary, Some(file.blob));
    assert_eq!(look_up(&fixture, &realm, file.id).await, Some(live));
    fixture.delete_path(&realm, "/a").await;
    assert_eq!(look_up(&fixture, &realm, file.id).await, None);
    assert_eq!(listed(&fixture, &realm, ALL).await, []);
    assert_eq!(look_up(&fixture, &realm, fixture.id()).await, None);
}

/// The id is the new version's for as long as that lives; then the upload is remembered again.
pub(crate) async fn an_overwritten_upload_is_known_by_what_lies_there_until_that_is_gone(
    fixture: Fixture,
) {
    let realm = fixture.realm().await;
    let file = upload(&fixture, &realm, "/a", 1).await;
    let over = fixture.upload(&realm, "/a", 2).await;
    assert_eq!(over.id, file.id);
    let live = known(&over, Origin::Ordinary, Some(over.blob));
    assert_eq!(look_up(&fixture, &realm, file.id).await, Some(live));
    assert_eq!(listed(&fixture, &realm, ALL).await, [file.id]);
    fixture.delete_path(&realm, "/a").await;
    let gone = known(&file, Origin::RenderioUpload, None);
    assert_eq!(look_up(&fixture, &realm, file.id).await, Some(gone));
    assert_eq!(listed(&fixture, &realm, ALL).await, [file.id]);
    // What comes to the same path later is another file.
    let next = upload(&fixture, &realm, "/a", 3).await;
    assert_eq!(listed(&fixture, &realm, ALL).await, [next.id, file.id]);
}

/// One mechanism for both: the output of a command is known by its file's id, too.
pub(crate) async fn an_output_is_known_by_its_file_after_its_deletion(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    let output = fixture.output(&realm, (id, "a"), "/commands/a", 7).await.unwrap();
    let live = known(&output, Origin::CommandOutput, Some(output.blob));
    assert_eq!(look_up(&fixture, &realm, output.id).await, Some(live));
    fixture.delete(fixture.request(&realm, vec![Selector::Outputs(id)])).await.unwrap();
    let gone = known(&output, Origin::CommandOutput, None);
    assert_eq!(look_up(&fixture, &realm, output.id).await, Some(gone));
}

/// Replacing an output replaces what was kept of it; storing it in a fresh file does not.
pub(crate) async fn an_output_stored_again_is_kept_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    let first = fixture.output(&realm, (id, "a"), "/commands/a", 1).await.unwrap();
    let second = fixture.output(&realm, (id, "a"), "/commands/a", 2).await.unwrap();
    assert_eq!(first.id, second.id);
    fixture.delete_path(&realm, "/commands/a").await;
    let third = fixture.output(&realm, (id, "a"), "/commands/a", 3).await.unwrap();
    assert_eq!(listed(&fixture, &realm, ALL).await, [third.id, second.id]);
    let gone = known(&second, Origin::CommandOutput, None);
    assert_eq!(look_up(&fixture, &realm, second.id).await, Some(gone));
    let outputs = fixture.ledger.command(&realm, id).await.unwrap().unwrap().outputs;
    assert_eq!((outputs.len(), outputs[0].file, outputs[0].size), (1, third.id, 3));
}

/// What is kept takes no name, is listed with no files, and counts nowhere.
pub(crate) async fn what_was_kept_is_in_no_other_answer(fixture: Fixture) {
    let realm = fixture.realm().await;
    let file = upload(&fixture, &realm, "/a/b", 9).await;
    fixture.delete_path(&realm, "/a/b").await;
    fixture.drain().await;
    assert_eq!(fixture.entry(&realm, "/a/b").await, None);
    assert_eq!(fixture.ledger.file(&realm, file.id).await.unwrap(), None);
    let query = FileQuery { limit: 100, ..FileQuery::default() };
    assert_eq!(fixture.ledger.files(&realm, &query).await.unwrap().total, 0);
    let usage = fixture.usage(&realm).await;
    assert_eq!((usage.live.files, usage.settled.files), (0, 1));
    let other = fixture.realm().await.organization;
    let elsewhere = fixture.ledger.exist_elsewhere(other, &[file.id]).await.unwrap();
    assert_eq!(elsewhere, [false]);
    let again = fixture.lenient(&realm, vec![Selector::File(file.id)]);
    assert_eq!(fixture.delete(again).await.unwrap().counts.files, 0);
}

/// A live one between two that are gone stands between them.
pub(crate) async fn files_and_keepsakes_are_listed_together_newest_first(fixture: Fixture) {
    let realm = fixture.realm().await;
    let one = upload(&fixture, &realm, "/1", 1).await;
    let two = fixture.upload(&realm, "/2", 1).await;
    let three = upload(&fixture, &realm, "/3", 1).await;
    let four = upload(&fixture, &realm, "/4", 1).await;
    fixture.delete_path(&realm, "/1").await;
    fixture.delete_path(&realm, "/3").await;
    assert_eq!(listed(&fixture, &realm, ALL).await, [four.id, three.id, two.id, one.id]);
    let page = |offset, limit| Page { offset, limit };
    assert_eq!(listed(&fixture, &realm, page(1, 2)).await, [three.id, two.id]);
    assert_eq!(listed(&fixture, &realm, page(3, 2)).await, [one.id]);
    assert_eq!(listed(&fixture, &realm, page(4, 2)).await, []);
    assert_eq!(listed(&fixture, &realm, page(0, 0)).await, []);
}

/// However much lies between that is doomed, or is not the realm's to see.
pub(crate) async fn a_page_of_known_files_is_full_unless_it_is_the_last(fixture: Fixture) {
    let realm = fixture.realm().await;
    let narrow = beneath(&realm, "/in");
    let mut expected = Vec::new();
    for number in 0..6 {
        let kept = upload(&fixture, &narrow, &format!("/in/{number}"), 1).await;
        expected.insert(0, kept.id);
        upload(&fixture, &realm, &format!("/out/{number}"), 1).await;
        fixture.upload(&realm, &format!("/in/doomed/{number}"), 1).await;
    }
    fixture.delete_path(&realm, "/in/doomed").await;
    fixture.delete_path(&realm, "/in/3").await;
    for (offset, length) in [(0, 4), (4, 2)] {
        let page = Page { offset, limit: 4 };
        let from = usize::try_from(offset).unwrap();
        assert_eq!(listed(&fixture, &narrow, page).await, expected[from..from + length]);
        assert_eq!(listed(&fixture, &realm, page).await.len(), 4);
    }
    assert_eq!(listed(&fixture, &realm, ALL).await.len(), 12);
}

/// Like the record of a deletion.
pub(crate) async fn a_keepsake_is_seen_from_its_prefix_upwards(fixture: Fixture) {
    let realm = fixture.realm().await;
    let (middle, low) = (beneath(&realm, "/a"), beneath(&realm, "/a/b"));
    let beside = beneath(&realm, "/ab");
    let file = upload(&fixture, &middle, "/a/b/c", 1).await;
    let lower = upload(&fixture, &low, "/a/b/d", 1).await;
    fixture.delete_path(&realm, "/a/b").await;
    for (seer, expected) in [
        (&realm, vec![lower.id, file.id]),
        (&middle, vec![lower.id, file.id]),
        (&low, vec![lower.id]),
        (&beside, vec![]),
    ] {
        assert_eq!(listed(&fixture, seer, ALL).await, expected, "{}", seer.prefix);
        let is_known = look_up(&fixture, seer, file.id).await.is_some();
        assert_eq!(is_known, expected.contains(&file.id), "{}", seer.prefix);
    }
}

/// A prefix sees what lies beneath it, whoever stored it, and nothing else that is live.
pub(crate) async fn a_live_file_is_known_where_it_lies(fixture: Fixture) {
    let realm = fixture.realm().await;
    let narrow = beneath(&realm, "/a");
    let inside = upload(&fixture, &realm, "/a/x", 1).await;
    let outside = upload(&fixture, &realm, "/b/x", 1).await;
    assert!(look_up(&fixture, &narrow, inside.id).await.is_some());
    assert_eq!(look_up(&fixture, &narrow, outside.id).await, None);
    assert_eq!(listed(&fixture, &narrow, ALL).await, [inside.id]);
}

/// I7: neither live nor gone.
pub(crate) async fn foreign_keepsakes_are_not_known(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    let file = upload(&fixture, &realm, "/a", 1).await;
    fixture.command(&realm).await;
    assert_eq!(look_up(&fixture, &other, file.id).await, None);
    fixture.delete_path(&realm, "/a").await;
    assert_eq!(look_up(&fixture, &other, file.id).await, None);
    assert_eq!(listed(&fixture, &other, ALL).await, []);
    assert_eq!(fixture.ledger.commands(&other, None, ALL).await.unwrap(), []);
}

async fn command(fixture: &Fixture, realm: &Realm, status: CommandStatus) -> CommandId {
    let id = fixture.id();
    let report = CommandReport { status, ..report() };
    fixture
        .ledger
        .create_command(realm, NewCommand { id, report }, None, fixture.now())
        .await
        .unwrap()
        .unwrap();
    id
}

async fn commands(
    fixture: &Fixture,
    realm: &Realm,
    status: Option<CommandStatus>,
    page: Page,
) -> Vec<CommandId> {
    let commands = fixture.ledger.commands(realm, status, page).await.unwrap();
    for command in &commands {
        let alone = fixture.ledger.command(realm, command.id).await.unwrap();
        assert_eq!(alone.as_ref(), Some(command));
    }
    commands.into_iter().map(|command| command.id).collect()
}

/// Each with its outputs.
pub(crate) async fn commands_are_listed_newest_first_and_by_status(fixture: Fixture) {
    let realm = fixture.realm().await;
    let statuses = [
        CommandStatus::Queued,
        CommandStatus::Processing,
        CommandStatus::Success,
        CommandStatus::Failed,
    ];
    let mut made = Vec::new();
    for status in statuses.into_iter().chain(statuses) {
        made.insert(0, (command(&fixture, &realm, status).await, status));
    }
    fixture.output(&realm, (made[0].0, "a"), "/commands/a", 1).await.unwrap();
    let all: Vec<CommandId> = made.iter().map(|(id, _)| *id).collect();
    assert_eq!(commands(&fixture, &realm, None, ALL).await, all);
    assert_eq!(commands(&fixture, &realm, None, Page { offset: 2, limit: 3 }).await, all[2..5]);
    for wanted in statuses {
        let of_status = made.iter().filter(|(_, status)| *status == wanted);
        let expected: Vec<CommandId> = of_status.map(|(id, _)| *id).collect();
        assert_eq!(commands(&fixture, &realm, Some(wanted), ALL).await, expected);
        let second = Page { offset: 1, limit: 1 };
        assert_eq!(commands(&fixture, &realm, Some(wanted), second).await, expected[1..]);
    }
}

/// However many are hidden for an output outside of the prefix.
pub(crate) async fn a_page_of_commands_is_full_unless_it_is_the_last(fixture: Fixture) {
    let realm = fixture.realm().await;
    let narrow = beneath(&realm, "/in");
    let mut expected = Vec::new();
    for number in 0..5 {
        let seen = command(&fixture, &realm, CommandStatus::Success).await;
        let hidden = command(&fixture, &realm, CommandStatus::Success).await;
        for (id, top) in [(seen, "in"), (hidden, "out")] {
            fixture.output(&realm, (id, "a"), &format!("/{top}/{number}"), 1).await.unwrap();
        }
        expected.insert(0, seen);
    }
    for status in [None, Some(CommandStatus::Success)] {
        let pages = [(0, 3), (3, 3)].map(|(offset, limit)| Page { offset, limit });
        assert_eq!(commands(&fixture, &narrow, status, pages[0]).await, expected[..3]);
        assert_eq!(commands(&fixture, &narrow, status, pages[1]).await, expected[3..]);
    }
    assert_eq!(commands(&fixture, &realm, None, ALL).await.len(), 10);
}
