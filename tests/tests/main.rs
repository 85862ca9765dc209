//! Everything that is tested from outside the library: one program, so that all tests of a tier share its threads and the
//! library is linked once. What a test needs is said by the first word of its name, see CONTRIBUTING.md.

mod architecture;
mod archive;
mod browser_xray;
mod docker_action;
mod docker_failures;
mod docker_fixtures;
mod docker_killed_daemon;
mod docker_load;
mod docker_no_daemon;
mod docker_reproducible;
mod docker_runs;
mod docker_transport;
mod exit_codes;
mod features;
mod fuzz_bodies;
mod hostile;
mod hostile_answers;
mod hostile_text;
mod interrupts;
mod killed_build;
mod privileged_oci;
mod privileged_trace;
mod privileged_trace_gone;
mod rebuild;
mod rebuild_tools;
mod registry;
mod runtime_choice;
mod secrets_shown;
mod transport;
mod transport_fake_daemon;
mod unfinished_archives;
mod xray_program;
mod xray_render;
