//! [`for_each`]: the same work for several items at once, on a bounded number of threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Number of threads that this process can run at once, within its CPU affinity and control group.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Calls `work` for every item, on at most `threads` threads. Returns the results in the order of the items, or the
/// error that came first. After an error, no further item is begun.
pub(crate) fn for_each<T: Sync, R: Send, E: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let slots: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let error = Mutex::new(None);
    let run = || {
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { break };
            match work(item) {
                Ok(result) => *lock(&slots[at]) = Some(result),
                Err(e) => {
                    failed.store(true, Ordering::Relaxed);
                    lock(&error).get_or_insert(e);
                }
            }
        }
    };
    // This thread works too, so that one item costs no thread at all.
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
    if let Some(error) = lock(&error).take() {
        return Err(error);
    }
    let results = slots.into_iter().filter_map(|slot| lock(&slot).take());
    Ok(results.collect())
}

/// Locks even after a panic of another thread, which `scope` passes on: the slots are valid all the same.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_and_errors_end_the_work() {
        let items: Vec<usize> = (0..100).collect();
        let doubled = for_each(&items, 8, |&i| Ok::<_, ()>(i * 2)).unwrap();
        assert!(doubled.iter().enumerate().all(|(i, &d)| d == i * 2));
        let failed = for_each(&items, 8, |&i| if i == 50 { Err(i) } else { Ok(()) });
        assert_eq!(failed, Err(50));
        assert_eq!(for_each(&[0; 0], 8, |_| Ok::<_, ()>(())), Ok(vec![]));
    }
}
