//! What workers report of their commands, after they made them.

use async_trait::async_trait;

use super::LedgerError;
use crate::domain::command::{Command, CommandStatus, ReportChange};
use crate::domain::id::CommandId;
use crate::domain::organization::Realm;

/// Commands by pages, and changes of what is reported of them.
#[async_trait]
pub trait ReportLedger: Send + Sync {
    /// The commands that the realm sees, newest first. The page is full unless it is the last, and
    /// no command is on two pages, whatever is made between them.
    async fn command_page(
        &self,
        realm: &Realm,
        query: CommandQuery,
    ) -> Result<Vec<Command>, LedgerError>;

    /// Changes what is reported of a command, and leaves all else of it as it is; the command
    /// afterwards. `None` where the realm sees no such command. Changes that come together each
    /// have their effect.
    async fn change_report(
        &self,
        realm: &Realm,
        id: CommandId,
        change: ReportChange,
    ) -> Result<Option<Command>, LedgerError>;
}

/// Which commands to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandQuery {
    /// Only those that are so far.
    pub status: Option<CommandStatus>,
    /// Only those that were made before this one.
    pub before: Option<CommandId>,
    /// How many to give at most.
    pub limit: u64,
}
