//! Tests of the whole of `config.json`.
