//! The `minifier` program.

fn main() {}
