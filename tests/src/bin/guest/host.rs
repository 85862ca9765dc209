//! What `minify doctor` says about this kernel.

use std::process::Command;

use anyhow::{Result, ensure};

/// Its words go to the console; the row tells whether tracing works here.
pub(crate) fn doctor() -> Result<String> {
    let output = Command::new("/bin/minify")
        .args(["doctor", "--json"])
        .env("PATH", "/usr/sbin:/bin")
        .output()?;
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let checks = json["checks"].as_array().cloned().unwrap_or_default();
    let text = |check: &serde_json::Value, field: &str| {
        check[field].as_str().unwrap_or_default().to_owned()
    };
    let mut words = String::new();
    let mut failed = Vec::new();
    for check in &checks {
        let name = text(check, "name");
        words += &format!(
            "{:<8} {name}: {}\n",
            text(check, "status"),
            text(check, "detail")
        );
        if check["status"] == "fail" && !name.starts_with("docker") {
            failed.push(name);
        }
    }
    ensure!(failed.is_empty(), "{}\n{words}", failed.join(", "));
    ensure!(
        checks
            .iter()
            .any(|check| text(check, "name") == "ebpf programs"),
        "{words}"
    );
    Ok(format!("{} checks\n{words}", checks.len()))
}
