//! Whole plans over images in memory.

mod closure;
mod configured;
mod essentials;
mod evidence;
mod helper;
mod host;
mod interpreters;
#[cfg(feature = "languages")]
mod javascript;
mod plugins;
#[cfg(feature = "languages")]
mod python;
mod rules;
mod traced;
