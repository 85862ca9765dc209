//! `minify xray`: what is in an image, what it costs, and what to do about it.

mod args;
mod run;

pub(crate) use args::XrayArgs;
pub(crate) use run::exec;
