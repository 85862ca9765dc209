//! TLS to the container. Any certificate will do: the peer is known by its network namespace, and test images have
//! self-signed or expired ones.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Error};

use crate::tls::{KeyProof, trusting_all};

/// A client configuration that accepts any certificate, even one that cannot be parsed.
pub(crate) fn config() -> Result<ClientConfig, Error> {
    trusting_all(KeyProof::Unproven)
}

/// The first message of a TLS handshake.
pub(crate) fn client_hello() -> Result<Vec<u8>, Error> {
    // The container is reached at 127.0.0.1, which a server name cannot be; servers with several names take the default.
    let name = ServerName::try_from("localhost").map_err(|e| Error::General(e.to_string()))?;
    let mut connection = ClientConnection::new(Arc::new(config()?), name)?;
    let mut hello = Vec::new();
    connection
        .write_tls(&mut hello)
        .map_err(|e| Error::General(e.to_string()))?;
    Ok(hello)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_message_is_a_handshake_record() {
        let hello = super::client_hello().unwrap();
        assert_eq!(hello[..2], [0x16, 0x03]);
    }
}
