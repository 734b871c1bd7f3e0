//! Work behind the answers: wake-ups, and the loops that run the engine's steps until the
//! process stops.

pub mod admin;
pub mod forget;
pub mod runner;
pub mod uninterrupted;
pub mod wake;
