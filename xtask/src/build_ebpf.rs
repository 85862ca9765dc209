//! `cargo xtask build-ebpf`: the kernel side, built into the object that the program embeds.
//!
//! Two toolchains can: Debian's `rustc-web` with its ready `core` for the BPF target, or a rustup nightly with
//! `rust-src`. The object is in the repository, so that those who only build the program need neither; beside it
//! stands what it was built from and with, and `--check` tells whether that still holds.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::sources::Sources;
use crate::{cache, cargo, command, setup};

/// What the eBPF target is called.
const TARGET: &str = "bpfel-unknown-none";

/// What stands beside the object.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Provenance {
    /// SHA-256 over the sources: names and contents of all files, versions of the eBPF crates, compiler flags.
    sources: String,
    /// SHA-256 of the object.
    object: String,
    /// What it was built with, by tool.
    toolchain: BTreeMap<String, String>,
}

/// Builds the object into its place in the source tree. With `check`, builds it elsewhere, and fails when the one in
/// the source tree is not what the sources give.
pub fn run(check: bool) -> Result<()> {
    let root = cache::workspace_root();
    let place = root.join("minifier/ebpf/minifier.bpf.o");
    let beside = place.with_extension("json");
    let sources = hash_sources(&root)?;
    let committed = if check {
        Some(read_committed(&place, &beside, &sources)?)
    } else {
        None
    };

    let toolchain = Toolchain::find()?;
    let (object, versions) = toolchain.build(&root)?;
    let built = Provenance {
        sources,
        object: hex::encode(Sha256::digest(&object)),
        toolchain: versions,
    };
    match committed {
        None => {
            fs::create_dir_all(place.parent().context("a place without a folder")?)?;
            fs::write(&place, &object).with_context(|| format!("write {}", place.display()))?;
            let text = serde_json::to_string_pretty(&built)? + "\n";
            fs::write(&beside, text).with_context(|| format!("write {}", beside.display()))?;
            eprintln!("{}: {} bytes", place.display(), object.len());
        }
        Some(committed) if committed.toolchain != built.toolchain => {
            eprintln!(
                "the sources are those of the object in the source tree; it was built with another toolchain \
                 ({:?}, here {:?}), so the bytes are not compared",
                committed.toolchain, built.toolchain
            );
        }
        Some(committed) => {
            ensure!(
                committed == built,
                "{} is not what the sources give; run `cargo xtask build-ebpf`",
                place.display()
            );
            eprintln!("{}: up to date", place.display());
        }
    }
    Ok(())
}

/// What is in the source tree, where it fits together and to the sources.
fn read_committed(place: &Path, beside: &Path, sources: &str) -> Result<Provenance> {
    let object = fs::read(place).with_context(|| format!("read {}", place.display()))?;
    let text = fs::read(beside).with_context(|| format!("read {}", beside.display()))?;
    let provenance: Provenance = serde_json::from_slice(&text)
        .with_context(|| format!("understand {}", beside.display()))?;
    ensure!(
        provenance.sources == sources,
        "{} is stale: its sources have changed; run `cargo xtask build-ebpf`",
        place.display()
    );
    ensure!(
        provenance.object == hex::encode(Sha256::digest(&object)),
        "{} is not the object that {} speaks of; run `cargo xtask build-ebpf`",
        place.display(),
        beside.display()
    );
    Ok(provenance)
}

/// Hash over all that goes into the object and is in the source tree.
fn hash_sources(root: &Path) -> Result<String> {
    let mut sources = Sources::default();
    for package in ["minifier-common", "minifier-ebpf"] {
        sources.add(root, &format!("{package}/Cargo.toml"))?;
        sources.add(root, &format!("{package}/src"))?;
    }
    let lock = fs::read_to_string(root.join("Cargo.lock")).context("read Cargo.lock")?;
    for package in lock
        .split("[[package]]")
        .filter(|package| package.contains("name = \"aya-ebpf"))
    {
        sources.add_bytes(package.trim().as_bytes());
    }
    for flag in FLAGS {
        sources.add_bytes(flag.as_bytes());
    }
    Ok(sources.finish())
}

/// Compiler flags, without the paths. BTF comes from debug information, which is stripped later.
const FLAGS: [&str; 4] = [
    "-Cdebuginfo=2",
    "-Clink-arg=--btf",
    "-Ccodegen-units=1",
    "-Copt-level=3",
];

/// A compiler with the BPF target, and a linker with the same LLVM.
struct Toolchain {
    /// Debian's compiler; none for the rustup nightly.
    rustc: Option<PathBuf>,
    /// `bpf-linker`
    linker: PathBuf,
    /// Removes the debug information.
    objcopy: PathBuf,
}

impl Toolchain {
    fn find() -> Result<Self> {
        let rustc = debian_rustc();
        if rustc.is_none() && !nightly_has_sources() {
            bail!(
                "no compiler for {TARGET}: `apt-get install rustc-web libstd-rust-web-dev-bpf` on Debian, or \
                 `rustup toolchain install nightly --component rust-src`"
            );
        }
        Ok(Self {
            rustc,
            linker: find_linker()?,
            objcopy: find_objcopy()?,
        })
    }

