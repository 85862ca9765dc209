//! Hosts that cannot trace.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use minifier::trace::{TraceError, TraceOptions, Tracer};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

async fn refusal(btf: &Path) -> TraceError {
    match Tracer::attach(TraceOptions {
        btf: btf.into(),
        ..TraceOptions::default()
    })
    .await
    {
        Ok(_) => panic!("attached with {}", btf.display()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn privileged_a_kernel_without_btf_is_named_with_a_hint() -> Result<()> {
    let error = refusal(Path::new("/nonexistent/vmlinux")).await;
    assert!(matches!(error, TraceError::Btf { .. }), "{error:?}");
    assert!(
        error.to_string().contains("/nonexistent/vmlinux"),
        "{error}"
    );
    assert!(error.hint().is_some());

    let folder = tempfile::tempdir()?;
    for (name, contents) in [
        ("empty", &b""[..]),
        ("text", b"not type information"),
        ("magic", b"\x9f\xeb\x01\x00"),
    ] {
        let file: PathBuf = folder.path().join(name);
        std::fs::write(&file, contents)?;
        let error = refusal(&file).await;
        assert!(
            matches!(error, TraceError::BtfInvalid { .. }),
            "{name}: {error:?}"
        );
    }
    Ok(())
}

#[test]
fn privileged_a_process_without_capabilities_is_told_which() -> Result<()> {
    // The thread that attaches inherits from this one.
    let error = std::thread::spawn(|| -> Result<TraceError> {
        let mut sets = capabilities(None)?;
        sets.effective = CapabilitySet::BPF;
        set_capabilities(None, sets)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(runtime.block_on(refusal(Path::new("/sys/kernel/btf/vmlinux"))))
    });
    let error = error.join().map_err(|_| anyhow!("the thread panicked"))??;
    assert_eq!(error.to_string(), "load eBPF programs without CAP_PERFMON");
    assert!(error.hint().is_some_and(|hint| hint.contains("root")));
    Ok(())
}
