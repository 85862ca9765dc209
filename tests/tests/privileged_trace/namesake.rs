//! Control groups that somebody gave the container's name: a name is nobody's own. The container is played by a process in
//! a group that the test makes, so that the test decides which of both comes first.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use minifier::trace::{Gap, Trace, TraceOptions, Tracer};

use crate::privileged_trace::support::{assert_complete, program};

/// A control group with a parent of its own, removed when dropped.
struct Group(PathBuf);

impl Group {
    fn make(hierarchy: &Path, parent: &str, name: &str) -> Result<Self> {
        let parent = hierarchy.join(format!("mftrace-{parent}-{}", std::process::id()));
        let group = parent.join(name);
        fs::create_dir_all(&group).with_context(|| format!("make {}", group.display()))?;
        Ok(Self(group))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
        let _ = self.0.parent().map(fs::remove_dir);
    }
}

/// A process in a control group that waits until it may execute a program in a mount namespace of its own, as a runtime's
/// does until the start.
struct Waiting(Child);

impl Waiting {
    fn spawn(group: &Group, program: &[&str]) -> Result<Self> {
        let members = group.0.join("cgroup.procs");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "read go && exec unshare --mount \"$@\"", "sh"])
            .args(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        // SAFETY: between fork and exec a file is written: no lock and no memory is shared with another thread.
        unsafe { shell.pre_exec(move || fs::write(&members, "0")) };
        Ok(Self(shell.spawn().context("start a process in a group")?))
    }

    fn run(mut self) -> Result<()> {
        let input = self.0.stdin.take();
        input.context("an input")?.write_all(b"go\n")?;
        let status = self.0.wait()?;
        ensure!(status.success(), "{status}");
        Ok(())
    }
}

/// Mount points of hierarchies of control groups: of version 2, and one of version 1, as far as there are.
fn hierarchies() -> Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let of = |kind: &str, option: &str| {
        let mut lines = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>());
        let line =
            lines.find(|line| line[2] == kind && line[3].split(',').any(|one| one == option));
        line.map(|line| PathBuf::from(line[1]))
    };
    let found: Vec<_> = [of("cgroup2", "rw"), of("cgroup", "pids")]
        .into_iter()
        .flatten()
        .collect();
    if found.is_empty() {
        bail!("no hierarchy of control groups is mounted");
    }
    Ok(found)
}

/// What two processes are about: the container's and another one's, whose groups have the same name.
struct Scene<'a> {
    place: &'a Place,
    own: Group,
    other: Group,
    id: String,
}

/// A folder with the program that both run.
struct Place {
    folder: tempfile::TempDir,
    program: String,
}

impl Place {
    fn make() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let program = program("conformance/main.rs", folder.path())?;
        let program = program.to_str().context("a path")?.to_owned();
        Ok(Self { folder, program })
    }
}

impl<'a> Scene<'a> {
    /// With a group of the container's in one hierarchy and its namesake in another.
    fn set(place: &'a Place, test: &str, own: &Path, other: &Path) -> Result<Self> {
        let id = format!("{test}-{}", std::process::id());
        Ok(Self {
            place,
            own: Group::make(own, &format!("{test}-own"), &id)?,
            other: Group::make(other, &format!("{test}-other"), &id)?,
            id,
        })
    }

    fn file(&self, name: &str) -> Result<String> {
        let path = self.place.folder.path().join(name);
        fs::write(&path, "")?;
        Ok(path.to_str().context("a path")?.to_owned())
    }

    fn container(&self) -> Result<Waiting> {
        Waiting::spawn(
            &self.own,
            &[&self.place.program, "open", &self.file("mine")?],
        )
    }

    /// It makes 32-bit calls as well: were it taken for the container, the trace would be incomplete.
    fn namesake(&self) -> Result<Waiting> {
        Waiting::spawn(
            &self.other,
            &[&self.place.program, "foreign", &self.file("other")?],
        )
    }

    fn has(&self, trace: &Trace, name: &str) -> bool {
        let path = self.place.folder.path().join(name);
        let path = path.as_os_str().as_encoded_bytes();
        trace.accesses.iter().any(|access| access.requested == path)
    }
}

/// Each pair of hierarchies, the container's and its namesake's.
fn pairs() -> Result<Vec<(PathBuf, PathBuf)>> {
    let all = hierarchies()?;
    let pairs = all
        .iter()
        .flat_map(|own| all.iter().map(move |other| (own.clone(), other.clone())));
    Ok(pairs.collect())
}

#[tokio::test]
async fn privileged_a_namesake_of_the_container_is_not_recorded() -> Result<()> {
    let place = Place::make()?;
    for (own, other) in pairs()? {
        let scene = Scene::set(&place, "after", &own, &other)?;
        let mut tracer = Tracer::attach(TraceOptions::default()).await?;
        tracer.follow(&scene.id)?;
        let container = scene.container()?;
        let process = container.0.id();
        let namesake = scene.namesake()?;
        container.run()?;
        namesake.run()?;
        // Nobody asked while the container lived: what was left out may have been its own.
        let trace = tracer.finish().await?;
        assert!(scene.has(&trace, "mine"), "{own:?} {other:?}");
        assert!(!scene.has(&trace, "other"), "{own:?} {other:?}");
        assert_eq!(
            trace.gaps,
            [Gap::Namesakes(1)],
            "{process}: {own:?} {other:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn privileged_a_namesake_counts_for_nothing_where_the_container_is_known_before() -> Result<()>
{
    let place = Place::make()?;
    for (own, other) in pairs()? {
        let scene = Scene::set(&place, "known", &own, &other)?;
        let mut tracer = Tracer::attach(TraceOptions::default()).await?;
        tracer.follow(&scene.id)?;
        let container = scene.container()?;
        tracer.confirm(container.0.id())?;
        scene.namesake()?.run()?;
        container.run()?;
        let trace = tracer.finish().await?;
        assert!(scene.has(&trace, "mine"), "{own:?} {other:?}");
        assert!(!scene.has(&trace, "other"), "{own:?} {other:?}");
        assert_complete(&trace);
    }
    Ok(())
}

#[tokio::test]
async fn privileged_a_namesake_that_was_taken_for_the_container_makes_a_gap() -> Result<()> {
    let place = Place::make()?;
    for (own, other) in pairs()? {
        let scene = Scene::set(&place, "before", &own, &other)?;
        let mut tracer = Tracer::attach(TraceOptions::default()).await?;
        tracer.follow(&scene.id)?;
        scene.namesake()?.run()?;
        let container = scene.container()?;
        tracer.confirm(container.0.id())?;
        container.run()?;
        let trace = tracer.finish().await?;
        assert!(scene.has(&trace, "mine"), "{own:?} {other:?}");
        assert!(trace.gaps.contains(&Gap::OtherGroup), "{:?}", trace.gaps);
    }
    Ok(())
}
