//! The edge, from request to answer, without sockets: the router over the model of a ledger and
//! blobs in memory.

mod app;
mod edge;
mod merple;
mod native;
mod openapi;
mod renderio;
mod sirv;
mod swiftia;
mod templated;
