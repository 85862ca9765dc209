//! Turning the daemon's messages into a [`TransportError`].

use std::error::Error;
use std::io;

use crate::transport::error::TransportError;

/// Classifies bollard's errors while connecting. `endpoint` is the daemon's URL, `doing` the request.
pub(crate) fn connection_error(
    endpoint: &str,
    doing: &str,
    error: bollard::errors::Error,
) -> TransportError {
    use bollard::errors::Error as Api;
    let endpoint = endpoint.to_owned();
    let kind = io_kind(&error);
    let no_connection = match &error {
        Api::HyperLegacyError { err } => err.is_connect(),
        // A timeout while connecting: the first request of a connection is the negotiation, which is short.
        error => matches!(
            error,
            Api::SocketNotFoundError(_) | Api::RequestTimeoutError
        ),
    };
    match (no_connection, kind) {
        // The commonest error of all: the user is not in the group "docker". It has a hint of its own.
        (true, Some(io::ErrorKind::PermissionDenied)) => {
            TransportError::PermissionDenied { endpoint }
        }
        // rustls reports its errors under this kind.
        (true, Some(io::ErrorKind::InvalidData)) => TransportError::Endpoint {
            endpoint,
            what: format!("make a TLS connection: {}", words(&error)),
        },
        (true, _) => TransportError::DaemonAbsent {
            endpoint,
            what: match error {
                Api::SocketNotFoundError(_) => "there is no such socket".into(),
                error => words(&error),
            },
        },
        (false, _) => api_error(doing, error),
    }
}

/// The error for a request that the daemon answered with an error.
pub(crate) fn api_error(doing: impl Into<String>, error: bollard::errors::Error) -> TransportError {
    TransportError::Api {
        doing: doing.into(),
        what: words(&error),
        source: Box::new(error),
    }
}

/// The cause of the error, without the client's own layers around it: "error in hyper legacy client" helps nobody.
pub(crate) fn words(error: &bollard::errors::Error) -> String {
    use bollard::errors::Error as Api;
    match error {
        Api::DockerResponseServerError {
            status_code,
            message,
        } => format!("{} (HTTP status {status_code})", message.trim()),
        Api::DockerStreamError { error } => error.trim().to_owned(),
        Api::RequestTimeoutError => "the Docker daemon did not answer in time".into(),
        error => innermost(error),
    }
}

/// The kind of the input/output error at the end of a chain.
fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let below = error.source().and_then(io_kind);
    let own = || {
        // `source` of an I/O error skips the error that it wraps.
        let outer = error.downcast_ref::<io::Error>()?;
        let inner = outer.get_ref().and_then(|inner| io_kind(inner));
        Some(inner.unwrap_or_else(|| outer.kind()))
    };
    below.or_else(own)
}

/// The text of the last error in a chain; the outer ones only say that there is another one.
fn innermost(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
