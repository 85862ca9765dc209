//! Waiting for tasks and threads. Their panics continue in whoever waits: a thread that died quietly would be a wrong result.

use std::panic::resume_unwind;
#[cfg(any(feature = "engines", feature = "trace"))]
use std::thread;

use tokio::task::JoinError;

/// The result of a task that is never cancelled.
pub(crate) async fn joined<T>(task: impl Future<Output = Result<T, JoinError>>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(error) => panic!("the task does not end: {error}"),
        },
    }
}

/// The result of a thread.
#[cfg(any(feature = "engines", feature = "trace"))]
pub(crate) fn returned<T>(thread: thread::Result<T>) -> T {
    thread.unwrap_or_else(|panic| resume_unwind(panic))
}

#[cfg(all(test, any(feature = "engines", feature = "trace")))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use tokio::task::spawn_blocking;

    use super::*;

    #[tokio::test]
    async fn a_panic_goes_on_where_somebody_waits() {
        assert_eq!(joined(spawn_blocking(|| 7)).await, 7);
        assert_eq!(returned(thread::spawn(|| 8).join()), 8);
        let waiting = tokio::spawn(joined(spawn_blocking::<_, ()>(|| {
            resume_unwind(Box::new("task"))
        })));
        let panic = waiting.await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref(), Some(&"task"));
        let thread = thread::spawn(|| -> () { resume_unwind(Box::new("thread")) }).join();
        let panic = catch_unwind(AssertUnwindSafe(|| returned(thread))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"thread"));
    }
}
