//! Commands, their outputs, and what deleting the outputs leaves.

use super::fixture::{Fixture, at, beneath, blobs_of, report};
use crate::deletion::record::{Counts, Declined, Outcome, Refusal};
use crate::deletion::request::{DeleteRequest, Selector};
use crate::deletion::snapshot::MissedAnswer;
use crate::domain::entry::UploadRefusal;
use crate::domain::id::CommandId;
use crate::domain::organization::Realm;
use crate::ledger::MissedSubject;

async fn live_keys(fixture: &Fixture, realm: &Realm, command: CommandId) -> Vec<String> {
    let command = fixture.ledger.command(realm, command).await.unwrap().unwrap();
    let live = command.outputs.into_iter().filter(|output| output.live.is_some());
    live.map(|output| output.key).collect()
}

/// A command is read as it was reported, with its outputs in the order of their keys.
pub(crate) async fn a_command_lists_its_outputs_by_key(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    let empty = fixture.ledger.command(&realm, id).await.unwrap().unwrap();
    assert_eq!((empty.id, empty.created_at, empty.report), (id, fixture.now(), report()));
    assert!(empty.outputs.is_empty() && !empty.closed);
    let second = fixture.output(&realm, (id, "b"), "/commands/d/b", 2).await.unwrap();
    let first = fixture.output(&realm, (id, "a"), "/commands/d/a", 1).await.unwrap();
    assert_eq!(first.command, Some(id));
    let outputs = fixture.ledger.command(&realm, id).await.unwrap().unwrap().outputs;
    let keys: Vec<_> = outputs.iter().map(|output| output.key.as_str()).collect();
    assert_eq!(keys, ["a", "b"]);
    for (output, file) in outputs.iter().zip([first, second]) {
        assert_eq!((output.file, output.live), (file.id, Some(file.blob)));
        assert_eq!((&output.title, output.size), (&file.attributes.title, file.content.size));
        assert_eq!(output.content_type, file.attributes.content_type);
    }
    assert_eq!(fixture.ledger.command(&realm, fixture.id()).await.unwrap(), None);
}

/// All live outputs go, the command stays, and it says what it had.
pub(crate) async fn deleting_outputs_closes_the_command(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    let files = [
        fixture.output(&realm, (id, "a"), "/commands/d/a", 1).await.unwrap(),
        fixture.output(&realm, (id, "b"), "/commands/d/b", 2).await.unwrap(),
    ];
    let request = fixture.request(&realm, vec![Selector::Outputs(id)]);
    let committed = fixture.delete(request).await.unwrap();
    assert_eq!(committed.counts, Counts { files: 2, bytes: 3, folders: 0 });
    let command = fixture.ledger.command(&realm, id).await.unwrap().unwrap();
    assert!(command.closed && command.outputs.iter().all(|output| output.live.is_none()));
    assert_eq!(command.outputs.iter().map(|output| output.size).collect::<Vec<_>>(), [1, 2]);
    let late = fixture.output(&realm, (id, "c"), "/commands/d/c", 1).await;
    assert_eq!(late, Err(UploadRefusal::CommandClosed));
    assert_eq!(fixture.drain().await, blobs_of(&files));
}

/// A second deletion of the outputs succeeds and takes nothing.
pub(crate) async fn deleting_outputs_again_takes_nothing(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    for _ in 0..2 {
        let request = fixture.request(&realm, vec![Selector::Outputs(id)]);
        let committed = fixture.delete(request).await.unwrap();
        let outcome = Outcome::Deleted { counts: Counts::default(), files: Vec::new() };
        assert_eq!(committed.outcomes, [outcome]);
    }
    assert!(fixture.ledger.command(&realm, id).await.unwrap().unwrap().closed);
}

/// I11, I6: a locked output refuses all of them, and leaves the command open.
pub(crate) async fn a_locked_output_refuses_the_whole_request(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    for key in ["a", "b"] {
        fixture.output(&realm, (id, key), &format!("/commands/{key}"), 1).await.unwrap();
    }
    fixture.lock(&realm, &["/commands/b"]).await;
    let request = fixture.request(&realm, vec![Selector::Outputs(id)]);
    let locked = vec![(0, at("/commands/b"))];
    let refusal = Refusal { locked, ..Refusal::default() };
    assert_eq!(fixture.delete(request).await.unwrap_err(), Declined::Refused(refusal));
    assert_eq!(live_keys(&fixture, &realm, id).await, ["a", "b"]);
    assert!(!fixture.ledger.command(&realm, id).await.unwrap().unwrap().closed);
}

/// An output that was deleted by itself is live no more, and is not counted again.
pub(crate) async fn an_output_deleted_by_itself_is_not_counted_again(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    for key in ["a", "b", "c"] {
        fixture.output(&realm, (id, key), &format!("/commands/{key}/x"), 1).await.unwrap();
    }
    fixture.delete_path(&realm, "/commands/a/x").await;
    fixture.delete_path(&realm, "/commands/b").await;
    assert_eq!(live_keys(&fixture, &realm, id).await, ["c"]);
    let request = fixture.request(&realm, vec![Selector::Outputs(id)]);
    assert_eq!(fixture.delete(request).await.unwrap().counts.files, 1);
    assert_eq!(fixture.drain().await.len(), 3);
}

