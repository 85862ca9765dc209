//! Making a container: its file systems, its bundle, and its first process, held before its first instruction.

use std::fs;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Stdio};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, mkdirat};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, set_child_subreaper,
    set_parent_process_death_signal, waitid,
};

use super::super::error::{RuntimeError, host, start_failure};
use super::cache::Unpacked;
use super::plan::Plan;
use super::program::OciRuntime;
use super::run::Run;
use super::spec::{self, Command, Storage, Volumes};
use super::tree::{Dir, copy_tree, open_beneath};
use super::{files, overlay, said};
use crate::image::ImageConfig;
use crate::rootfs::ImagePath;

/// A container whose first process is held.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) run: Arc<Run>,
    pub(super) pid: u32,
    pub(super) command: Command,
    pub(super) stdout: PipeReader,
    pub(super) stderr: PipeReader,
}

/// Makes a container. Blocks. Where it fails, nothing is left.
pub(super) fn create(
    runtime: &OciRuntime,
    image: &Unpacked,
    config: &ImageConfig,
    plan: &Plan,
) -> Result<Held, RuntimeError> {
    // The first process becomes a child of this one when the runtime's `create` ends; so its end can be waited for.
    set_child_subreaper(Pid::from_raw(1)).map_err(host("become the parent of containers"))?;
    let cgroup_parent = plan.options.cgroup_parent.as_deref();
    let run = Run::new(image.cache(), runtime, cgroup_parent)?;
    let hostname = plan.hostname(run.id());
    let command = Command::new(config, &plan.options, &hostname)?;
    let pipe = || io::pipe().map_err(host::<io::Error>("make a pipe"));
    let ((stdout, out), (stderr, err)) = (pipe()?, pipe()?);
    let pid = overlay::in_own_namespace(|| {
        let stage = Stage {
            runtime,
            plan,
            run: &run,
            folder: &run.path(),
        };
        overlay::mount_image(image, stage.folder)?;
        stage.bundle(&command, &hostname)?;
        stage.hold(out, err)
    })?;
    Ok(Held {
        run: Arc::new(run),
        pid,
        command,
        stdout,
        stderr,
    })
}

struct Stage<'a> {
    runtime: &'a OciRuntime,
    plan: &'a Plan,
    run: &'a Run,
    folder: &'a Path,
}

