//! How the daemon's messages become a [`RuntimeError`].

use bollard::errors::Error as ApiError;

use crate::runtime::error::RuntimeError;
use crate::runtime::shared::start_failure;

/// Wraps an error of the API as the failure of `action`.
pub(crate) fn daemon(action: impl Into<String>) -> impl FnOnce(ApiError) -> RuntimeError {
    let action = action.into();
    move |source| RuntimeError::Daemon {
        action,
        source: Box::new(source),
    }
}

/// Status and message, if the daemon answered with an error.
pub(crate) fn status(error: &ApiError) -> Option<(u16, &str)> {
    match error {
        ApiError::DockerResponseServerError {
            status_code,
            message,
        } => Some((*status_code, message)),
        _ => None,
    }
}

/// The error of `POST /containers/create`.
pub(crate) fn create_error(image: &str, error: ApiError) -> RuntimeError {
    match status(&error) {
        Some((404, message)) if message.to_lowercase().contains("no such image") => {
            RuntimeError::NoImage(image.to_owned())
        }
        Some((400, message)) if message.to_lowercase().contains("no command specified") => {
            RuntimeError::NoCommand
        }
        _ => daemon(format!("create a container of image {image}"))(error),
    }
}

/// The error of `POST /containers/ID/start`.
pub(crate) fn start_error(id: &str, error: ApiError) -> RuntimeError {
    match status(&error) {
        Some((_, message)) => start_failure(message),
        None => daemon(format!("start container {id}"))(error),
    }
}
