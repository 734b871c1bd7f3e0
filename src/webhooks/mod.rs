//! Webhooks: messages leave the outbox for those who want to hear of them.
//!
//! Before: the ledger, which put each message into its outbox in the transaction of what it tells
//! ([`crate::ledger::webhooks`]). After: the receiver. A message is sent at least once: what is not
//! known to have arrived is sent again, under the same identity, until the schedule of pauses ends;
//! then it is dead, and kept to be looked at. No message is lost by a crash, none is sent where
//! [`egress`] says no, and nobody's slowness holds up anybody else.

mod courier;
pub mod egress;
mod send;

pub use self::courier::Courier;
pub use self::send::{Sender, Sent};
