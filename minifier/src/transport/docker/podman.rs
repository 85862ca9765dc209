//! Podman's socket, which speaks Docker's API. It gives access to `containers-storage` without knowing its form on
//! disk.

use std::env;
use std::path::{Path, PathBuf};

use super::daemon::Daemon;
use super::endpoint::{Endpoint, EndpointOrigin};
use crate::transport::error::TransportError;

impl Daemon {
    /// Connects to Podman: at `CONTAINER_HOST`, or at the socket of this user.
    pub async fn podman() -> Result<Self, TransportError> {
        if let Some(url) = env::var("CONTAINER_HOST").ok().filter(|v| !v.is_empty()) {
            return Self::connect_to(Endpoint {
                url,
                origin: EndpointOrigin::Host,
                tls: None,
            })
            .await;
        }
        let sockets = sockets(
            rustix::process::geteuid().is_root(),
            env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).as_deref(),
        );
        // Podman has no daemon: systemd creates the socket, and starts the service at the first connection.
        let socket = sockets.iter().find(|socket| socket.exists());
        let Some(socket) = socket else {
            return Err(TransportError::PodmanAbsent {
                sockets: sockets
                    .iter()
                    .map(|socket| socket.display().to_string())
                    .collect::<Vec<_>>()
                    .join(" or "),
            });
        };
        Self::connect_to(Endpoint {
            url: format!("unix://{}", socket.display()),
            origin: EndpointOrigin::Default,
            tls: None,
        })
        .await
    }
}

/// The sockets at which Podman listens by default (podman-system-service(1)).
fn sockets(root: bool, runtime_dir: Option<&Path>) -> Vec<PathBuf> {
    let own = runtime_dir.map(|dir| dir.join("podman/podman.sock"));
    match (root, own) {
        (false, Some(own)) => vec![own],
        _ => vec!["/run/podman/podman.sock".into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_a_socket_of_their_own() {
        let dir = Path::new("/run/user/1000");
        assert_eq!(sockets(false, Some(dir)), [dir.join("podman/podman.sock")]);
        let system = [PathBuf::from("/run/podman/podman.sock")];
        assert_eq!(sockets(true, Some(dir)), system);
        assert_eq!(sockets(false, None), system);
    }
}
