//! Nothing is left: after a removal, a drop at any stage, a failure, and after SIGKILL and the next start.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use minifier::runtime::{LayerCache, RunLimits, RunOptions, Workload};
use tokio_util::sync::CancellationToken;

use crate::privileged_oci::support::{cache_folder, create, runc, script, unpacked, words};

/// What of container `id` is still on this host: processes, control groups, mounts, files.
fn left(cache: &Path, id: &str) -> Vec<String> {
    let mut left = Vec::new();
    let text = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        // Other tests make this process the parent of orphans: what has ended waits here for its parent, not for a sweep.
        let ended = text(entry.path().join("stat")).contains(") Z ");
        if !ended && text(entry.path().join("cgroup")).contains(id) {
            left.push(format!("process {}", entry.path().display()));
        }
    }
    let mounts = text("/proc/self/mountinfo".into());
    left.extend(
        mounts
            .lines()
            .filter(|line| line.contains(id))
            .map(str::to_owned),
    );
    for hierarchy in fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten()
    {
        let group = hierarchy.path().join(id);
        if group.exists() {
            left.push(group.display().to_string());
        }
    }
    let files = cache.join("runs").join(id);
    if files.exists() {
        left.push(files.display().to_string());
    }
    left
}

/// Everything of the container must be there before, or the test would show nothing.
fn assert_there(cache: &Path, id: &str) {
    let left = left(cache, id);
    for part in ["process ", "/sys/fs/cgroup/", "/runs/"] {
        assert!(
            left.iter().any(|one| one.contains(part)),
            "{part}: {left:?}"
        );
    }
}

#[tokio::test]
async fn privileged_the_next_start_sweeps_what_a_killed_one_left() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cache_path = folder.path().join("cache");
    for state in ["created", "running"] {
        let mut holder = Command::new(env!("CARGO_BIN_EXE_hold-container"))
            .arg(&cache_path)
            .args(["nginx", state])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut id = String::new();
        let output = holder.stdout.take().context("its output")?;
        BufReader::new(output).read_line(&mut id)?;
        let id = id.trim();
        ensure!(id.len() == 64, "{id:?}");
        assert_there(&cache_path, id);
        let cache = LayerCache::open(&cache_path)?;
        assert_eq!(cache.sweep()?, 0, "it is still held");
        assert_there(&cache_path, id);
        holder.kill()?;
        holder.wait()?;
        assert_there(&cache_path, id);
        assert_eq!(cache.sweep()?, 1);
        assert_eq!(left(&cache_path, id), [""; 0]);
        assert_eq!(cache.sweep()?, 0);
    }
    Ok(())
}

#[tokio::test]
async fn privileged_a_dropped_container_is_gone() -> Result<()> {
    for stage in 0..3 {
        let (_, container) = create("debian", &script("sleep 100 & exec sleep 100")).await?;
        let id = container.id().to_owned();
        if stage > 0 {
            container.start().await?;
        }
        if stage == 1 {
            assert_there(&cache_folder(), &id);
        }
        if stage == 2 {
            container.remove().await?;
            assert_eq!(left(&cache_folder(), &id), [""; 0]);
            assert_eq!(container.exited().await?.code, 137);
            container.remove().await?;
        }
        drop(container);
        assert_eq!(left(&cache_folder(), &id), [""; 0], "stage {stage}");
    }
    Ok(())
}

#[tokio::test]
async fn privileged_a_creation_that_is_given_up_leaves_nothing() -> Result<()> {
    let (config, image) = unpacked("debian").await?;
    let folder = tempfile::tempdir()?;
    // A cache of its own tells what is left; its layers are the shared ones.
    let source = crate::privileged_oci::support::source("debian").await?;
    let cache = LayerCache::open(&folder.path().join("cache"))?;
    let cancel = CancellationToken::new();
    let own = cache.unpack(&config, &source.layers, &*source.content, &cancel)?;
    drop(image);
    let runs = cache.folder().join("runs");
    let options = script("sleep 100");
    for wait in [0, 1, 5, 20, 40, 60, 100] {
        let runtime = runc();
        let creating = runtime.create(&own, &config, &options, &cancel);
        let made = tokio::time::timeout(Duration::from_millis(wait), creating).await;
        drop(made);
    }
    // The last one goes on in the background until the runtime lets go of it.
    for _ in 0..200 {
        if fs::read_dir(&runs)?.next().is_none() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?} is left", fs::read_dir(&runs)?.collect::<Vec<_>>());
}