impl Stage<'_> {
    /// Writes `config.json` and what it refers to.
    fn bundle(&self, command: &Command, hostname: &str) -> Result<(), RuntimeError> {
        let doing = || format!("open {}", self.folder.display());
        let root_path = self.folder.join("rootfs");
        let root = fs::File::open(&root_path).map_err(host::<io::Error>(doing()))?;
        let ids = spec::resolve(&root, &command.user)?;
        make_directory(&root, &command.cwd)?;
        let volumes = self.volumes(root.as_fd())?;
        let files = files::write(
            self.folder,
            hostname,
            &self.plan.network,
            &self.plan.options.add_host,
        )?;
        let request = spec::Request {
            command,
            ids: &ids,
            options: &self.plan.options,
            limits: &self.plan.limits,
            capabilities: &self.plan.capabilities,
            hostname,
            network: &self.plan.network,
            places: &self.plan.places,
            volumes: &volumes,
            files: &files,
            root: &root_path,
            cgroup: self.run.cgroup(),
        };
        let path = self.folder.join("config.json");
        spec::build(&request)?
            .save(&path)
            .map_err(|error| RuntimeError::Host {
                action: format!("write {}", path.display()),
                source: io::Error::other(error),
            })
    }

    /// Makes the folders of volumes, filled with what the image has at their places.
    fn volumes(&self, root: impl AsFd) -> Result<Volumes, RuntimeError> {
        let mut volumes = Volumes::new();
        let mut named = std::collections::BTreeMap::new();
        for (number, place) in self.plan.places.iter().enumerate() {
            let Storage::Volume { name, copy } = &place.storage else {
                continue;
            };
            let known = name.as_ref().and_then(|name| named.get(name));
            if let Some(folder) = known {
                volumes.insert(number, std::path::PathBuf::clone(folder));
                continue;
            }
            let folder = self.folder.join(format!("volume{number}"));
            let doing = || format!("make a volume for {}", place.target);
            fs::DirBuilder::new()
                .mode(0o755)
                .create(&folder)
                .map_err(host::<io::Error>(doing()))?;
            if *copy {
                fill(&root, &place.target, &folder).map_err(host(doing()))?;
            }
            if let Some(name) = name {
                named.insert(name.clone(), folder.clone());
            }
            volumes.insert(number, folder);
        }
        Ok(volumes)
    }

    /// Has the runtime create the container.
    fn hold(&self, out: PipeWriter, err: PipeWriter) -> Result<u32, RuntimeError> {
        let (pid_file, log) = (self.folder.join("pid"), self.folder.join("log"));
        let mut create = process::Command::new(&self.runtime.program);
        create
            .arg("--root")
            .arg(self.folder.join("state"))
            .arg("--log")
            .arg(&log)
            .args(["--log-format", "json", "create", "--bundle"])
            .arg(self.folder)
            .arg("--pid-file")
            .arg(&pid_file)
            .arg(self.run.id())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        // SAFETY: one system call, nothing is allocated.
        unsafe {
            // Where this process is killed meanwhile, nobody would clean up after what the runtime goes on to make.
            create.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        let ended = create.status();
        // Its copies of the pipes' ends go: the container's are the only ones.
        drop(create);
        let ended = ended.map_err(host(format!("run {}", self.runtime.program.display())))?;
        if !ended.success() {
            let message = said(&log).unwrap_or_else(|| format!("it ended with {ended}"));
            return Err(match start_failure(&message) {
                RuntimeError::Start(message) => RuntimeError::Program {
                    action: "create a container".to_owned(),
                    program: self.runtime.name(),
                    message,
                },
                known => known,
            });
        }
        self.adopt(&pid_file)
    }

    /// Takes over the first process as a child.
    fn adopt(&self, pid_file: &Path) -> Result<u32, RuntimeError> {
        let doing = || format!("find the first process of container {}", self.run.id());
        let text = fs::read_to_string(pid_file).map_err(host(doing()))?;
        let number: i32 = text.trim().parse().unwrap_or(0);
        let missing = || host(doing())(io::Error::other(format!("its pid is {text:?}")));
        let pid = Pid::from_raw(number).ok_or_else(missing)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).map_err(host(doing()))?;
        let handle: &OwnedFd = self.run.set_init(handle);
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::PidFd(handle.as_fd()), how).map_err(host(format!(
            "wait for the first process of container {}",
            self.run.id()
        )))?;
        Ok(number.unsigned_abs())
    }
}

/// Makes the working directory and those above it, as Docker does: root's, inside the image.
fn make_directory(root: impl AsFd, path: &str) -> Result<(), RuntimeError> {
    let path = ImagePath::new(path);
    let doing = || format!("make the working directory {path}");
    let mut walked = ImagePath::root();
    for name in path.components() {
        let parent = open_beneath(&root, inside(&walked), OFlags::PATH | OFlags::DIRECTORY)
            .map_err(host(doing()))?;
        walked = walked.join(name);
        match mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(host(doing())(error)),
        }
    }
    Ok(())
}

/// Copies what the image has at the place of a volume; nothing where it has no directory there.
fn fill(root: impl AsFd, target: &ImagePath, folder: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let from = match open_beneath(root, inside(target), flags) {
        Ok(from) => from,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    copy_tree(&mut Dir::new(from), Dir::open(folder)?)
}

/// A path as seen from the root's descriptor.
fn inside(path: &ImagePath) -> &[u8] {
    if path.is_root() {
        b"."
    } else {
        path.relative()
    }
}
