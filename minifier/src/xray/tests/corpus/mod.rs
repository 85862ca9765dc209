//! A labelled corpus: what looks like a secret and is none, and secrets that ship. Values are made when the test runs, so
//! that this repository holds nothing that looks like a live credential.

mod detection;
mod files;
mod maker;
mod place;
