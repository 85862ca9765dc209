//! The folder for a build's temporary files, and those that killed builds left.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tempfile::TempDir;

use crate::cli::error::CliError;
use crate::cli::errors;
use crate::cli::storage;
use crate::runtime::RunId;

/// Start of the folders' names; the run that made one comes next.
const PREFIX: &str = "minifier-";

/// Makes the folder of a run.
pub(crate) fn make(run: &RunId) -> Result<TempDir, CliError> {
    tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{run}-"))
        .tempdir_in(storage::scratch())
        .map_err(|e| {
            errors::io("make a temporary folder", e)
                .hint("choose another folder for temporary files with TMPDIR")
        })
}

/// Removes the folders of runs that are over. Blocks.
pub(crate) fn sweep() {
    sweep_in(&storage::scratch());
}

fn sweep_in(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        match remove_abandoned(&path) {
            Ok(true) => tracing::info!("removed {}, which a killed run had left", path.display()),
            Ok(false) => {}
            Err(error) => tracing::warn!("failed to remove {}: {error}", path.display()),
        }
    }
}

/// Removes the folder if it is of a run that is over; whether it was.
fn remove_abandoned(path: &Path) -> io::Result<bool> {
    let name = path.file_name().and_then(|name| name.to_str());
    let run = name.and_then(|name| name.strip_prefix(PREFIX)?.rsplit_once('-'));
    let Some(run) = run.and_then(|(run, _)| RunId::parse(run)) else {
        return Ok(false);
    };
    // Anybody may make a folder with such a name here: of a user's own making is what belongs to that user.
    let meta = fs::symlink_metadata(path)?;
    let own = meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw();
    if !own || !run.has_left(meta.modified()?)? {
        return Ok(false);
    }
    match fs::remove_dir_all(path) {
        // Another build was quicker.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_runs_that_are_over_go_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId::new().unwrap().to_string();
        // Another start time is that of another process.
        let parts: Vec<&str> = run.split('-').collect();
        let over = format!("{}-{}-{}-1-{}", parts[0], parts[1], parts[2], parts[4]);
        let elsewhere = run.replacen(&run[..12], "000000000000", 1);
        let names = [
            format!("minifier-{run}-abc123"),
            format!("minifier-{over}-abc123"),
            "minifier-0123456789abcdef".to_owned(),
            format!("other-{over}-abc123"),
            format!("minifier-{elsewhere}-abc123"),
        ];
        for name in &names {
            fs::create_dir_all(folder.path().join(name).join("inside")).unwrap();
        }
        let link = folder.path().join(format!("minifier-{over}-link"));
        std::os::unix::fs::symlink(folder.path().join(&names[3]), &link).unwrap();
        sweep_in(folder.path());
        let there: Vec<bool> = names
            .iter()
            .map(|name| folder.path().join(name).join("inside").exists())
            .collect();
        assert_eq!(there, [true, false, true, true, true]);
        assert!(
            link.symlink_metadata().is_ok(),
            "it is a link, not the folder of a run"
        );
    }
}
