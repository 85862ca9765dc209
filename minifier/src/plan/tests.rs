//! Whole plans over images in memory.

mod closure;
mod configured;
mod essentials;
mod helper;
mod host;
mod rules;
mod traced;