    /// The object and what it was built with.
    fn build(&self, root: &Path) -> Result<(Vec<u8>, BTreeMap<String, String>)> {
        let target = cargo::target_dir()?.join("ebpf");
        let mut cargo = self.cargo();
        cargo.current_dir(root).args([
            "build",
            "--locked",
            "--release",
            "--package",
            "minifier-ebpf",
        ]);
        cargo
            .args(["--target", TARGET])
            .arg("--target-dir")
            .arg(&target);
        cargo.env("CARGO_ENCODED_RUSTFLAGS", self.flags(root)?.join("\u{1f}"));
        for (key, value) in [("LTO", "off"), ("CODEGEN_UNITS", "1"), ("OPT_LEVEL", "3")] {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
        }
        command::run(&mut cargo)?;
        let linked = target.join(TARGET).join("release/minifier-ebpf");
        let stripped = linked.with_extension("stripped.o");
        command::run(
            Command::new(&self.objcopy)
                .arg("--strip-debug")
                .args([&linked, &stripped]),
        )?;
        let object = fs::read(&stripped).with_context(|| format!("read {}", stripped.display()))?;
        Ok((object, self.versions()?))
    }

    fn cargo(&self) -> Command {
        let mut cargo = match &self.rustc {
            Some(rustc) => {
                let mut cargo =
                    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                // aya-ebpf uses inline assembly for BPF, which the compiler has but calls unstable.
                cargo.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
                cargo
            }
            None => {
                let mut cargo = Command::new("rustup");
                cargo.args(["run", "nightly", "cargo", "-Zbuild-std=core"]);
                cargo.env_remove("RUSTC");
                cargo
            }
        };
        for variable in [
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "RUSTC_WRAPPER",
            "CARGO_BUILD_TARGET",
        ] {
            cargo.env_remove(variable);
        }
        cargo
    }

    /// With the machine's paths replaced: the same object wherever it is built.
    fn flags(&self, root: &Path) -> Result<Vec<String>> {
        let home = match env::var_os("CARGO_HOME") {
            Some(home) => PathBuf::from(home),
            None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cargo"),
        };
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("-Clinker={}", self.linker.display()));
        for (from, to) in [(root, "minifier"), (&home.join("registry/src"), "crates")] {
            flags.push(format!("--remap-path-prefix={}={to}", from.display()));
        }
        Ok(flags)
    }

    fn versions(&self) -> Result<BTreeMap<String, String>> {
        let compiler = match &self.rustc {
            Some(rustc) => command::capture(Command::new(rustc).arg("-vV"))?,
            None => {
                command::capture(Command::new("rustup").args(["run", "nightly", "rustc", "-vV"]))?
            }
        };
        let line = |key: &str| {
            let value = compiler.lines().find_map(|line| line.strip_prefix(key));
            value.unwrap_or_default().trim().to_owned()
        };
        let linker = command::capture(Command::new(&self.linker).arg("--version"))?;
        Ok(BTreeMap::from([
            (
                "rustc".to_owned(),
                format!("{} ({})", line("release:"), line("commit-hash:")),
            ),
            ("llvm".to_owned(), line("LLVM version:")),
            (
                "bpf-linker".to_owned(),
                linker
                    .trim()
                    .trim_start_matches("bpf-linker")
                    .trim()
                    .to_owned(),
            ),
        ]))
    }
}

/// Debian's compiler, if it has `core` for the BPF target. The compiler on the path is rustup's and has not.
fn debian_rustc() -> Option<PathBuf> {
    let rustc = PathBuf::from("/usr/bin/rustc");
    let printed = command::capture(Command::new(&rustc).args([
        "--print",
        "target-libdir",
        "--target",
        TARGET,
    ]))
    .ok()?;
    let has_core = fs::read_dir(printed.trim()).ok()?.flatten().any(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libcore-") && name.ends_with(".rlib")
    });
    has_core.then_some(rustc)
}

fn nightly_has_sources() -> bool {
    let sysroot = Command::new("rustup")
        .args(["run", "nightly", "rustc", "--print", "sysroot"])
        .output();
    sysroot.is_ok_and(|output| {
        let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        output.status.success() && sysroot.join("lib/rustlib/src/rust/library/core").is_dir()
    })
}

/// The one in the cache folder, or one on the path, or else a newly compiled one.
fn find_linker() -> Result<PathBuf> {
    let cached = setup::bpf_linker()?;
    if cached.is_file() {
        return Ok(cached);
    }
    if let Some(linker) = command::on_path("bpf-linker") {
        return Ok(linker);
    }
    setup::ensure_bpf_linker()?;
    Ok(cached)
}

fn find_objcopy() -> Result<PathBuf> {
    for version in (18..40).rev() {
        let found = PathBuf::from(format!("/usr/lib/llvm-{version}/bin/llvm-objcopy"));
        if found.is_file() {
            return Ok(found);
        }
    }
    command::on_path("llvm-objcopy")
        .or_else(|| command::on_path("rust-objcopy"))
        .context("no llvm-objcopy: `cargo xtask setup` installs it with LLVM")
}
