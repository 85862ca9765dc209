//! Kernels that cannot trace, and what people are told about it.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use minifier::trace::{TraceError, TraceOptions, Tracer};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// Exit code of a host that cannot trace.
const CANNOT_TRACE: i32 = 4;

/// A kernel without type information: the folder that would have it is hidden.
pub(crate) async fn without_btf() -> Result<String> {
    const FOLDER: &str = "/sys/kernel/btf";
    mount("tmpfs", FOLDER, "tmpfs", MountFlags::empty(), None).context("hide the BTF")?;
    let refused = refusal("CONFIG_DEBUG_INFO_BTF").await;
    unmount(FOLDER, UnmountFlags::DETACH).context("show the BTF again")?;
    let (error, words) = refused?;
    ensure!(matches!(error, TraceError::Btf { .. }), "{error:?}");
    Ok(words)
}

/// A kernel that is locked down. The last row: there is no way back.
pub(crate) async fn locked_down() -> Result<String> {
    std::fs::write("/sys/kernel/security/lockdown", "confidentiality")
        .context("lock the kernel down")?;
    let (error, words) = refusal("lockdown=integrity").await?;
    ensure!(matches!(error, TraceError::LockedDown), "{error:?}");
    Ok(words)
}

/// The error of attaching, and its words with the hint, once `minify doctor` has given the same hint.
async fn refusal(hint: &str) -> Result<(TraceError, String)> {
    let doctor = Command::new("/bin/minify").arg("doctor").output()?;
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    ensure!(
        doctor.status.code() == Some(CANNOT_TRACE),
        "{}: {said}",
        doctor.status
    );
    ensure!(
        said.contains("MISSING") && said.contains(hint),
        "doctor does not name {hint}: {said}"
    );
    let Err(error) = Tracer::attach(TraceOptions::default()).await else {
        anyhow::bail!("it attached");
    };
    let given = error.hint().unwrap_or_default();
    ensure!(given.contains(hint), "{error}: {given}");
    let words = format!("says what to do\ncannot {error}; {given}");
    Ok((error, words))
}
