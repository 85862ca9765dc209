//! What runs in the machine: the tests' `guest` as its first process, `minifier`, the programs that are traced.

use anyhow::Result;

use super::Arch;
use super::compile::Compiler;
use super::initramfs::Initramfs;
use crate::cache;

/// Programs that are traced, and their sources below tests/programs.
const PROGRAMS: [(&str, &str); 2] = [
    ("conformance", "conformance/main.rs"),
    ("storm", "storm.rs"),
];

/// All that does not depend on the kernel.
pub(super) fn build(arch: Arch) -> Result<Initramfs> {
    let folder = tempfile::tempdir_in(cache::subdir("kernels")?)?;
    let compiler = Compiler::new(arch)?;
    let mut archive = Initramfs::default();
    let built = compiler.workspace(&["guest", "minifier"])?;
    for (name, to) in [("guest", "/init"), ("minifier", "/bin/minifier")] {
        let stripped = folder.path().join(name);
        compiler.strip(&built.join(name), &stripped)?;
        archive.file(&stripped, to)?;
    }
    for (library, to) in compiler.libraries(&built.join("guest"))? {
        archive.file(&library, &to)?;
    }
    for (name, source) in PROGRAMS {
        let source = cache::workspace_root().join("tests/programs").join(source);
        let program = folder.path().join(name);
        compiler.program(&source, &program)?;
        archive.file(&program, &format!("/programs/{name}"))?;
    }
    Ok(archive)
}
