//! Whole analyses of images made here.

mod alpine;
mod efficiency;
mod files;
mod hostile;
mod planted;
