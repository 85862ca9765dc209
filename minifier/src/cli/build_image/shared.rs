//! [`Build`]: what all stages of a build share, and how they wait.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::options::Options;
use crate::cli::error::CliError;
use crate::cli::errors;
use crate::cli::exit::Exit;
use crate::cli::left::Left;
use crate::cli::printer::Printer;
use crate::report::{Stage, Timing};
use crate::runtime::RunId;
use crate::trace::Tracer;

/// How long cleaning up may take once the user has given up: a daemon may not answer any more.
const PARTING: Duration = Duration::from_secs(10);

/// The options, the printer and the cancellation that all stages of a build share.
pub(crate) struct Build<'a> {
    pub(crate) options: &'a Options,
    pub(crate) printer: &'a Printer,
    /// Cancelled by the user, at the end of the time allowed, and if another stage fails.
    pub(crate) cancel: CancellationToken,
    /// Names everything that the build makes outside this process.
    pub(crate) run: RunId,
    pub(crate) left: &'a Left,
    timings: Mutex<Vec<Timing>>,
}

impl<'a> Build<'a> {
    /// A build that ends when `cancel` is cancelled, and can be cancelled alone.
    pub(crate) fn new(
        options: &'a Options,
        printer: &'a Printer,
        cancel: &CancellationToken,
        left: &'a Left,
    ) -> Result<Self, CliError> {
        Ok(Self {
            options,
            printer,
            cancel: cancel.child_token(),
            run: RunId::new().map_err(|e| errors::io("find out which process this is", e))?,
            left,
            timings: Mutex::default(),
        })
    }

    /// How long each stage took.
    pub(crate) fn into_timings(self) -> Vec<Timing> {
        let timings = self.timings.into_inner();
        timings.unwrap_or_else(PoisonError::into_inner)
    }

    /// Attaches to the kernel, which takes the verifier's time.
    pub(crate) async fn attach(&self) -> Result<Tracer, CliError> {
        let _stage = self.printer.stage("attach");
        let started = Instant::now();
        let tracer = Tracer::attach(self.options.trace.clone()).await;
        self.took(Stage::Attach, started);
        tracer.map_err(CliError::from)
    }

    /// If `work` fails, the other stages stop too.
    pub(crate) async fn or_stop<T>(
        &self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        let result = work.await;
        if result.is_err() {
            self.cancel.cancel();
        }
        result
    }

    /// Waits for `work`, or gives up as soon as the user does.
    pub(crate) async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, CliError> {
        self.cancel
            .run_until_cancelled(work)
            .await
            .ok_or_else(CliError::interrupted)
    }

    /// The result of all stages, or an error if they take longer than the user allows.
    pub(crate) async fn in_time<T>(
        &self,
        stages: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        let Some(limit) = self.options.timeout else {
            return stages.await;
        };
        let mut stages = std::pin::pin!(stages);
        if let Ok(result) = timeout(limit, &mut stages).await {
            return result;
        }
        self.cancel.cancel();
        // What came to its end in this moment is as good as before, and so is another error.
        stages.await.map_err(|error| match error.exit {
            Exit::Interrupted => CliError {
                written: error.written,
                ..errors::timeout(limit)
            },
            _ => error,
        })
    }

    /// Waits for `work`, which cleans up: as long as it takes, but no longer than [`PARTING`] once the user has given
    /// up.
    pub(crate) async fn parting<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let overdue = async {
            self.cancel.cancelled().await;
            sleep(PARTING).await;
        };
        tokio::select! {
            result = work => Some(result),
            () = overdue => None,
        }
    }

    /// Notes how long a stage took.
    pub(crate) fn took(&self, stage: Stage, since: Instant) {
        self.took_seconds(stage, since.elapsed().as_secs_f64());
    }

    /// Notes that a stage took so many seconds.
    pub(crate) fn took_seconds(&self, stage: Stage, seconds: f64) {
        tracing::info!("{} took {seconds:.2} s", stage.name());
        let mut timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        timings.push(Timing { stage, seconds });
    }
}
