//! The web servers in a container: which ports speak HTTP, and requests to them.
//!
//! Everything that a server sends is untrusted: its size and its time are limited.

mod client;
mod detect;
mod greeting;
mod speaks;
mod tls;
mod web;

pub(crate) use client::{FetchError, Fetched, HttpRequest};
pub use speaks::Speaks;
pub(crate) use web::{Port, Target, WebClient};
