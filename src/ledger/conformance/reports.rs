//! Commands by pages, and what is reported of them later.

use serde_json::json;

use super::fixture::{Fixture, beneath, report};
use crate::domain::command::{Change, CommandReport, CommandStatus, ReportChange};
use crate::domain::id::CommandId;
use crate::domain::organization::Realm;
use crate::ledger::reports::CommandQuery;

async fn page(
    fixture: &Fixture,
    realm: &Realm,
    (status, before, limit): (Option<CommandStatus>, Option<CommandId>, u64),
) -> Vec<CommandId> {
    let query = CommandQuery { status, before, limit };
    let page = fixture.ledger.command_page(realm, query).await.unwrap();
    page.into_iter().map(|command| command.id).collect()
}

async fn end(fixture: &Fixture, realm: &Realm, id: CommandId, status: CommandStatus) {
    let change = ReportChange { status: Some(status), ..ReportChange::default() };
    assert!(fixture.ledger.change_report(realm, id, change).await.unwrap().is_some());
}

/// Newest first, each command on one page, also when others are made between two pages.
pub(crate) async fn commands_come_by_pages_and_none_twice(fixture: Fixture) {
    let realm = fixture.realm().await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(fixture.command(&realm).await);
    }
    made.reverse();
    assert_eq!(page(&fixture, &realm, (None, None, 7)).await, made);
    let first = page(&fixture, &realm, (None, None, 3)).await;
    assert_eq!(first, made[..3]);
    fixture.command(&realm).await;
    let second = page(&fixture, &realm, (None, Some(first[2]), 3)).await;
    assert_eq!(second, made[3..6]);
    assert_eq!(page(&fixture, &realm, (None, Some(made[5]), 3)).await, made[6..]);
    assert_eq!(page(&fixture, &realm, (None, Some(made[6]), 3)).await, []);
    let elsewhere = fixture.realm().await;
    assert_eq!(page(&fixture, &elsewhere, (None, None, 9)).await, []);
}

/// A status selects, and what the realm does not see does not fill a page.
pub(crate) async fn pages_of_a_status_are_full_of_what_the_realm_sees(fixture: Fixture) {
    let realm = fixture.realm().await;
    let mut made = Vec::new();
    for number in 0..6 {
        let id = fixture.command(&realm).await;
        let path = if number < 3 { format!("/seen/{number}") } else { format!("/other/{number}") };
        fixture.output(&realm, (id, "a"), &path, 1).await.unwrap();
        made.push(id);
    }
    for id in [made[0], made[2], made[4]] {
        end(&fixture, &realm, id, CommandStatus::Failed).await;
    }
    let failed = Some(CommandStatus::Failed);
    assert_eq!(page(&fixture, &realm, (failed, None, 2)).await, [made[4], made[2]]);
    assert_eq!(page(&fixture, &realm, (failed, Some(made[2]), 2)).await, [made[0]]);
    let narrow = beneath(&realm, "/seen");
    assert_eq!(page(&fixture, &narrow, (None, None, 2)).await, [made[2], made[1]]);
    assert_eq!(page(&fixture, &narrow, (failed, None, 2)).await, [made[2], made[0]]);
    assert_eq!(page(&fixture, &narrow, (failed, Some(made[0]), 2)).await, []);
}

/// What is given changes, all else stays, outputs and the ending included.
pub(crate) async fn a_report_changes_where_it_is_given(fixture: Fixture) {
    let realm = fixture.realm().await;
    let id = fixture.command(&realm).await;
    fixture.output(&realm, (id, "a"), "/commands/d/a", 1).await.unwrap();
    let change = ReportChange {
        status: Some(CommandStatus::Failed),
        metadata: Change::Set(json!({ "a": 1 })),
        error_status: Change::Set("OOM".to_owned()),
        total_processing_seconds: Change::Set(1.5),
        ..ReportChange::default()
    };
    let changed = fixture.ledger.change_report(&realm, id, change).await.unwrap().unwrap();
    let expected = CommandReport {
        status: CommandStatus::Failed,
        metadata: Some(json!({ "a": 1 })),
        error_status: Some("OOM".to_owned()),
        total_processing_seconds: Some(1.5),
        ..report()
    };
    assert_eq!((&changed.report, changed.outputs.len()), (&expected, 1));
    let change = ReportChange { metadata: Change::Clear, ..ReportChange::default() };
    let changed = fixture.ledger.change_report(&realm, id, change).await.unwrap().unwrap();
    let expected = CommandReport { metadata: None, ..expected };
    assert_eq!(changed.report, expected);
    assert_eq!(fixture.ledger.command(&realm, id).await.unwrap(), Some(changed));
    fixture.assert_sound().await;
}

/// What the realm does not see is not changed.
pub(crate) async fn a_report_is_not_changed_from_outside(fixture: Fixture) {
    let (realm, elsewhere) = (fixture.realm().await, fixture.realm().await);
    let id = fixture.command(&realm).await;
    fixture.output(&realm, (id, "a"), "/commands/d/a", 1).await.unwrap();
    let change = ReportChange { status: Some(CommandStatus::Failed), ..ReportChange::default() };
    for (realm, id) in [(&elsewhere, id), (&beneath(&realm, "/b"), id), (&realm, fixture.id())] {
        let changed = fixture.ledger.change_report(realm, id, change.clone()).await.unwrap();
        assert_eq!(changed, None);
    }
    assert_eq!(fixture.ledger.command(&realm, id).await.unwrap().unwrap().report, report());
}
