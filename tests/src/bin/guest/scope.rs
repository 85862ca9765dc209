//! What belongs to the container, and nothing else.

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Result, anyhow, ensure};
use minifier::rootfs::ImagePath;
use minifier::trace::{Operation, TraceOptions, Tracer};

use crate::container::Container;

pub(crate) async fn run() -> Result<String> {
    let image = Path::new("/run/images/scope");
    fs::create_dir_all(image.join("data"))?;
    fs::copy("/programs/conformance", image.join("conformance"))?;
    for file in ["mine", "twin"] {
        fs::write(image.join("data").join(file), "")?;
    }
    let mut tracer = Tracer::attach(TraceOptions::default()).await?;
    let mine = Container::new("mine", image)?;
    tracer.follow(&mine.id)?;
    let twin = ["/conformance", "open", "/data/twin"];
    // Before, at the same time, and after it.
    Container::new("before", image)?.run(&twin)?;
    let beside = Container::new("beside", image)?;
    let beside = thread::spawn(move || beside.run(&twin));
    mine.run(&["/conformance", "open", "/data/mine"])?;
    beside.join().map_err(|_| anyhow!("the twin's thread"))??;
    Container::new("after", image)?.run(&twin)?;
    let trace = tracer.finish().await?;

    ensure!(trace.is_complete(), "{:?}", trace.gaps);
    let first = trace.accesses.first();
    ensure!(
        first.is_some_and(|access| access.operation == Operation::Execute
            && access.resolved == Some(ImagePath::from("/conformance"))),
        "the first thing is not the entrypoint: {first:?}"
    );
    let strange = trace
        .accesses
        .iter()
        .find(|access| access.requested.ends_with(b"/twin"));
    ensure!(strange.is_none(), "the twin was recorded: {strange:?}");
    let opened = trace
        .accesses
        .iter()
        .any(|access| access.requested == b"/data/mine");
    ensure!(opened, "the container's own file is missing");
    ensure!(trace.processes.len() == 1, "{:?}", trace.processes);
    Ok("three twins left out".into())
}
