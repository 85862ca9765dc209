//! Programs and libraries: how they are protected and what was compiled into them (while they stream by), and what
//! they need of each other (once the tree is merged).

mod buildinfo;
mod needs;
mod protection;

pub(crate) use buildinfo::{build_info, is_rust};
pub(crate) use needs::binaries;
pub(crate) use protection::{Protection, Tables, protection};
