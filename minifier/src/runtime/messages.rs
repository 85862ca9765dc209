//! How the messages of the daemon and of OCI runtimes become a [`RuntimeError`].

use bollard::errors::Error as ApiError;

use super::error::RuntimeError;

/// Wraps an error of the API as the failure of `action`.
pub(crate) fn daemon(action: impl Into<String>) -> impl FnOnce(ApiError) -> RuntimeError {
    let action = action.into();
    move |source| RuntimeError::Daemon {
        action,
        source: Box::new(source),
    }
}

/// Status and message where the daemon answered with an error.
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

/// Sorts out what a runtime (runc, crun) says about a container that does not start.
pub(crate) fn start_failure(message: &str) -> RuntimeError {
    let message = message.trim().trim_end_matches(": unknown");
    // The runtimes wrap their message several times; the last part tells.
    let wrapped = [
        "unable to start container process: ",
        "OCI runtime create failed: ",
    ];
    let message = wrapped
        .iter()
        .find_map(|prefix| Some(&message[message.find(prefix)? + prefix.len()..]))
        .unwrap_or(message);
    let command = || quoted(message).unwrap_or_default().to_owned();
    let lower = message.to_lowercase();
    let about_a_program = lower.contains("exec") && quoted(message).is_some();
    if about_a_program && (lower.contains("not found") || lower.contains("no such file")) {
        return RuntimeError::CommandNotFound {
            command: command(),
            message: message.to_owned(),
        };
    }
    if about_a_program
        && ["permission denied", "exec format error", "is a directory"]
            .iter()
            .any(|reason| lower.contains(reason))
    {
        let (command, message) = (command(), message.to_owned());
        return RuntimeError::CommandNotExecutable { command, message };
    }
    if lower.contains("unable to find user") || lower.contains("unable to find group") {
        return RuntimeError::NoUser(message.to_owned());
    }
    RuntimeError::Start(message.to_owned())
}

/// The first part of `text` in quotes or backticks.
fn quoted(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(['"', '`'])?;
    Some(rest.split_once(['"', '`'])?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_to_start_are_told_apart() {
        const RUNC: &str = "failed to create shim task: OCI runtime create failed: runc create failed: \
                            unable to start container process: ";
        let failure = |text: &str| start_failure(&format!("{RUNC}{text}: unknown"));
        let error = failure("exec: \"nope\": executable file not found in $PATH");
        assert_eq!(
            error.to_string(),
            "start the container: command \"nope\" was not found in the image \
             (exec: \"nope\": executable file not found in $PATH)"
        );
        assert!(error.hint().is_some());
        for text in [
            "exec: \"/bin/nope\": stat /bin/nope: no such file or directory",
            "error during container init: exec: \"/x.sh\": no such file or directory",
        ] {
            assert!(
                matches!(failure(text), RuntimeError::CommandNotFound { .. }),
                "{text}"
            );
        }
        assert!(matches!(
            failure("exec: \"/etc/passwd\": permission denied"),
            RuntimeError::CommandNotExecutable { command, .. } if command == "/etc/passwd"
        ));
        assert!(matches!(
            start_failure("crun: executable file `nope` not found in $PATH: No such file or directory"),
            RuntimeError::CommandNotFound { command, .. } if command == "nope"
        ));
        assert!(matches!(
            start_failure("unable to find user nobody: no matching entries in passwd file"),
            RuntimeError::NoUser(_)
        ));
        assert_eq!(
            start_failure("network nonet not found").to_string(),
            "start the container: network nonet not found"
        );
    }
}
