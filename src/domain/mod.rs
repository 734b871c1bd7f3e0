//! The words of delenda: identities, paths, entries, organizations, deletions, usage and time.
//!
//! Nothing here does I/O, nothing is async, nothing reads an ambient clock. Every other module is
//! written in these words; see `ARCHITECTURE.md` for their meaning.

pub mod attach;
pub mod blob;
pub mod clock;
pub mod command;
pub mod declared;
pub mod entry;
pub mod filter;
pub mod grant;
pub mod guard;
pub mod id;
pub mod keepsake;
pub mod media;
pub mod once;
pub mod organization;
pub mod overwrite;
pub mod path;
pub mod plans;
pub mod random;
pub mod secret;
pub mod upload;
pub mod usage;
pub mod webhooks;
