//! Whole analyses of images made here.

mod alpine;
mod efficiency;
mod hostile;
mod planted;