#[tokio::test]
async fn privileged_what_cannot_be_run_is_named_and_leaves_nothing() -> Result<()> {
    let (config, image) = unpacked("debian").await?;
    let cancel = CancellationToken::new();
    let entrypoint = |command: &str| RunOptions {
        entrypoint: words(&[command]),
        ..RunOptions::default()
    };
    let with = |edit: fn(&mut RunOptions)| {
        let mut options = entrypoint("/bin/true");
        edit(&mut options);
        options
    };
    for (options, message) in [
        (
            entrypoint("/no/such"),
            "command \"/no/such\" was not found in the image",
        ),
        (
            entrypoint("/etc/passwd"),
            "command \"/etc/passwd\" cannot be executed",
        ),
        (
            with(|o| o.user = Some("nobodyknows".into())),
            "unable to find user nobodyknows",
        ),
        (
            with(|o| o.network = Some("bridge".into())),
            "--network bridge: it must be none",
        ),
        (
            with(|o| o.network = Some("container:x".into())),
            "--network container:x",
        ),
        (
            with(|o| o.network = Some("/no/netns".into())),
            "--network /no/netns: there is no such file",
        ),
        (
            with(|o| o.add_host = vec!["h:host-gateway".into()]),
            "has no way to the host",
        ),
        (with(|o| o.cap_add = vec!["NOPE".into()]), "--cap-add NOPE"),
        (with(|o| o.workdir = Some("x".into())), "--workdir x"),
    ] {
        let error = runc()
            .create(&image, &config, &options, &cancel)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.hint().is_some(), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn privileged_the_reason_of_another_runtime_is_told() -> Result<()> {
    let (config, image) = unpacked("debian").await?;
    let cancel = CancellationToken::new();
    let Ok(crun) = minifier::runtime::OciRuntime::find(Some("crun")) else {
        panic!("crun is not installed");
    };
    let hybrid = Path::new("/sys/fs/cgroup/unified").exists();
    let options = script("exit 7");
    match crun.create(&image, &config, &options, &cancel).await {
        Ok(container) => {
            container.start().await?;
            assert_eq!(container.exited().await?.code, 7);
            container.remove().await?;
        }
        Err(error) => {
            assert!(
                hybrid && error.to_string().contains("crun says: "),
                "{error}"
            );
            assert!(
                error.hint().is_some_and(|hint| hint.contains("runc")),
                "{error}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn privileged_memory_and_processes_are_limited() -> Result<()> {
    let (config, image) = unpacked("debian").await?;
    let cancel = CancellationToken::new();
    let limits = RunLimits {
        memory: Some(32 << 20),
        pids: Some(20),
        log: None,
    };
    let runtime = runc().with_limits(limits);
    let eater = script("head -c 200000000 /dev/zero | tail -c 190000000 >/dev/null");
    let container = runtime.create(&image, &config, &eater, &cancel).await?;
    container.start().await?;
    let exit = container.exited().await?;
    assert_eq!(
        (exit.code, exit.oom_killed),
        (137, true),
        "{:?}",
        container.logs().tail(9)
    );
    container.remove().await?;
    let forks = script("i=0; while [ $i -lt 50 ]; do sleep 5 & i=$((i+1)); done; echo all");
    let container = runtime.create(&image, &config, &forks, &cancel).await?;
    container.start().await?;
    let exit = container.exited().await?;
    assert!(exit.code != 0 && !exit.oom_killed, "{exit:?}");
    container.remove().await?;
    Ok(())
}
