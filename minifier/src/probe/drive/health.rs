//! Running the image's own health check. The daemon runs it too, but the first time only after its interval, half a minute
//! by default.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::command;
use super::error::ProbeError;
use super::report::{StepKind, StepResult};
use super::session::ProbeSession;
use crate::probe::plan::HealthCheck;
use crate::runtime::{RuntimeError, Workload};

/// Pause before the check is run again, doubled each time up to its own interval.
const PAUSE: Duration = Duration::from_millis(250);
/// Time before the first check. Usually a port opens first, and the check runs once, after that.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs the check until it passes.
pub(crate) async fn until_healthy<W: Workload>(
    workload: &W,
    check: &HealthCheck,
) -> Result<StepResult, RuntimeError> {
    sleep(PATIENCE).await;
    let mut pause = PAUSE;
    loop {
        let result =
            command::exec(workload, StepKind::Healthcheck, &check.argv, check.timeout).await?;
        if result.ok {
            return Ok(result);
        }
        sleep(pause).await;
        pause = check.interval.min(pause * 2);
    }
}

/// Runs the check until it passes or the image's patience ends: within the start period, then for `retries` intervals, at
/// most for the time that the container has to get ready.
pub(crate) async fn check<W: Workload>(
    session: &mut ProbeSession<'_, W>,
    check: &HealthCheck,
) -> Result<(), ProbeError> {
    let begin = Instant::now();
    let period = check.start_period.saturating_sub(session.elapsed());
    let window = period + (check.interval * check.retries).min(session.plan().ready_timeout);
    let mut pause = PAUSE;
    let mut tries = 0;
    session.started(StepKind::Healthcheck, &shell_words::join(&check.argv));
    loop {
        let workload = session.workload();
        let result =
            command::exec(workload, StepKind::Healthcheck, &check.argv, check.timeout).await?;
        tries += 1;
        // Both: a check that fails quickly gets the image's time, one that hangs gets its number of tries.
        let over = tries >= check.retries && begin.elapsed() + pause > window;
        if result.ok || over || workload.exit().is_some() {
            return session.finished(result).await;
        }
        sleep(pause).await;
        pause = check.interval.min(pause * 2);
    }
}
