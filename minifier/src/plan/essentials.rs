//! The few files that every libc, or every container, expects. Only what the image has is kept: a static program in
//! an otherwise empty image stays alone.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::Reason;
use super::closure::Closure;
use crate::analyze::{ReadError, name_services};
use crate::rootfs::{ImagePath, RootFs};

const ALWAYS: [(&str, &str); 28] = [
    ("/etc/passwd", "accounts"),
    ("/etc/group", "accounts"),
    ("/etc/nsswitch.conf", "name service switch"),
    ("/etc/hosts", "mount point of the container runtime"),
    ("/etc/hostname", "mount point of the container runtime"),
    ("/etc/resolv.conf", "mount point of the container runtime"),
    ("/etc/os-release", "identity of the distribution"),
    ("/usr/lib/os-release", "identity of the distribution"),
    ("/etc/localtime", "time zone"),
    ("/etc/timezone", "time zone"),
    ("/etc/mtab", "table of mounts"),
    ("/dev", "mount point of the container runtime"),
    ("/proc", "mount point of the container runtime"),
    ("/sys", "mount point of the container runtime"),
    ("/tmp", "temporary files"),
    ("/var/tmp", "temporary files"),
    ("/run", "run-time files"),
    ("/run/lock", "run-time files"),
    ("/var/run", "run-time files"),
    ("/var/lock", "run-time files"),
    ("/bin", "usual directory or link to it"),
    ("/sbin", "usual directory or link to it"),
    ("/lib", "usual directory or link to it"),
    ("/lib32", "usual directory or link to it"),
    ("/lib64", "usual directory or link to it"),
    ("/libx32", "usual directory or link to it"),
    ("/libo32", "usual directory or link to it"),
    ("/usr/lib64", "usual directory or link to it"),
];

const LINKER_DIRS: &str = "directories of the dynamic linker";

/// If programs linked with glibc stay.
const GLIBC: [(&str, &str); 5] = [
    ("/etc/ld.so.cache", "cache of the dynamic linker"),
    ("/etc/ld.so.conf", LINKER_DIRS),
    ("/etc/host.conf", "name resolution"),
    ("/etc/gai.conf", "name resolution"),
    ("/etc/ld.so.preload", "libraries of the dynamic linker"),
];

const MAX_CONF: u64 = 1 << 20;

impl Closure<'_> {
    /// Keeps what every image needs.
    pub(crate) fn seed_essentials(&mut self) {
        for (path, what) in ALWAYS {
            self.keep_essential(path, what);
        }
    }

    /// Keeps what follows from the files that stay so far; can be called again when more do.
    pub(crate) fn keep_libc_essentials(&mut self) -> Result<(), ReadError> {
        // musl has no cache: its loader reads one file with directories, named after the architecture.
        if self.facts.musl {
            for path in entries(self.files.rootfs, "/etc", b"ld-musl-", b".path") {
                self.keep_path(path.as_bytes(), essential(LINKER_DIRS));
            }
        }
        let libcs: Vec<_> = self.facts.glibc.values().cloned().collect();
        if libcs.is_empty() {
            return Ok(());
        }
        for (path, what) in GLIBC {
            self.keep_essential(path, what);
        }
        for path in entries(self.files.rootfs, "/etc/ld.so.conf.d", b"", b".conf") {
            self.keep_path(path.as_bytes(), essential(LINKER_DIRS));
        }
        // glibc loads its name services with `dlopen`, by the words in nsswitch.conf, so that no ELF file names them.
        let services = self.name_services()?;
        for (path, elf) in &libcs {
            let context = self.linker.context_of(path, elf);
            for service in &*services {
                let name = format!("libnss_{service}.so.2");
                for hit in self.linker.find(name.as_bytes(), elf, &context)? {
                    let what = format!("name service {service}");
                    self.keep_resolved(&hit.resolution, essential(&what));
                }
            }
            // glibc loads it when a thread is cancelled or a backtrace taken, and aborts if it is missing.
            for hit in self.linker.find(b"libgcc_s.so.1", elf, &context)? {
                let what = "thread cancellation and backtraces of glibc";
                self.keep_resolved(&hit.resolution, essential(what));
            }
        }
        Ok(())
    }

    fn name_services(&mut self) -> Result<Rc<BTreeSet<String>>, ReadError> {
        if let Some(known) = &self.name_services {
            return Ok(Rc::clone(known));
        }
        let conf = self.files.read(&"/etc/nsswitch.conf".into(), MAX_CONF)?;
        let services = Rc::new(name_services(conf.as_deref()));
        self.name_services = Some(Rc::clone(&services));
        Ok(services)
    }

    /// Keeps an entry of the image as it is: a link that leads nowhere stays one.
    fn keep_essential(&mut self, path: &str, what: &str) {
        let rootfs = self.files.rootfs;
        let root = ImagePath::root();
        let itself = rootfs.resolve(&root, path.as_bytes(), false);
        if itself.found().is_some() {
            // The link as well as its target: to keep the target alone would change what stands at the path.
            self.keep_resolved(&itself, essential(what));
            let followed = rootfs.resolve(&root, path.as_bytes(), true);
            self.keep_resolved(&followed, essential(what));
        }
    }
}

/// Entries of a directory by the start and the end of their names.
fn entries(rootfs: &RootFs, dir: &str, start: &[u8], end: &[u8]) -> Vec<ImagePath> {
    let dir = ImagePath::from(dir);
    let Some(node) = rootfs.lookup(&dir) else {
        return Vec::new();
    };
    let names = rootfs.children(node).keys();
    names
        .filter(|name| name.starts_with(start) && name.ends_with(end))
        .map(|name| dir.join(name))
        .collect()
}

pub(crate) fn essential(what: &str) -> Reason {
    Reason::Essential {
        what: what.to_owned(),
    }
}
