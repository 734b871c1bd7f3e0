//! The engine. Five wire contracts and the native API differ only in the policies of one
//! [`DeleteRequest`](request::DeleteRequest); everything else has one path:
//!
//! ```text
//! request → [ snapshot → plan (pure) → commit ] in ONE write transaction → purge → settled
//!                                                  └ expand (doomed folders) ┘
//! ```
//!
//! * [`request`]: what is asked for, under which policies.
//! * [`snapshot`]: what the ledger found for it, read inside the write transaction.
//! * [`fence`]: what the commit of a stored plan holds itself to.
//! * [`plan`]: the pure decision, made of those two and nothing else.
//! * [`record`]: what is durable of a deletion, and what a caller is told.
//! * [`items`]: what became of each selector, for the record and for the caller.
//! * [`stored`]: plans that are kept, to be committed later.
//! * [`told`]: what webhooks are told of a deletion.
//! * [`accept`]: hands request and planner to the ledger, then wakes and waits as the policy says.
//! * [`expand`]: turns the files of doomed folders into condemned blobs, in bounded steps.
//! * [`purge`]: removes condemned blobs: leased, idempotent, confirmed, then settled.
//! * [`progress`]: follows a deletion to its end, for whoever watches.
//! * [`sweep`]: condemns the blobs of uploads that never ended.
//! * [`verify`]: the offline check that ledger and blobs agree. Never writes.
//!
//! Nothing in here names a protocol, a database or a blob store.

pub mod accept;
pub mod expand;
pub mod fence;
pub mod items;
pub mod plan;
pub mod progress;
pub mod purge;
pub mod record;
pub mod request;
pub mod snapshot;
pub mod stored;
pub mod sweep;
pub mod told;
pub mod verify;
