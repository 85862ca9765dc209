//! Programs and libraries: how they are protected and what was compiled into them (while they stream by), and what
//! they need of each other (once the tree is merged).

mod buildinfo;
mod protection;

pub(crate) use buildinfo::build_info;
pub(crate) use protection::{Protection, protection};
