//! `--continue-after`: how long the container keeps running after the probes.

use std::io::BufRead;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

use super::error::ProbeError;
use super::observer::Event;
use super::session::ProbeSession;
use crate::probe::plan::ContinueAfter;
use crate::runtime::Workload;

/// Waits for the user. Created before anything else: by default, an early `SIGUSR1` would end the program.
#[derive(Debug)]
pub(crate) struct Trigger {
    state: watch::Receiver<TriggerState>,
    /// Keeps the channel open if nothing will ever be sent: a closed one counts as closed input.
    _never: Option<watch::Sender<TriggerState>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TriggerState {
    Waiting,
    Fired,
    Closed,
}

impl Trigger {
    pub(crate) fn new(mode: ContinueAfter) -> Result<Self, ProbeError> {
        match mode {
            ContinueAfter::Enter => Ok(Self::enter(std::io::BufReader::new(std::io::stdin()))),
            ContinueAfter::Signal => {
                let mut signals =
                    signal(SignalKind::user_defined1()).map_err(ProbeError::Signal)?;
                let (sender, state) = watch::channel(TriggerState::Waiting);
                tokio::spawn(async move {
                    tokio::select! {
                        _ = signals.recv() => drop(sender.send(TriggerState::Fired)),
                        () = sender.closed() => {}
                    }
                });
                Ok(Self {
                    state,
                    _never: None,
                })
            }
            ContinueAfter::Probe | ContinueAfter::Exit | ContinueAfter::For(_) => {
                let (sender, state) = watch::channel(TriggerState::Waiting);
                Ok(Self {
                    state,
                    _never: Some(sender),
                })
            }
        }
    }

    /// Waits for a line on `input`. In a plain thread: reading from a terminal cannot be cancelled, and tokio waits for its
    /// blocking threads when the program ends.
    fn enter(mut input: impl BufRead + Send + 'static) -> Self {
        let (sender, state) = watch::channel(TriggerState::Waiting);
        std::thread::spawn(move || {
            let read = input.read_line(&mut String::new());
            let _ = sender.send(if matches!(read, Ok(1..)) {
                TriggerState::Fired
            } else {
                TriggerState::Closed
            });
        });
        Self {
            state,
            _never: None,
        }
    }

    /// Waits until the user says to go on; for ever in the other modes.
    pub(crate) async fn fired(&self) -> Result<(), ProbeError> {
        let mut state = self.state.clone();
        let ended = state
            .wait_for(|state| *state != TriggerState::Waiting)
            .await
            .map(|state| *state);
        match ended {
            Ok(TriggerState::Fired) => Ok(()),
            _ => Err(ProbeError::NoInput),
        }
    }
}

/// Keeps the container running as long as the plan says, of which `waited` has passed already.
pub(crate) async fn linger<W: Workload>(
    session: &mut ProbeSession<'_, W>,
    trigger: &Trigger,
    waited: Duration,
) -> Result<(), ProbeError> {
    let plan = session.plan();
    let workload = session.workload();
    if plan.continue_after == ContinueAfter::Probe || workload.exit().is_some() {
        return Ok(());
    }
    session.tell(Event::Waiting(plan.continue_after));
    let user = async {
        match plan.continue_after {
            ContinueAfter::Probe => Ok(None),
            ContinueAfter::Exit => match plan.exit_timeout {
                None => std::future::pending().await,
                Some(limit) => {
                    sleep(limit).await;
                    Ok(Some(limit))
                }
            },
            ContinueAfter::For(duration) => {
                sleep(duration.saturating_sub(waited)).await;
                Ok(None)
            }
            ContinueAfter::Enter | ContinueAfter::Signal => trigger.fired().await.map(|()| None),
        }
    };
    // The container may end by itself at any time, in every mode.
    let too_long = tokio::select! {
        exit = workload.exited() => exit.map(|_| None)?,
        over = user => over?,
    };
    match too_long {
        Some(limit) => Err(session.still_running(limit).await),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_line_fires_and_a_closed_input_is_an_error() {
        Trigger::enter(Cursor::new(b"\n".to_vec()))
            .fired()
            .await
            .unwrap();
        let closed = Trigger::enter(Cursor::new(Vec::new())).fired().await;
        assert!(matches!(closed, Err(ProbeError::NoInput)));
    }

    #[tokio::test]
    async fn a_signal_fires_also_when_it_came_before_anybody_waited() {
        let trigger = Trigger::new(ContinueAfter::Signal).unwrap();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::USR1)
            .unwrap();
        sleep(Duration::from_millis(50)).await;
        timeout(Duration::from_secs(10), trigger.fired())
            .await
            .unwrap()
            .unwrap();
    }

    #[tokio::test]
    async fn nothing_fires_unasked() {
        let trigger = Trigger::new(ContinueAfter::Probe).unwrap();
        assert!(
            timeout(Duration::from_millis(20), trigger.fired())
                .await
                .is_err()
        );
    }
}
