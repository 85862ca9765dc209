//! Nothing of the tracer stays in the kernel. Alone in its process, so that all descriptors are its own.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;
use minifier::trace::{TraceOptions, Tracer};

/// eBPF programs, maps and links that this process holds; nobody else holds those of the tracer.
fn held() -> Result<usize> {
    let links =
        fs::read_dir("/proc/self/fd")?.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    Ok(links
        .filter(|link| link.to_string_lossy().contains("bpf"))
        .count())
}

#[tokio::test]
async fn privileged_the_tracer_is_gone_when_finished_dropped_or_given_up() -> Result<()> {
    assert_eq!(held()?, 0);
    let tracer = Tracer::attach(TraceOptions::default()).await?;
    assert!(held()? > 8, "{}", held()?);
    drop(tracer);
    assert_eq!(held()?, 0, "dropped");

    let tracer = Tracer::attach(TraceOptions::default()).await?;
    tracer.finish().await?;
    assert_eq!(held()?, 0, "finished");

    // Given up while it attaches: the thread finds out when it is done.
    let waited = tokio::time::timeout(
        Duration::from_millis(1),
        Tracer::attach(TraceOptions::default()),
    )
    .await;
    assert!(waited.is_err(), "attached within a millisecond");
    let start = Instant::now();
    while held()? == 0 && start.elapsed() < Duration::from_millis(200) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    while held()? > 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "given up");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
