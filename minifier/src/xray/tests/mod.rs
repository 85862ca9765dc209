//! Whole analyses of images made here.

mod efficiency;
mod hostile;
mod planted;
