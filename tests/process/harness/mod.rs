//! What every test of the real binary uses: the process, its clients, and disks that can lose
//! power.

pub mod client;
pub mod disks;
pub mod doors;
pub mod server;
mod waits;

pub use self::client::{Answer, Client};
pub use self::server::Server;
