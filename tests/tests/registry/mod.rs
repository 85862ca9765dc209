//! Images in registries: Debian's `docker-registry` (`docker_*`), and servers that misbehave.

mod access;
mod docker;
mod docker_access;
mod reading;
mod support;
mod tools;
mod writing;
