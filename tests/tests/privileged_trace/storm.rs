//! Many accesses at once, none of which repeats another.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use minifier::trace::{Gap, Operation, Trace, TraceOptions};
use minifier_tests::tracing::trace_run;

use crate::support::{assert_complete, import, program};

const PROCESSES: usize = 8;
const OPENS: usize = 200_000;

async fn storm(test: &str, options: TraceOptions) -> Result<Trace> {
    let root = tempfile::tempdir()?;
    program("storm.rs", root.path())?;
    std::fs::create_dir(root.path().join("tmp"))?;
    let image = import(test, root.path())?;
    let [processes, opens] = [PROCESSES, OPENS].map(|number| number.to_string());
    let args = [
        "--tmpfs=/tmp",
        "--network=none",
        &image.name,
        "/storm",
        &processes,
        &opens,
    ];
    let (trace, output) = trace_run(options, &args).await?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(trace)
}

/// Files of the storm that the trace has with this operation.
fn files(trace: &Trace, operation: Operation) -> HashSet<&[u8]> {
    let of_storm = trace.accesses.iter().filter(|access| {
        access.operation == operation
            && access.requested.starts_with(b"/tmp/storm-")
            && access.result >= Some(0)
    });
    of_storm.map(|access| &access.requested[..]).collect()
}

#[tokio::test]
async fn privileged_nothing_of_a_storm_is_lost_with_the_default_buffer() -> Result<()> {
    let trace = storm("storm", TraceOptions::default()).await?;
    assert_complete(&trace);
    assert_eq!(files(&trace, Operation::OpenWrite).len(), OPENS);
    assert_eq!(files(&trace, Operation::Remove).len(), OPENS);
    let strange = trace.accesses.iter().find(|access| {
        let resolved = access.resolved.as_ref().map(|path| path.as_bytes());
        access.operation == Operation::OpenWrite && resolved != Some(&access.requested[..])
    });
    assert_eq!(strange, None, "an open that was resolved wrong");
    Ok(())
}

#[tokio::test]
async fn privileged_losses_with_a_tiny_buffer_are_counted() -> Result<()> {
    let trace = storm(
        "tiny",
        TraceOptions {
            buffer_bytes: 4096,
            ..TraceOptions::default()
        },
    )
    .await?;
    assert!(trace.lost() > 0, "{:?}", trace.hooks);
    assert!(!trace.is_complete());
    assert!(
        trace
            .gaps
            .iter()
            .any(|gap| matches!(gap, Gap::BufferFull { .. })),
        "{:?}",
        trace.gaps
    );
    let recorded =
        files(&trace, Operation::OpenWrite).len() + files(&trace, Operation::Remove).len();
    let lost = usize::try_from(trace.hooks[0].lost)?;
    assert!(
        recorded + lost >= 2 * OPENS,
        "{recorded} recorded, {lost} lost: some are neither"
    );
    Ok(())
}
