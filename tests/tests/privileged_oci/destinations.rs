//! Images that want a mount to land on the system's own files, run by a real runtime: nothing of this host changes.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use minifier::image::{DiffId, ImageConfig};
use minifier::rootfs::{EntryKind, LayerEntry, LayerIndex};
use minifier::runtime::{
    ExecRequest, LayerCache, RunOptions, RuntimeError, UnpackLimits, Unpacked, Workload,
    parse_mount, parse_tmpfs, parse_volume,
};
use minifier_tests::elf;
use minifier_tests::layers::{MemoryStore, entry};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::privileged_oci::support::{runc, words};

/// What the attacks write to: it bounds how many kernel messages of one place come at once, and hurts nobody.
const SYSCTL: &str = "/proc/sys/kernel/printk_ratelimit_burst";
/// What the image's program prints: a value that the sysctl takes.
const PRINTED: &str = "11";

/// The sysctl, which is set back when this goes.
struct Sysctl(String);

impl Sysctl {
    fn watch() -> Result<Self> {
        let before = fs::read_to_string(SYSCTL)?;
        assert_ne!(before.trim(), PRINTED, "the attack would not show");
        Ok(Self(before))
    }

    fn assert_untouched(&self, attack: &str) {
        let now = fs::read_to_string(SYSCTL).expect("it is there");
        assert_eq!(now, self.0, "{attack}: the image wrote to {SYSCTL}");
    }
}

impl Drop for Sysctl {
    fn drop(&mut self) {
        let _ = fs::write(SYSCTL, &self.0);
    }
}

/// An image of one layer, with a cache of its own.
pub(crate) struct Made {
    pub(crate) config: ImageConfig,
    pub(crate) image: Unpacked,
    folder: TempDir,
}

pub(crate) fn link(path: &str, target: &str) -> LayerEntry {
    let target = target.into();
    entry(path, EntryKind::Symlink { target })
}

pub(crate) fn directory(path: &str) -> LayerEntry {
    entry(path, EntryKind::Directory)
}

impl Made {
    /// The programs `/print` and `/wait`, those entries, and that `config` of the config; it runs `/print`.
    fn new(entries: Vec<LayerEntry>, config: Value) -> Result<Self> {
        Self::with(
            entries,
            config,
            MemoryStore::default(),
            UnpackLimits::default(),
        )
    }

    /// The same, with contents of files and other limits.
    pub(crate) fn with(
        entries: Vec<LayerEntry>,
        mut config: Value,
        mut store: MemoryStore,
        limits: UnpackLimits,
    ) -> Result<Self> {
        let message = format!("{PRINTED}\n");
        let mut layer = LayerIndex::default();
        for (path, program) in [
            ("/print", elf::printing(message.as_bytes())),
            ("/wait", elf::waiting(message.as_bytes())),
        ] {
            let mut program = entry(path, EntryKind::File(store.add(0, program)));
            program.meta.mode = 0o755;
            layer.entries.push(program);
        }
        layer.entries.extend(entries);
        config["Cmd"] = json!(["/print"]);
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            _ => "amd64",
        };
        let config = json!({
            "os": "linux", "architecture": architecture, "config": config,
            "rootfs": {"type": "layers", "diff_ids": [DiffId::of(format!("{layer:?}").as_bytes())]},
        });
        let config = ImageConfig::parse(config.to_string().as_bytes())?;
        let folder = tempfile::tempdir()?;
        let cache = LayerCache::open(&folder.path().join("cache"))?.with_limits(limits);
        let cancel = CancellationToken::new();
        let image = cache.unpack(&config, &[layer], &store, &cancel)?;
        Ok(Self {
            config,
            image,
            folder,
        })
    }

    /// What the container prints.
    pub(crate) async fn run(&self, options: &RunOptions) -> Result<Vec<String>, RuntimeError> {
        let cancel = CancellationToken::new();
        let container = runc()
            .create(&self.image, &self.config, options, &cancel)
            .await?;
        container.start().await?;
        let exited = tokio::time::timeout(Duration::from_secs(30), container.exited()).await;
        exited.expect("it ends by itself")?;
        container.output().closed().await;
        let lines = container.logs().tail(20);
        container.remove().await?;
        Ok(lines)
    }

    /// Runs it, and gives the error that it must be refused with.
    async fn refused(&self, attack: &str, options: &RunOptions) -> String {
        match self.run(options).await {
            Ok(lines) => {
                let now = fs::read_to_string(SYSCTL).unwrap_or_default();
                panic!("{attack}: it ran and printed {lines:?}, and {SYSCTL} is {now:?}")
            }
            Err(error) => {
                assert!(
                    matches!(error, RuntimeError::Destination { .. }),
                    "{attack}: {error}"
                );
                assert!(error.hint().is_some(), "{attack}: {error}");
                error.to_string()
            }
        }
    }
}

/// The trap: what runc takes for the null device is a sysctl.
fn device() -> Vec<LayerEntry> {
    vec![directory("/dev"), link("/dev/null", SYSCTL)]
}

fn with(more: Vec<LayerEntry>) -> Vec<LayerEntry> {
    device().into_iter().chain(more).collect()
}

