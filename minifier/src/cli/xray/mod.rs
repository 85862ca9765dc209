//! `minify xray`: what is in an image, what it costs, and what to do about it.

mod args;
mod run;

pub(super) use args::XrayArgs;
pub(super) use run::exec;
