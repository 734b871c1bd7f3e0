//! The edge: sockets, strict parsing, keys, and the five dialects beside the native API.
//!
//! A handler parses, makes one call into the engine, and renders. Nothing here decides what is
//! deleted, and nothing here names a database or a blob store.

mod archives;
pub mod auth;
pub mod conditions;
pub mod connection;
pub mod content;
pub mod cors;
pub mod cursor;
pub mod dialect;
pub mod dialects;
pub mod error;
pub mod holder;
pub mod idempotency;
pub mod json;
pub mod limits;
pub mod media;
pub mod multipart;
pub mod native;
pub mod openapi;
pub mod outputs;
pub mod pace;
pub mod pieces;
pub mod placing;
pub mod query;
pub mod raw;
pub mod router;
pub mod segment;
pub mod signing;
pub mod state;
pub mod streams;
pub mod usual;

#[cfg(test)]
mod tests;