#[tokio::test]
async fn privileged_a_volume_that_leads_to_the_systems_files_is_refused() -> Result<()> {
    let sysctl = Sysctl::watch()?;
    let deep = "/a/b/c/d";
    for (volume, entries, end) in [
        ("/vol", vec![link("/vol", "/dev")], "/dev"),
        ("/vol", vec![link("/vol", "dev/")], "/dev"),
        ("/vol", vec![link("/vol", "gone/../dev")], "/dev"),
        ("/vol", vec![link("/vol", "../../dev/.")], "/dev"),
        ("/a/dev", vec![link("/a", "/")], "/dev"),
        (
            "/a/dev",
            vec![link("/a", "b"), link("/b", "c/.."), directory("/c")],
            "/dev",
        ),
        (
            deep,
            vec![
                directory("/a"),
                link("/a/b", "../x/y"),
                directory("/x"),
                link("/x/y", "/"),
                link("/c", "dev"),
                link("/dev/d", "."),
            ],
            "/dev",
        ),
        ("/dev", vec![], "/dev"),
        ("/dev/", vec![], "/dev"),
        ("/x/../dev", vec![], "/dev"),
        ("/dev/null", vec![], "/dev/null"),
        ("/proc", vec![], "/proc"),
        ("/vol", vec![link("/vol", "/proc/sys")], "/proc"),
        ("/vol", vec![link("/vol", "/proc/self/root/dev")], "/proc"),
        ("/sys/fs/cgroup", vec![], "/sys"),
        ("/dev/shm/../null", vec![], "/dev/null"),
    ] {
        let attack = format!("VOLUME {volume} with {entries:?}");
        let image = Made::new(with(entries), json!({"Volumes": {volume: {}}}))?;
        let error = image.refused(&attack, &RunOptions::default()).await;
        assert!(error.contains(end), "{attack}: {error}");
        sysctl.assert_untouched(&attack);
    }
    Ok(())
}

#[tokio::test]
async fn privileged_a_mount_of_the_user_that_an_image_leads_astray_is_refused() -> Result<()> {
    let sysctl = Sysctl::watch()?;
    let image = Made::new(with(vec![link("/data", "/dev")]), json!({}))?;
    let mine = image.folder.path().join("mine");
    fs::create_dir(&mine)?;
    let source = mine.to_str().context("a plain path")?;
    let here = Path::new("/");
    let options = [
        RunOptions {
            volumes: vec![parse_volume("x:/data", here)?],
            ..RunOptions::default()
        },
        RunOptions {
            volumes: vec![parse_volume("/data", here)?],
            ..RunOptions::default()
        },
        RunOptions {
            volumes: vec![parse_volume(&format!("{source}:/data"), here)?],
            ..RunOptions::default()
        },
        RunOptions {
            mounts: vec![parse_mount(&format!(
                "type=bind,source={source},target=/data"
            ))?],
            ..RunOptions::default()
        },
        RunOptions {
            mounts: vec![parse_mount("type=tmpfs,target=/data")?],
            ..RunOptions::default()
        },
        RunOptions {
            tmpfs: vec![parse_tmpfs("/data")?],
            ..RunOptions::default()
        },
        RunOptions {
            tmpfs: vec![parse_tmpfs("/dev")?],
            ..RunOptions::default()
        },
    ];
    for options in options {
        let attack = format!("{options:?}");
        let error = image.refused(&attack, &options).await;
        assert!(error.contains("/dev"), "{error}");
        sysctl.assert_untouched(&attack);
    }
    let made: Vec<_> = fs::read_dir(&mine)?.collect();
    assert!(made.is_empty(), "the user's folder holds {made:?}");
    Ok(())
}

/// The folder of the user may come from somebody else too, such as an earlier container.
#[tokio::test]
async fn privileged_a_link_in_a_folder_of_the_user_leads_no_other_mount_astray() -> Result<()> {
    let sysctl = Sysctl::watch()?;
    let image = Made::new(device(), json!({"Volumes": {"/data/sub": {}}}))?;
    let mine = image.folder.path().join("mine");
    fs::create_dir(&mine)?;
    std::os::unix::fs::symlink("/dev", mine.join("sub"))?;
    let source = format!("{}:/data", mine.to_str().context("a plain path")?);
    let options = RunOptions {
        volumes: vec![parse_volume(&source, Path::new("/"))?],
        ..RunOptions::default()
    };
    let error = image.refused("a link in a bind mount", &options).await;
    assert!(error.contains("/data/sub"), "{error}");
    sysctl.assert_untouched("a link in a bind mount");
    Ok(())
}

