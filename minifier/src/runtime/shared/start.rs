//! [`start_failure`]: why a container did not start, from the message of the runtime.

use crate::runtime::error::RuntimeError;

/// The error for the message of a runtime (runc, crun) about a container that does not start.
pub(crate) fn start_failure(message: &str) -> RuntimeError {
    let message = message.trim().trim_end_matches(": unknown");
    // Docker, containerd and runc each put a prefix before the message; the cause comes last.
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
