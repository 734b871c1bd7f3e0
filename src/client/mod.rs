//! The native API from the other side: typed calls, one file for each resource. The command line
//! is before it, the server behind it.
//!
//! It is strict about answers: what does not have the promised shape is an error and never a
//! guess. What the server refuses is told in its own words. A request that was certainly not
//! accepted (429 and 503) is repeated a bounded number of times, after the pause that the server
//! asks for; nothing else is repeated. No proxy is taken from the environment and no redirect
//! followed, since both would show the key to somebody who was not named. The key is never part
//! of an error or of a debug text.

mod access;
mod audit;
mod deletions;
mod entries;
mod error;
mod events;
mod files;
mod source;
mod transport;
mod uploads;
mod usage;

pub use self::access::{Access, AccessError};
pub use self::audit::{AuditEntry, AuditPage};
pub use self::deletions::{
    Amount, Committed, Deletion, DeletionPage, Doomed, DryRun, Item, Matching, NewDeletion,
};
pub use self::entries::{Entry, EntryChange, EntryPage, Kind, TagChange};
pub use self::error::{ClientError, Problem};
pub use self::events::{Event, Events};
pub use self::files::Overwrite;
pub use self::source::{FileSource, Meter};
pub use self::transport::Client;
pub use self::usage::Usage;
