//! Driving containers of a real daemon; needs root for their network namespaces.

mod commands;
mod harness;
mod http;
mod lifecycle;
mod network;
