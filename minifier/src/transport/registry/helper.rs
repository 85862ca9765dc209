//! Programs that keep credentials: `docker-credential-NAME get`.
//!
//! Source: docker-credential-helpers, "Development" (protocol), `credentials/error.go` (what it says for "not found").

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::secret::Credentials;

/// Time for an answer: a key ring may have to be unlocked.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer that is read.
const MAX_ANSWER: u64 = 64 << 10;
/// The messages for "none", which come with exit code 1 like every other failure.
const NOT_FOUND: [&str; 2] = [
    "credentials not found in native keychain",
    "no credentials server URL",
];
/// The user name that marks the secret as an identity token.
const TOKEN_USER: &str = "<token>";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// Asks the helper `name` for its credentials for `server`. The error is a fragment without the helper's name.
pub(crate) async fn get(name: &str, server: &str) -> Result<Option<Credentials>, String> {
    // The name comes from a file: `../x` must not run another program than one on PATH.
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.chars().all(plain) {
        return Err("its name is not a plain file name".into());
    }
    ask_within(
        PATIENCE,
        OsStr::new(&format!("docker-credential-{name}")),
        server,
    )
    .await
}

async fn ask_within(
    patience: Duration,
    program: &OsStr,
    server: &str,
) -> Result<Option<Credentials>, String> {
    let (success, answer) = match timeout(patience, ask(program, server)).await {
        Err(_) => return Err(format!("no answer within {} s", patience.as_secs())),
        Ok(Err(e)) if e.kind() == io::ErrorKind::NotFound => {
            return Err("there is no such program on PATH".into());
        }
        Ok(Err(e)) => return Err(e.to_string()),
        Ok(Ok(asked)) => asked,
    };
    read(success, &answer)
}

async fn ask(program: &OsStr, server: &str) -> io::Result<(bool, Vec<u8>)> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Helpers report errors on standard output; what they print beside it could hold a secret.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that exits without reading breaks the pipe; its answer says why.
        let _ = stdin.write_all(server.as_bytes()).await;
    }
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_ANSWER + 1).read_to_end(&mut answer).await?;
    }
    if answer.len() as u64 > MAX_ANSWER {
        return Err(io::Error::other("its answer is longer than 64 KiB"));
    }
    Ok((child.wait().await?.success(), answer))
}

fn read(success: bool, answer: &[u8]) -> Result<Option<Credentials>, String> {
    if !success {
        let said = String::from_utf8_lossy(answer);
        let said = said.trim();
        let none = NOT_FOUND.iter().any(|text| said.contains(text));
        return if none {
            Ok(None)
        } else {
            Err(format!("it failed: {:.200}", said))
        };
    }
    let answer: HelperAnswer =
        serde_json::from_slice(answer).map_err(|_| "its answer is malformed")?;
    if answer.username.is_empty() && answer.secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(match answer.username.as_str() {
        TOKEN_USER => Credentials::Identity(answer.secret),
        _ => Credentials::Password {
            user: answer.username,
            password: answer.secret,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let text = br#"{"ServerURL":"r","Username":"u","Secret":"s"}"#;
        let password = Credentials::Password {
            user: "u".into(),
            password: "s".into(),
        };
        assert_eq!(read(true, text), Ok(Some(password)));
        let text = br#"{"Username":"<token>","Secret":"s"}"#;
        assert_eq!(
            read(true, text),
            Ok(Some(Credentials::Identity("s".into())))
        );
        assert_eq!(
            read(false, b"credentials not found in native keychain\n"),
            Ok(None)
        );
        assert!(
            read(false, b"the key ring is locked")
                .unwrap_err()
                .contains("locked")
        );
        assert!(read(true, b"{").is_err());
    }

    async fn ask_script(script: &str) -> Result<Option<Credentials>, String> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("helper");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        ask_within(Duration::from_secs(1), program.as_os_str(), "r.example").await
    }

    #[tokio::test]
    async fn a_program_is_asked_and_cannot_hold_us() {
        let script = r#"test "$1" = get && printf '{"Username":"%s","Secret":"s"}' "$(cat)""#;
        let found = Credentials::Password {
            user: "r.example".into(),
            password: "s".into(),
        };
        assert_eq!(ask_script(script).await, Ok(Some(found)));
        let none = "echo credentials not found in native keychain; exit 1";
        assert_eq!(ask_script(none).await, Ok(None));
        assert!(
            ask_script("exec sleep 9")
                .await
                .unwrap_err()
                .contains("no answer within 1 s")
        );
        let endless = ask_script("exec yes").await.unwrap_err();
        assert!(endless.contains("longer than 64 KiB"), "{endless}");
    }

    #[tokio::test]
    async fn a_name_with_a_path_is_not_run() {
        assert!(
            get("../x", "r")
                .await
                .unwrap_err()
                .contains("plain file name")
        );
    }
}
