//! Tests of choosing among documents.
