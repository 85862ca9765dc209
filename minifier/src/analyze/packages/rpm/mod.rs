//! rpm: the database of installed packages, in each of the forms that rpm has had: SQLite, ndb and Berkeley DB. Takes
//! the bytes of the database; gives what the headers in it say. Nothing is executed, and nothing is trusted: what is
//! not as it should be is an error, and memory is bounded by the size of the database and by fixed limits.

mod bdb;
mod database;
mod form;
mod header;
mod ndb;
mod read;
mod sqlite;

pub use database::{RpmDatabase, rpm_database};
pub use form::RpmError;
pub use header::RpmPackage;
pub(crate) use read::read;
pub(crate) use read::{MAX_RPM_DATABASE, RPM_DATABASES, RPM_FOLDERS, rpm_databases, rpm_manifest};
