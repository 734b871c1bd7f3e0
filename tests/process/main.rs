//! The real binary, from outside: started, spoken to over its sockets and its command line,
//! killed, cut from power, stopped.
//!
//! Each test has a data directory, a process and organizations of its own. The oracle after each
//! is `delenda verify`, and each client keeps its own account of what it was told.

#![expect(clippy::unwrap_used, reason = "a test's surprise is a failed test")]

mod alerts;
mod allowances;
mod archives;
mod backup;
mod cli;
mod clients;
mod crashes;
mod documents;
mod erasure;
mod harness;
mod isolation;
mod load;
mod once;
mod package;
mod plans;
mod power_cuts;
mod progress;
mod real_tree;
mod resuming;
mod samples;
mod selecting;
mod starting;
mod tour;
mod watching;
mod webhooks;
