//! Waiting for tasks, most of which block.

use tokio::task::JoinHandle;

/// The result of a task that nobody cancels; its panic is the caller's.
pub(super) async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
