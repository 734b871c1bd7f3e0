//! The edge, from request to answer, without sockets: the router over the model of a ledger and
//! blobs in memory.

mod app;
mod contract;
mod cors;
mod edge;
mod errors;
mod hostile;
mod merple;
mod merple_archives;
mod native;
mod openapi;
mod pace;
mod plans;
mod renderio;
mod sirv;
mod swiftia;
mod templated;
mod watch;
mod wire;
