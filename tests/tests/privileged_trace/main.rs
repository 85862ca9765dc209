//! The tracer against containers made for it.

mod conformance;
mod support;
