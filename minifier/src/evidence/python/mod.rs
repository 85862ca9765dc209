//! Python: imports, names of modules in strings and in native code, what distributions declare, data of packages.
//!
//! Sources are parsed, never run. A group is a module with the packages above it and, followed from file to file, what
//! these import as they are loaded. Imports inside functions give groups of their own, of modules that stay.

mod begin;
mod data;
mod depth;
mod distributions;
mod expressions;
mod facts;
mod family;
mod library;
mod module;
mod native;
mod parse;
mod pattern;
mod reader;
mod search;
mod speaker;
mod tools;
mod wishes;

pub(crate) use reader::Python;
