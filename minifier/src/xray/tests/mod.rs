//! Whole analyses of images made here.

mod advice;
mod alpine;
mod bounds;
mod corpus;
mod efficiency;
mod files;
mod hostile;
mod languages;
pub(crate) mod one_list;
mod planted;
mod systems;
