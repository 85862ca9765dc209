//! Waiting for work that blocks.

use tokio::task::JoinError;

/// The result of blocking work; its panic is the caller's.
pub(super) fn joined<T>(result: Result<T, JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(error) => panic!("blocking work does not end: {error}"),
        },
    }
}
