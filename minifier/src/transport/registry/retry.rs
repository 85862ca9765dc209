//! [`Backoff`]: when to try again, and when no more.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(200);
/// The longest pause, also where the registry asks for a longer one.
const LONGEST: Duration = Duration::from_secs(30);

/// Counts failures.
#[derive(Debug)]
pub(crate) struct Backoff {
    attempts: u32,
    failed: u32,
}

impl Backoff {
    /// For something that is tried up to `attempts` times.
    pub(crate) fn new(attempts: u32) -> Self {
        Self {
            attempts,
            failed: 0,
        }
    }

    /// After a failure: waits and says true, or false where it was the last try. `after` is what the registry asks for.
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

    /// How often it failed.
    pub(crate) fn failed(&self) -> u32 {
        self.failed
    }
}

fn pause(failed: u32, after: Option<Duration>) -> Duration {
    let usual = FIRST.saturating_mul(1 << failed.saturating_sub(1).min(16));
    after.unwrap_or(usual).max(usual).min(LONGEST)
}

/// True for answers that a later try may not get.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// What `Retry-After` asks for, where it is a number of seconds.
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
