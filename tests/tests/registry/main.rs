//! Images in registries: Debian's `docker-registry` (`docker_*`), and servers that misbehave.

mod docker;
mod reading;
mod support;
mod writing;
