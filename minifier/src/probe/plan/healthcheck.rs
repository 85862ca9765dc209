//! [`HealthCheck`]: the image's `HEALTHCHECK`, with Docker's defaults.

use std::time::Duration;

use crate::image::{CheckCommand, ImageConfig};

/// The image's `HEALTHCHECK` as a command with its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// Program and arguments; the image's shell for the shell form.
    pub argv: Vec<String>,
    /// Time between two checks.
    pub interval: Duration,
    /// Time that one check may take.
    pub timeout: Duration,
    /// Time after the start in which failures do not count.
    pub start_period: Duration,
    /// Failures in a row after which the container is unhealthy.
    pub retries: u32,
}

impl HealthCheck {
    /// The check of an image; `None` if it has none. Defaults are Docker's.
    pub fn of(config: &ImageConfig) -> Option<Self> {
        let check = config.healthcheck()?;
        let argv = match check.command()? {
            CheckCommand::Exec(words) => words.to_vec(),
            CheckCommand::Shell(words) => [&config.shell(), words].concat(),
        };
        // 0 means the default in Docker's API; a negative value is not valid, and counts as 0.
        let nanos = |value: i64, default: u64| match u64::try_from(value) {
            Ok(nanos) if nanos > 0 => Duration::from_nanos(nanos),
            _ => Duration::from_secs(default),
        };
        Some(Self {
            argv,
            interval: nanos(check.interval, 30),
            timeout: nanos(check.timeout, 30),
            start_period: nanos(check.start_period, 0),
            retries: u32::try_from(check.retries)
                .ok()
                .filter(|n| *n > 0)
                .unwrap_or(3),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(execution: serde_json::Value) -> ImageConfig {
        let config = serde_json::json!({
            "os": "linux", "architecture": "amd64", "config": execution,
            "rootfs": {"type": "layers", "diff_ids": []},
        });
        ImageConfig::parse(&serde_json::to_vec(&config).unwrap()).unwrap()
    }

    #[test]
    fn both_forms_become_a_command() {
        let check = HealthCheck::of(&config(serde_json::json!({
            "Shell": ["/bin/bash", "-ec"],
            "Healthcheck": {"Test": ["CMD-SHELL", "curl -f ."], "Timeout": 2_000_000_000},
        })))
        .unwrap();
        assert_eq!(check.argv, ["/bin/bash", "-ec", "curl -f ."]);
        assert_eq!((check.timeout, check.retries), (Duration::from_secs(2), 3));
        assert_eq!(
            (check.interval, check.start_period),
            (Duration::from_secs(30), Duration::ZERO)
        );
        let exec = config(serde_json::json!({"Healthcheck": {"Test": ["CMD", "/check", "a b"]}}));
        assert_eq!(HealthCheck::of(&exec).unwrap().argv, ["/check", "a b"]);
        let none = config(serde_json::json!({"Healthcheck": {"Test": ["NONE"]}}));
        assert_eq!(HealthCheck::of(&none), None);
    }
}
