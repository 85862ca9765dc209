//! Creating a container: its file systems, its bundle, and its first process, held before its first instruction.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, set_child_subreaper,
    set_parent_process_death_signal, waitid,
};
use rustix::time::Timespec;
use tokio_util::sync::CancellationToken;

use super::plan::RunPlan;
use super::program::{OciRuntime, said};
use super::run::Run;
use super::{files, overlay, spec};
use crate::image::ImageConfig;
use crate::rootfs::ImagePath;
use crate::runtime::destination::{
    Arranged, Landed, OpenedTree, Wish, WishOrigin, arrange, check_databases, work_at,
};
use crate::runtime::error::{RuntimeError, host};
use crate::runtime::oci::cache::Unpacked;
use crate::runtime::oci::spec::{ContainerCommand, Storage, StoragePlace, Volumes};
use crate::runtime::oci::tree::{Copy, CopyError, Dir, is_missing};
use crate::runtime::options::Room;
use crate::runtime::shared::start_failure;

/// How often to check whether the caller has given up.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// A container whose first process is held.
#[derive(Debug)]
pub(crate) struct HeldContainer {
    pub(crate) run: Arc<Run>,
    /// The root of its file system without what is mounted in it.
    pub(crate) root: OwnedFd,
    pub(crate) pid: u32,
    pub(crate) command: ContainerCommand,
    pub(crate) stdout: PipeReader,
    pub(crate) stderr: PipeReader,
}

/// Creates a container. Blocks. If it fails, nothing is left.
pub(crate) fn create(
    runtime: &OciRuntime,
    image: &Unpacked,
    config: &ImageConfig,
    plan: &RunPlan,
    cancel: &CancellationToken,
) -> Result<HeldContainer, RuntimeError> {
    // `runc create` exits, and its child, the container's first process, gets the nearest subreaper as its parent. Only a
    // parent can wait for the exit code.
    set_child_subreaper(Pid::from_raw(1)).map_err(host("become the parent of containers"))?;
    let cgroup_parent = plan.options.cgroup_parent.as_deref();
    let run = Run::new(image.cache().folders(), runtime, cgroup_parent)?;
    let hostname = plan.hostname(run.id());
    let mut command = ContainerCommand::new(config, &plan.options, &hostname)?;
    let pipe = || io::pipe().map_err(host::<io::Error>("make a pipe"));
    let ((stdout, out), (stderr, err)) = (pipe()?, pipe()?);
    let (pid, root) = overlay::in_own_namespace(|| {
        let stage = Staging {
            runtime,
            image,
            plan,
            run: &run,
            folder: &run.path(),
            cancel,
        };
        overlay::mount_image(image, stage.folder)?;
        let root = stage.bundle(&mut command, &hostname)?;
        Ok((stage.hold(out, err)?, root))
    })?;
    Ok(HeldContainer {
        run: Arc::new(run),
        root,
        pid,
        command,
        stdout,
        stderr,
    })
}

struct Staging<'a> {
    runtime: &'a OciRuntime,
    image: &'a Unpacked,
    plan: &'a RunPlan,
    run: &'a Run,
    folder: &'a Path,
    cancel: &'a CancellationToken,
}

