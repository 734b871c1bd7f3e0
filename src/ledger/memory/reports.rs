//! Reports of commands.

use async_trait::async_trait;

use super::MemoryLedger;
use crate::domain::command::{Command, ReportChange};
use crate::domain::id::CommandId;
use crate::domain::organization::Realm;
use crate::ledger::LedgerError;
use crate::ledger::reports::{CommandQuery, ReportLedger};

#[async_trait]
impl ReportLedger for MemoryLedger {
    async fn command_page(
        &self,
        realm: &Realm,
        query: CommandQuery,
    ) -> Result<Vec<Command>, LedgerError> {
        let state = self.state();
        let holdings = state.holdings(realm.organization);
        let CommandQuery { status, before, limit } = query;
        let older = holdings.commands.keys().rev().filter(|id| before.is_none_or(|end| **id < end));
        let seen = older.filter_map(|id| holdings.command(realm, *id));
        let wanted = seen.filter(|command| status.is_none_or(|is| command.report.status == is));
        Ok(wanted.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }

    async fn change_report(
        &self,
        realm: &Realm,
        id: CommandId,
        change: ReportChange,
    ) -> Result<Option<Command>, LedgerError> {
        let mut state = self.state();
        let holdings = state.holdings_mut(realm.organization);
        if holdings.visible_command(realm, id).is_none() {
            return Ok(None);
        }
        if let Some(row) = holdings.commands.get_mut(&id) {
            change.apply(&mut row.report);
        }
        Ok(holdings.command(realm, id))
    }
}
