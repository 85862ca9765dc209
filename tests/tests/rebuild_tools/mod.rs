//! Rebuilt images in the hands of other programs: Docker, podman, containerd, skopeo, umoci and GNU tar take the
//! archive and make of it exactly the kept part of the original tree.

mod case;
mod docker;
mod files;
mod stores;
