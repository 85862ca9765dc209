//! Whole plans over images in memory.

mod closure;
mod configured;
mod essentials;
mod evidence;
mod helper;
mod host;
mod interpreters;
mod javascript;
mod plugins;
mod python;
mod rules;
mod traced;
