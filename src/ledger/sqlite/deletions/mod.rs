//! The commit of a deletion, and its record.

mod apply;
pub(super) mod outcomes;
pub(super) mod record;
mod records;
mod steps;

use async_trait::async_trait;
use rusqlite::Connection;

use self::apply::Applied;
pub(super) use self::apply::{doomer_of, take_files};
pub(super) use self::record::{add_purged, purge_failing, tree_done};
pub(super) use self::steps::{add_selected, cancelled};
use super::condemned::Due;
use super::organizations::UsageMoves;
use super::rows::{failed, signed};
use super::selections::{self, Finding, Purpose};
use super::writer::WriteTx;
use super::{SqliteLedger, expand, installation, once, sample, snapshot, stored_plans};
use crate::deletion::fence::planned_items;
use crate::deletion::record::{AllowanceState, Committed, Declined, DeletionRecord, Refusal};
use crate::deletion::request::{Allowance, DeleteRequest};
use crate::deletion::snapshot::MissedAnswer;
use crate::deletion::stored::Preview;
use crate::domain::clock::Timestamp;
use crate::domain::id::DeletionId;
use crate::domain::organization::{OrganizationNumber, Realm};
use crate::ledger::{
    DeletionLedger, ExpandStep, Lease, LedgerError, MissedSubject, Planner, StepLimits,
};

mod allowance;

#[async_trait]
impl DeletionLedger for SqliteLedger {
    async fn commit_deletion(
        &self,
        request: DeleteRequest,
        planner: Planner,
        lease: Lease,
    ) -> Result<Result<Committed, Declined>, LedgerError> {
        let findings = selections::find(self, &request, Purpose::Commit).await?;
        self.writer()?.run(move |tx| commit(tx, &request, &findings, (planner, lease))).await
    }

    async fn preview_deletion(
        &self,
        request: DeleteRequest,
        planner: Planner,
    ) -> Result<Result<Preview, Refusal>, LedgerError> {
        let findings = selections::find(self, &request, Purpose::Preview).await?;
        self.readers
            .run(move |connection| preview(connection, (&request, &findings), planner))
            .await
    }

    async fn deletion(
        &self,
        realm: &Realm,
        id: DeletionId,
    ) -> Result<Option<DeletionRecord>, LedgerError> {
        let realm = realm.clone();
        self.readers.run(move |connection| record::read(connection, &realm, id)).await
    }

    async fn remember_missed(
        &self,
        realm: &Realm,
        subject: MissedSubject,
        answer: MissedAnswer,
    ) -> Result<(), LedgerError> {
        let organization = realm.organization;
        self.writer()?
            .run(move |tx| {
                let sql = "insert or replace into missed_answers \
                           (organization, subject, deletion, files) values (?1, ?2, ?3, ?4)";
                let subject = snapshot::subject_bytes(&subject);
                let values =
                    rusqlite::params![organization, subject, answer.deletion, signed(answer.files)];
                let kept = tx.connection.execute(sql, values);
                kept.map(|_| ()).map_err(failed("remembering a missed answer"))
            })
            .await
    }

    async fn expand_step(
        &self,
        after: Option<OrganizationNumber>,
        lease: Lease,
        limits: StepLimits,
        now: Timestamp,
    ) -> Result<ExpandStep, LedgerError> {
        // Most looks find nothing: they need not make the writer commit.
        let waiting = self.readers.run(move |c| expand::next_organization(c, after)).await?;
        match waiting {
            None => Ok(ExpandStep::default()),
            Some(_) => {
                self.writer()?
                    .run_behind(move |tx| expand::step(tx, after, lease, limits, now))
                    .await
            }
        }
    }

    async fn allowance(
        &self,
        organization: OrganizationNumber,
        allowance: Allowance,
        now: Timestamp,
    ) -> Result<AllowanceState, LedgerError> {
        self.readers
            .run(move |connection| allowance::state(connection, organization, allowance, now))
            .await
    }
}

fn preview(
    connection: &Connection,
    (request, findings): (&DeleteRequest, &[Finding]),
    planner: Planner,
) -> Result<Result<Preview, Refusal>, LedgerError> {
    let nothing_moved = UsageMoves::default();
    let snapshot = snapshot::read((connection, &nothing_moved), request, findings)?;
    let plan = match planner(request, &snapshot) {
        Ok(plan) => plan,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // What came since the filters looked was not found by them.
    let looked = findings.iter().map(|finding| finding.search.fence).min();
    let sequence = looked.map_or_else(|| installation::last_sequence(connection), Ok)?;
    Ok(Ok(Preview {
        items: planned_items(&snapshot, &plan),
        sequence,
        sample: sample::read(connection, request, &plan)?,
        plan,
    }))
}

/// The one write transaction of every delete.
fn commit(
    tx: &mut WriteTx<'_>,
    request: &DeleteRequest,
    findings: &[Finding],
    (planner, lease): (Planner, Lease),
) -> Result<Result<Committed, Declined>, LedgerError> {
    let organization = request.realm.organization;
    if let Some(repeat) = once::repeat(tx.connection, Some(organization), request.once.as_ref())? {
        return Ok(Err(Declined::Repeated(repeat)));
    }
    if let Some(asked) = request.allowance {
        let state = allowance::state(tx.connection, organization, asked, request.at)?;
        if state.remaining == 0 {
            return Ok(Err(Declined::OverAllowance(state)));
        }
    }
    if !stored_plans::is_unused(tx.connection, request)? {
        return Ok(Err(Declined::PlanSpent));
    }
    let snapshot = snapshot::read((tx.connection, &tx.usage), request, findings)?;
    let plan = match planner(request, &snapshot) {
        Ok(plan) => plan,
        Err(refusal) => return Ok(Err(Declined::Refused(refusal))),
    };
    drop(snapshot);
    let sequence = tx.next_sequence();
    let Applied { batches, trees } =
        apply::apply(tx, request, &plan, sequence, Due::Leased(lease))?;
    for finding in findings.iter().filter(|one| plan.selections.contains(&one.selector)) {
        selections::open(tx, request, finding, sequence)?;
    }
    record::write(tx, request, &plan, sequence, trees)?;
    once::remember(tx, Some(organization), request.once.as_ref(), request.id)?;
    stored_plans::use_up(tx, request)?;
    let allowance = match request.allowance {
        None => None,
        Some(asked) => Some(allowance::count(tx.connection, request, asked)?),
    };
    Ok(Ok(Committed {
        id: request.id,
        sequence,
        outcomes: plan.outcomes,
        counts: plan.counts,
        changed: plan.changed,
        batches,
        expanding: trees > 0 || !plan.selections.is_empty(),
        allowance,
    }))
}
