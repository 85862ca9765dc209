//! What runs in the machine: the tests' `guest` as its first process, `minify`, the programs that are traced,
//! what they need of Debian, and an image.

use anyhow::Result;

use super::Arch;
use super::compile::Compiler;
use super::initramfs::Initramfs;
use super::layout;
use super::system::System;
use crate::cache;

/// Programs that are traced, and their sources below tests/programs.
const PROGRAMS: [(&str, &str); 2] = [
    ("conformance", "conformance/main.rs"),
    ("storm", "storm.rs"),
];

/// All that does not depend on the kernel.
pub(crate) fn build(arch: Arch) -> Result<Initramfs> {
    let folder = tempfile::tempdir_in(cache::subdir("kernels")?)?;
    let compiler = Compiler::new(arch)?;
    let mut archive = Initramfs::default();
    let built = compiler.workspace(&["guest", "minify"])?;
    for (name, to) in [("guest", "/init"), ("minify", "/bin/minify")] {
        let stripped = folder.path().join(name);
        compiler.strip(&built.join(name), &stripped)?;
        archive.file(&stripped, to)?;
    }
    let system = System::get(arch)?;
    system.install(&mut archive)?;
    let layout = folder.path().join("layout");
    layout::write(arch, &system.image(), &layout)?;
    archive.tree(&layout, "/images/layout")?;
    for (name, source) in PROGRAMS {
        let source = cache::workspace_root().join("tests/programs").join(source);
        let program = folder.path().join(name);
        compiler.program(&source, &program)?;
        archive.file(&program, &format!("/programs/{name}"))?;
    }
    Ok(archive)
}