impl Staging<'_> {
    /// Writes `config.json` and the files that it refers to; returns the image's root.
    fn bundle(
        &self,
        command: &mut ContainerCommand,
        hostname: &str,
    ) -> Result<OwnedFd, RuntimeError> {
        let doing = || format!("open {}", self.folder.display());
        let root_path = self.folder.join("rootfs");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, &root_path, flags, Mode::empty()).map_err(host(doing()))?;
        let ids = spec::resolve(&root, &command.user)?;
        let image = OpenedTree::new(root.try_clone().map_err(host(doing()))?);
        let wanted = &self.plan.places;
        let wishes: Vec<Wish> = wanted.iter().map(StoragePlace::wish).collect();
        let Arranged { landed, tree } = arrange(&image, &wishes)?;
        check_databases(&tree)?;
        let origin = match self.plan.options.workdir {
            Some(_) => WishOrigin::Option,
            None => WishOrigin::Image,
        };
        let cwd = work_at(&tree, origin, &command.cwd)?;
        make_directory(&root, &cwd)?;
        // The resolved path, so that a link which the runtime would follow cannot lead out of it.
        command.cwd = String::from_utf8(cwd.as_bytes().to_vec()).map_err(|_| {
            let error = io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
            host(format!("use the working directory {cwd}"))(error)
        })?;
        let places: Vec<StoragePlace> = landed
            .into_iter()
            .map(|Landed { wish, path }| StoragePlace {
                target: path,
                ..wanted[wish].clone()
            })
            .collect();
        let volumes = self.volumes(root.as_fd(), &places)?;
        let files = files::write(
            self.folder,
            hostname,
            &self.plan.network,
            &self.plan.options.add_host,
            &tree,
        )?;
        let request = spec::SpecRequest {
            command,
            ids: &ids,
            options: &self.plan.options,
            limits: &self.plan.limits,
            capabilities: &self.plan.capabilities,
            hostname,
            network: &self.plan.network,
            places: &places,
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
            })?;
        Ok(root)
    }

    /// Creates the folders of volumes, filled with the image's files at their places.
    fn volumes(&self, root: impl AsFd, places: &[StoragePlace]) -> Result<Volumes, RuntimeError> {
        let mut volumes = Volumes::new();
        let mut named = std::collections::BTreeMap::new();
        let mut room = self.image.room();
        let layers: Vec<PathBuf> = self.image.layers().map(Path::to_owned).collect();
        for (number, place) in places.iter().enumerate() {
            let Storage::Volume { name, copy } = &place.storage else {
                continue;
            };
            // One name is one volume, wherever it is mounted; it has the files of its first place, as with Docker.
            let known = name.as_ref().and_then(|name| named.get(name));
            if let Some(folder) = known {
                volumes.insert(number, PathBuf::clone(folder));
                continue;
            }
            let folder = self.folder.join(format!("volume{number}"));
            let doing = || format!("make a volume for {}", place.target);
            fs::DirBuilder::new()
                .mode(0o755)
                .create(&folder)
                .map_err(host::<io::Error>(doing()))?;
            if *copy {
                let fill = Copy {
                    at: &place.target,
                    hidden: &hidden(places, place),
                    layers: &layers,
                    cancel: self.cancel,
                };
                let filled = fill_volume(&root, &fill, &folder, &mut room);
                filled.map_err(|error| match error {
                    CopyError::Io(error) => host(doing())(error),
                    CopyError::Cancelled => RuntimeError::Interrupted,
                    CopyError::TooLarge(what) => RuntimeError::VolumeTooLarge {
                        target: place.target.clone(),
                        limit: self.image.cache().limits().of(what),
                        what,
                    },
                })?;
            }
            if let Some(name) = name {
                named.insert(name.clone(), folder.clone());
            }
            volumes.insert(number, folder);
        }
        Ok(volumes)
    }

    /// Runs the runtime's `create`; returns the pid of the first process.
    fn hold(&self, out: PipeWriter, err: PipeWriter) -> Result<u32, RuntimeError> {
        if self.cancel.is_cancelled() {
            return Err(RuntimeError::Interrupted);
        }
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
            // If this process were killed meanwhile, the runtime would go on, and nothing would clean up after it.
            create.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        let child = create.spawn();
        // `Command` keeps its copies of the pipes' write ends. With them open, reading the output would never end.
        drop(create);
        let doing = || format!("run {}", self.runtime.program.display());
        let child = child.map_err(host(doing()))?;
        let ended = self.wait(child).map_err(host(doing()))?;
        let Some(ended) = ended else {
            return Err(RuntimeError::Interrupted);
        };
        if !ended.success() {
            // Not its standard error: that is the container's, since the first process inherits it.
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

    /// Waits for the runtime; `None` if it was killed because the caller has given up.
    fn wait(&self, mut child: process::Child) -> io::Result<Option<process::ExitStatus>> {
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| io::Error::other("it has no pid"))?;
        let handle = pidfd_open(id, PidfdFlags::empty())?;
        loop {
            let mut ended = [PollFd::new(&handle, PollFlags::IN)];
            match poll(&mut ended, Some(&LOOK)) {
                Ok(0) if self.cancel.is_cancelled() => {
                    child.kill()?;
                    child.wait()?;
                    return Ok(None);
                }
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return child.wait().map(Some),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes a handle of the first process, which is a child of this one by now.
    fn adopt(&self, pid_file: &Path) -> Result<u32, RuntimeError> {
        let doing = || format!("find the first process of container {}", self.run.id());
        let text = fs::read_to_string(pid_file).map_err(host(doing()))?;
        let number: i32 = text.trim().parse().unwrap_or(0);
        let missing = || host(doing())(io::Error::other(format!("its pid is {text:?}")));
        let pid = Pid::from_raw(number).ok_or_else(missing)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).map_err(host(doing()))?;
        let handle: &OwnedFd = self.run.set_init(handle);
        // Takes nothing away: it fails with ECHILD if the process is not our child, and its end could not be waited for.
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::PidFd(handle.as_fd()), how).map_err(host(format!(
            "wait for the first process of container {}",
            self.run.id()
        )))?;
        Ok(number.unsigned_abs())
    }
}

/// Creates the working directory, whose path is free of links, and its parents, as Docker does: owned by root.
fn make_directory(root: impl AsFd, path: &ImagePath) -> Result<(), RuntimeError> {
    let doing = || format!("make the working directory {path}");
    let mut dir = Dir::new(root.as_fd().try_clone_to_owned().map_err(host(doing()))?);
    let mut walked = ImagePath::root();
    for name in path.components() {
        let parent = dir.at(&walked).map_err(host(doing()))?;
        match mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(host(doing())(error)),
        }
        walked = walked.join(name);
    }
    Ok(())
}

/// Directories of a volume that are hidden by other mounts. Without this, nested volumes would copy the same files again
/// and again.
fn hidden(places: &[StoragePlace], volume: &StoragePlace) -> BTreeSet<ImagePath> {
    let name = |place: &StoragePlace| match &place.storage {
        Storage::Volume { name, .. } => name.clone(),
        _ => None,
    };
    let own = name(volume);
    let shared = places.iter().filter(|place| name(place) == own).count() > 1;
    if own.is_some() && shared {
        // A directory that is hidden at one place of a shared volume can be seen at another.
        return BTreeSet::new();
    }
    let targets = places.iter().map(|place| place.target.clone());
    targets.filter(|target| *target != volume.target).collect()
}

/// Copies the image's files at the place of a volume, whose path is free of links. No directory there: nothing to copy.
fn fill_volume(
    root: impl AsFd,
    fill: &Copy<'_>,
    folder: &Path,
    room: &mut Room,
) -> Result<(), CopyError> {
    let mut image = Dir::new(root.as_fd().try_clone_to_owned().map_err(CopyError::Io)?);
    let from = match image.at(fill.at) {
        Ok(from) => from.try_clone_to_owned()?,
        Err(error) if is_missing(&error) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    fill.run(&mut Dir::new(from), Dir::open(folder)?, room)
}