#[tokio::test]
async fn privileged_the_images_own_devices_are_never_used() -> Result<()> {
    let sysctl = Sysctl::watch()?;
    let harmless: [(&str, Vec<LayerEntry>, Value); 4] = [
        ("/dev/null is a link", device(), json!({})),
        (
            "links to it",
            with(vec![
                directory("/etc"),
                link("/etc/hosts", "/dev/null"),
                link("/etc/hostname", "/dev/null"),
            ]),
            json!({}),
        ),
        (
            "links to the kernel's files",
            with(vec![
                directory("/etc"),
                link("/etc/resolv.conf", SYSCTL),
                link("/etc/hosts", "../dev/../dev/null"),
            ]),
            json!({}),
        ),
        (
            "a volume in /dev/shm",
            device(),
            json!({"Volumes": {"/dev/shm": {}}}),
        ),
    ];
    for (what, entries, config) in harmless {
        let image = Made::new(entries, config)?;
        let lines = image.run(&RunOptions::default()).await?;
        assert_eq!(lines, [PRINTED], "{what}: the output is lost");
        sysctl.assert_untouched(what);
    }
    for name in ["/dev", "/proc", "/sys"] {
        let image = Made::new(
            vec![directory("/x"), link("/x/null", SYSCTL), link(name, "/x")],
            json!({}),
        )?;
        let error = image.refused(name, &RunOptions::default()).await;
        assert!(error.contains(name), "{error}");
        sysctl.assert_untouched(name);
    }
    Ok(())
}

/// CVE-2024-21626: a descriptor of the host's file system that the runtime leaked into the container's first process.
#[tokio::test]
async fn privileged_a_working_directory_below_proc_is_refused() -> Result<()> {
    for (workdir, entries) in [
        ("/proc/self/fd/7", vec![]),
        ("/work", vec![link("/work", "/proc/self/fd/8")]),
        ("/work/7", vec![link("/work", "proc/self/fd")]),
    ] {
        let image = Made::new(entries, json!({"WorkingDir": workdir}))?;
        let error = image.refused(workdir, &RunOptions::default()).await;
        assert!(error.contains("/proc"), "{error}");
    }
    Ok(())
}

/// A link of the image on the way to a destination is as good as none, if it leads to a harmless place.
#[tokio::test]
async fn privileged_a_destination_through_harmless_links_lands_where_they_lead() -> Result<()> {
    let entries = vec![
        directory("/srv"),
        directory("/srv/real"),
        link("/data", "srv/real"),
        link("/other", "/data"),
        directory("/etc"),
        link(
            "/etc/resolv.conf",
            "../run/systemd/resolve/stub-resolv.conf",
        ),
    ];
    // Two names of one place are one volume.
    let volumes = json!({"Volumes": {"/data": {}, "/other": {}, "/srv/real": {}}});
    let image = Made::new(entries, volumes)?;
    assert_eq!(image.run(&RunOptions::default()).await?, [PRINTED]);
    let mine = image.folder.path().join("mine");
    fs::create_dir(&mine)?;
    let source = format!(
        "{}:/data/deeper/still",
        mine.to_str().context("a plain path")?
    );
    let options = RunOptions {
        volumes: vec![parse_volume(&source, Path::new("/"))?],
        ..RunOptions::default()
    };
    assert_eq!(image.run(&options).await?, [PRINTED]);
    let holds_devices = fs::read_dir(&mine)?.any(|found| {
        found.is_ok_and(|found| found.file_type().is_ok_and(|kind| kind.is_char_device()))
    });
    assert!(!holds_devices);
    Ok(())
}

/// An image's user database that is a file of the kernel's, which never ends, or a pipe that nobody writes to. The runtime
/// reads it too, inside the container.
#[tokio::test]
async fn privileged_a_database_that_leads_to_the_systems_files_is_not_read() -> Result<()> {
    for (name, target) in [
        ("/etc/passwd", "/proc/kmsg"),
        ("/etc/group", "../proc/kmsg"),
        ("/etc/passwd", "/dev/zero"),
        ("/etc/passwd", "pipe"),
    ] {
        let entries = vec![
            directory("/etc"),
            link(name, target),
            entry("/etc/pipe", EntryKind::Fifo),
        ];
        let image = Made::new(entries, json!({}))?;
        let asked = Instant::now();
        let error = image.run(&RunOptions::default()).await.unwrap_err();
        assert!(matches!(error, RuntimeError::ImageFile { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
        assert!(asked.elapsed() < Duration::from_secs(20));
    }
    Ok(())
}

/// The container can make it one when it runs; then nothing waits for longer than it was to.
#[tokio::test]
async fn privileged_a_command_in_a_container_is_not_held_up_by_its_files() -> Result<()> {
    let image = Made::new(vec![directory("/etc")], json!({}))?;
    let options = RunOptions {
        cmd: words(&["/wait"]),
        ..RunOptions::default()
    };
    let cancel = CancellationToken::new();
    let container = runc()
        .create(&image.image, &image.config, &options, &cancel)
        .await?;
    container.start().await?;
    let pid = container.pid().context("it runs")?;
    let passwd = format!("/proc/{pid}/root/etc/passwd");
    std::os::unix::fs::symlink("/proc/kmsg", passwd)?;
    let request = ExecRequest {
        argv: vec!["/print".into()],
        user: None,
        env: Vec::new(),
        limit: Duration::from_secs(2),
    };
    let asked = Instant::now();
    let done = container.exec(&request).await?;
    assert!(asked.elapsed() < Duration::from_secs(20), "{done:?}");
    container.remove().await?;
    Ok(())
}