/// Storing a key again replaces the output; storing through another route ends the link.
pub(crate) async fn the_link_to_a_command_ends_with_an_ordinary_overwrite(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    fixture.output(&realm, (id, "a"), "/commands/a", 1).await.unwrap();
    let again = fixture.output(&realm, (id, "a"), "/commands/a", 2).await.unwrap();
    let outputs = fixture.ledger.command(&realm, id).await.unwrap().unwrap().outputs;
    assert_eq!((outputs.len(), outputs[0].size, outputs[0].live), (1, 2, Some(again.blob)));
    let ordinary = fixture.upload(&realm, "/commands/a", 3).await;
    assert_eq!((ordinary.id, ordinary.command), (again.id, None));
    assert_eq!(live_keys(&fixture, &realm, id).await, [""; 0]);
    let request = fixture.request(&realm, vec![Selector::Outputs(id)]);
    assert_eq!(fixture.delete(request).await.unwrap().counts, Counts::default());
    assert_eq!(fixture.file_at(&realm, "/commands/a").await, Some(ordinary));
}

/// The next command's output at the same path is that command's alone.
pub(crate) async fn an_output_passes_to_the_command_that_overwrites_it(fixture: Fixture) {
    let realm = fixture.realm().await;
    let (one, other) = (fixture.command(&realm).await, fixture.command(&realm).await);
    fixture.output(&realm, (one, "a"), "/commands/a", 1).await.unwrap();
    fixture.output(&realm, (other, "k"), "/commands/a", 2).await.unwrap();
    assert_eq!(live_keys(&fixture, &realm, one).await, [""; 0]);
    assert_eq!(live_keys(&fixture, &realm, other).await, ["k"]);
    fixture.delete(fixture.request(&realm, vec![Selector::Outputs(one)])).await.unwrap();
    assert!(fixture.entry(&realm, "/commands/a").await.is_some());
}

/// An output that was moved away is counted and removed also where the worker stored its key again.
pub(crate) async fn an_output_moved_away_and_stored_again_goes_twice(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    let moved = fixture.output(&realm, (id, "a"), "/commands/a", 1).await.unwrap();
    fixture.move_entry(&realm, "/commands/a", "/kept/a").await.unwrap();
    let again = fixture.output(&realm, (id, "a"), "/commands/a", 2).await.unwrap();
    assert_ne!(moved.id, again.id);
    let narrow = beneath(&realm, "/commands");
    assert_eq!(fixture.ledger.command(&narrow, id).await.unwrap(), None);
    let outputs = fixture.ledger.command(&realm, id).await.unwrap().unwrap().outputs;
    assert_eq!((outputs.len(), outputs[0].file, outputs[0].live), (1, again.id, Some(again.blob)));
    let request = fixture.request(&realm, vec![Selector::Outputs(id)]);
    let committed = fixture.delete(request).await.unwrap();
    assert_eq!(committed.counts, Counts { files: 2, bytes: 3, folders: 0 });
    assert_eq!(fixture.entry(&realm, "/kept/a").await, None);
    assert_eq!(fixture.drain().await, blobs_of(&[moved, again]));
}

/// I7: an output outside of the prefix hides the whole command.
pub(crate) async fn a_command_with_an_output_outside_the_prefix_is_hidden(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    let narrow = beneath(&realm, "/commands/in");
    fixture.output(&realm, (id, "a"), "/commands/in/a", 1).await.unwrap();
    assert!(fixture.ledger.command(&narrow, id).await.unwrap().is_some());
    fixture.output(&realm, (id, "b"), "/commands/inner/b", 1).await.unwrap();
    assert_eq!(fixture.ledger.command(&narrow, id).await.unwrap(), None);
    let request = fixture.request(&narrow, vec![Selector::Outputs(id)]);
    let refusal = Refusal { outside_prefix: vec![0], ..Refusal::default() };
    assert_eq!(fixture.delete(request).await.unwrap_err(), Declined::Refused(refusal));
    fixture.delete_path(&realm, "/commands/inner/b").await;
    let keys = async |realm: &Realm| {
        let command = fixture.ledger.command(realm, id).await.unwrap().unwrap();
        command.outputs.into_iter().map(|output| output.key).collect::<Vec<_>>()
    };
    // What was outside of the prefix is not shown when it is gone, either.
    assert_eq!(keys(&narrow).await, ["a"]);
    assert_eq!(keys(&realm).await, ["a", "b"]);
    let request = fixture.request(&narrow, vec![Selector::Outputs(id)]);
    fixture.delete(request).await.unwrap();
    assert_eq!(keys(&narrow).await, [""; 0]);
    assert_eq!(keys(&realm).await, ["a", "b"]);
}

/// A repeat joins the missed deletion once, and says what that took.
pub(crate) async fn a_missed_answer_for_outputs_is_given_once(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    fixture.output(&realm, (id, "a"), "/commands/a", 1).await.unwrap();
    let repeat = || DeleteRequest {
        joins_missed: true,
        ..fixture.request(&realm, vec![Selector::Outputs(id)])
    };
    let first = fixture.delete(repeat()).await.unwrap();
    let answer = MissedAnswer { deletion: first.id, files: 1 };
    let subject = MissedSubject::Outputs(id);
    fixture.ledger.remember_missed(&realm, subject, answer).await.unwrap();
    assert_eq!(fixture.delete(repeat()).await.unwrap().outcomes, [Outcome::Joined(answer)]);
    let third = fixture.delete(repeat()).await.unwrap();
    assert!(matches!(third.outcomes[..], [Outcome::Deleted { .. }]));
}

/// An output of no command, or of another organization's, is refused (I7).
pub(crate) async fn an_output_needs_its_own_organizations_command(fixture: Fixture) {
    let (realm, other) = (fixture.realm().await, fixture.realm().await);
    let foreign = fixture.command(&other).await;
    for command in [fixture.id(), foreign] {
        let refused = fixture.output(&realm, (command, "a"), "/commands/a", 1).await;
        assert_eq!(refused, Err(UploadRefusal::NoCommand));
    }
    assert_eq!(fixture.entry(&realm, "/commands/a").await, None);
}
