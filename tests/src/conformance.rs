//! The tree that programs/conformance expects below `/data`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::Result;

/// Makes it below `root`.
pub fn make_data(root: &Path) -> Result<()> {
    let data = root.join("data");
    for folder in ["dir", "jail", "bound", "paths", "untouched"] {
        fs::create_dir_all(data.join(folder))?;
    }
    fs::create_dir_all(root.join("tmp"))?;
    let plain = [
        "file",
        "only",
        "dir/inner",
        "jail/inside",
        "thread",
        "grandchild",
        "from-thread",
        "ring",
        "polled",
        "new\nline",
    ];
    for file in plain.into_iter().chain(["by-exec", "by-nsenter"]) {
        File::create(data.join(file))?;
    }
    File::create(data.join(OsStr::from_bytes(b"\xff\x80")))?;
    for (link, target) in [
        ("link", "file"),
        ("dirlink", "dir"),
        ("abs", "/data/dir/inner"),
        ("loop", "loop"),
        ("program", "/conformance"),
    ] {
        symlink(target, data.join(link))?;
    }
    fs::write(data.join("script"), "#!/conformance nothing\n")?;
    fs::set_permissions(data.join("script"), fs::Permissions::from_mode(0o755))?;
    for index in 0..8 {
        File::create(data.join(format!("untouched/{index}")))?;
        let mut page = format!("/data/untouched/{index}").into_bytes();
        page.resize(4096, 0);
        fs::write(data.join(format!("paths/{index}")), page)?;
    }
    Ok(())
}
