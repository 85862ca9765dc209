//! What JavaScript that stays can load: modules, workers, native code, files at constant paths.
//!
//! Each file of JavaScript that stays is parsed (`source`) for what it refers to, at load and in functions. Names are
//! resolved as Node does it (`resolve`, `package`). A module that does not stay yet is a group: with everything that it
//! loads in turn when it is loaded (`graph`). What its functions load is asked for when it has joined the keep set.
//! Nothing follows from computed names; they are notes.

mod constant;
mod graph;
mod native;
mod nesting;
mod package;
mod reader;
mod resolve;
mod source;

pub(crate) use reader::JavaScript;
