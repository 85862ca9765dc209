//! The tracer against containers made for it.

mod conformance;
mod host;
mod namesake;
mod scope;
mod storm;
mod support;
