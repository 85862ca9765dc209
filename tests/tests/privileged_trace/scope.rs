//! What belongs to the container, and nothing else.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Result, ensure};
use minifier::rootfs::ImagePath;
use minifier::trace::{Gap, Operation, Trace, TraceOptions, Tracer};
use minifier_tests::expected::assert_traced;
use minifier_tests::tracing::trace_run;
use xtask::container::Container;
use xtask::docker::TemporaryImage;

use crate::privileged_trace::support::{assert_complete, import, program};

/// An image with `conformance`, which opens the file that it is told.
fn image(test: &str, files: &[&str]) -> Result<TemporaryImage> {
    let root = tempfile::tempdir()?;
    program("conformance/main.rs", root.path())?;
    fs::create_dir(root.path().join("data"))?;
    for file in files {
        File::create(root.path().join("data").join(file))?;
    }
    import(test, root.path())
}

fn opened(trace: &Trace) -> Vec<&Path> {
    use std::os::unix::ffi::OsStrExt;
    let opens = trace
        .accesses
        .iter()
        .filter(|access| access.requested.starts_with(b"/data/"));
    opens
        .map(|access| Path::new(std::ffi::OsStr::from_bytes(&access.requested)))
        .collect()
}

fn opener(image: &TemporaryImage, file: &str) -> Result<Container> {
    Container::create(&["--network=none", image.name(), "/conformance", "open", file])
}

fn run(container: &Container) -> Result<()> {
    let output = container.run()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[tokio::test]
async fn privileged_a_twin_beside_the_container_is_not_recorded() -> Result<()> {
    let image = image("twin", &["mine", "twin"])?;
    let before = Container::create(&[
        "--network=none",
        "--tmpfs=/tmp",
        image.name(),
        "/conformance",
        "all",
    ]);
    let twins = [
        before?,
        opener(&image, "/data/twin")?,
        opener(&image, "/data/twin")?,
    ];
    let mut tracer = Tracer::attach(TraceOptions::default()).await?;
    let mine = opener(&image, "/data/mine")?;
    tracer.follow(mine.id())?;
    // Before, at the same time, and after it.
    run(&twins[1])?;
    let beside = std::thread::spawn(move || run(&twins[2]).map(|()| twins));
    run(&mine)?;
    let twins = beside
        .join()
        .map_err(|_| anyhow::anyhow!("the twin's thread"))??;
    run(&twins[1])?;
    let trace = tracer.finish().await?;

    assert_eq!(opened(&trace), [Path::new("/data/mine")]);
    assert_eq!(trace.processes.len(), 1, "{:?}", trace.processes);
    assert_complete(&trace);
    Ok(())
}

#[tokio::test]
async fn privileged_a_job_of_a_millisecond_is_seen_whole_every_time() -> Result<()> {
    let image = image("job", &["mine"])?;
    for _ in 0..10 {
        let mut tracer = Tracer::attach(TraceOptions::default()).await?;
        let container = opener(&image, "/data/mine")?;
        tracer.follow(container.id())?;
        run(&container)?;
        let trace = tracer.finish().await?;
        assert_complete(&trace);
        let first = trace.accesses.first().expect("an access");
        assert_eq!(first.operation, Operation::Execute);
        assert_eq!(first.resolved, Some(ImagePath::from("/conformance")));
        assert_eq!(opened(&trace), [Path::new("/data/mine")]);
        let access = trace
            .accesses
            .iter()
            .find(|access| access.requested == b"/data/mine")
            .expect("the open");
        assert_eq!(
            trace.processes[&access.pid].executables,
            [ImagePath::from("/conformance")]
        );
    }
    Ok(())
}

#[tokio::test]
async fn privileged_a_process_is_followed_when_its_first_thread_has_ended() -> Result<()> {
    let image = image("polled", &["polled"])?;
    let args = [
        "--network=none",
        "--security-opt=seccomp=unconfined",
        image.name(),
        "/conformance",
        "polled",
    ];
    let (trace, output) = trace_run(TraceOptions::default(), &args).await?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let printed = String::from_utf8(output.stdout)?;
    assert_traced(&trace, &printed, 1)?;
    assert_complete(&trace);
    Ok(())
}

#[tokio::test]
async fn privileged_a_container_that_never_starts_leaves_a_gap() -> Result<()> {
    let mut tracer = Tracer::attach(TraceOptions::default()).await?;
    tracer.follow(&"0123456789abcdef".repeat(4))?;
    let trace = tracer.finish().await?;
    assert!(trace.accesses.is_empty());
    assert_eq!(trace.gaps, [Gap::NeverSeen]);
    Ok(())
}
