//! Many accesses at once, none of which repeats another.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use minifier::trace::{Gap, Operation, Trace, TraceOptions, Tracer};

use crate::container::Container;

/// Fewer than the copies of a program that may be preempted: emulated on a busy host, a program may last for longer than
/// the scheduler leaves a task alone, which it does not elsewhere.
const PROCESSES: usize = 3;
const OPENS: usize = 3_999;

pub(crate) async fn run() -> Result<String> {
    let image = Path::new("/run/images/storm");
    fs::create_dir_all(image)?;
    fs::copy("/programs/storm", image.join("storm"))?;

    let whole = storm(image, "whole", TraceOptions::default()).await?;
    ensure!(whole.is_complete(), "{:?}", whole.gaps);
    ensure!(whole.lost() == 0, "{:?}", whole.hooks);
    for operation in [Operation::OpenWrite, Operation::Remove] {
        let found = files(&whole, operation).len();
        ensure!(found == OPENS, "{found} of {OPENS} files: {operation:?}");
    }

    let tiny = TraceOptions {
        buffer_bytes: 4096,
        ..TraceOptions::default()
    };
    let cut = storm(image, "cut", tiny).await?;
    ensure!(cut.lost() > 0 && !cut.is_complete(), "{:?}", cut.hooks);
    ensure!(
        cut.gaps
            .iter()
            .any(|gap| matches!(gap, Gap::BufferFull { .. })),
        "{:?}",
        cut.gaps
    );
    let recorded = files(&cut, Operation::OpenWrite).len() + files(&cut, Operation::Remove).len();
    let lost = usize::try_from(cut.lost())?;
    ensure!(
        recorded + lost >= 2 * OPENS,
        "{recorded} recorded, {lost} lost: some are neither"
    );
    Ok(format!(
        "{} accesses, none lost; {lost} lost in 4 KiB, all counted",
        2 * OPENS
    ))
}

async fn storm(image: &Path, id: &str, options: TraceOptions) -> Result<Trace> {
    let mut tracer = Tracer::attach(options).await?;
    let container = Container::new(id, image)?;
    tracer.follow(&container.id)?;
    container.run(&["/storm", &PROCESSES.to_string(), &OPENS.to_string()])?;
    Ok(tracer.finish().await?)
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
