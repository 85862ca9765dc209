//! [`Backoff`]: pauses between attempts, and their end.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(200);
/// The longest pause, even if the registry asks for a longer one: a hostile `Retry-After` must not stop us for days.
const LONGEST: Duration = Duration::from_secs(30);

/// Counts failures.
#[derive(Debug)]
pub(crate) struct Backoff {
    attempts: u32,
    failed: u32,
}

impl Backoff {
    /// For up to `attempts` attempts.
    pub(crate) fn new(attempts: u32) -> Self {
        Self {
            attempts,
            failed: 0,
        }
    }

    /// Waits after a failure. Returns false at once if that was the last attempt. `after` is the pause that the
    /// registry asks for.
    pub(crate) async fn again(&mut self, after: Option<Duration>) -> bool {
        self.failed += 1;
        if self.failed >= self.attempts {
            return false;
        }
        tokio::time::sleep(pause(self.failed, after)).await;
        true
    }

    /// Forgets the failures, after progress.
    pub(crate) fn reset(&mut self) {
        self.failed = 0;
    }

    /// Number of failures since the start or the last progress.
    pub(crate) fn failed(&self) -> u32 {
        self.failed
    }
}

fn pause(failed: u32, after: Option<Duration>) -> Duration {
    let usual = FIRST.saturating_mul(1 << failed.saturating_sub(1).min(16));
    after.unwrap_or(usual).max(usual).min(LONGEST)
}

/// Whether a later attempt may succeed: timeouts, "too many requests", and errors of a server or of a proxy in front of
/// it.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// The pause in `Retry-After`, if it is a number of seconds; dates are ignored, since clocks differ.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        assert_eq!(pause(1, None), FIRST);
        assert_eq!(pause(3, None), FIRST * 4);
        assert_eq!(pause(u32::MAX, None), LONGEST);
        assert_eq!(
            pause(1, Some(Duration::from_secs(2))),
            Duration::from_secs(2)
        );
        assert_eq!(pause(1, Some(Duration::from_secs(99_999))), LONGEST);
    }

    #[tokio::test]
    async fn the_last_try_is_the_last() {
        let mut backoff = Backoff::new(2);
        assert!(backoff.again(None).await);
        assert!(!backoff.again(None).await);
        assert!(!Backoff::new(1).again(None).await);
    }
}
