//! What every test of the real binary uses: the process, its clients, and disks that can lose
//! power.

pub mod client;
pub mod disks;
pub mod doors;
pub mod events;
pub mod page;
pub mod receiver;
pub mod server;
mod waits;

pub use self::client::{Answer, Client};
pub use self::server::Server;

/// The Python that has what tests import: `scripts/test` makes one.
pub fn python() -> String {
    std::env::var("DELENDA_TEST_PYTHON").unwrap_or("python3".to_owned())
}
