//! delenda: a self-hosted file store for many organizations whose speciality is deletion done
//! right. `ARCHITECTURE.md` is the map.

pub mod app;
pub mod archives;
pub mod blobs;
pub mod cli;
pub mod client;
pub mod config;
pub mod deletion;
pub mod domain;
pub mod http;
pub mod instance;
pub mod jobs;
pub mod ledger;
pub mod meters;
pub mod telemetry;
pub mod uploads;
pub mod webhooks;
