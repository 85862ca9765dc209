//! Include rules: the paths, programs and sets of files that a user names.

use super::closure::Closure;
use super::patterns::Pattern;
use super::{PlanError, Reason, Rules};
use crate::rootfs::ImagePath;

const SHELLS: [&str; 4] = ["sh", "bash", "ash", "dash"];

/// Commands that `--include-shell` keeps beside the shells, if the image has them.
const COMMANDS: [&str; 48] = [
    "[", "awk", "basename", "cat", "chmod", "chown", "cp", "cut", "date", "df", "dirname", "du",
    "echo", "env", "expr", "false", "find", "grep", "gzip", "head", "hostname", "id", "kill",
    "less", "ln", "ls", "mkdir", "mktemp", "mv", "printf", "ps", "pwd", "readlink", "rm", "rmdir",
    "sed", "sleep", "sort", "stat", "tail", "tar", "tee", "test", "touch", "tr", "true", "uname",
    "wc",
];

const ZONEINFO: &str = "/usr/share/zoneinfo";

impl Closure<'_> {
    /// Keeps what the rules name.
    pub(crate) fn seed_rules(&mut self, rules: &Rules, working_dir: &str) -> Result<(), PlanError> {
        for path in &rules.include_paths {
            self.include_path(path)?;
        }
        for program in &rules.include_bins {
            let rule = format!("--include-bin {program}");
            match self.keep_program(program.as_bytes(), included(&rule)) {
                Some((path, node)) => self.include_standard_library(&path, node, &rule)?,
                None => self.warn(
                    format!("{rule}: the image has no such program"),
                    Some("give its path if it is not on the image's PATH".into()),
                ),
            }
        }
        if rules.include_shell {
            self.include_shell();
        }
        if rules.include_workdir {
            let rule = "--include-workdir";
            // Not the whole image by accident.
            if ImagePath::new(working_dir).is_root() {
                self.warn(format!("{rule}: the image has no working directory"), None);
            } else {
                self.include_directory(working_dir, rule);
            }
        }
        if rules.include_certs {
            self.include_certificates();
        }
        if rules.include_zoneinfo {
            self.include_directory(ZONEINFO, "--include-zoneinfo");
        }
        Ok(())
    }

    fn include_path(&mut self, text: &str) -> Result<(), PlanError> {
        let rule = format!("--include-path {text}");
        let rootfs = self.files.rootfs;
        let pattern = Pattern::new("--include-path", text, rootfs)?;
        let matches: Vec<ImagePath> = match pattern.exact() {
            // No walk through the whole tree for the usual case, a path.
            Some(path) => rootfs
                .lookup(path)
                .map(|_| path.clone())
                .into_iter()
                .collect(),
            None => rootfs
                .walk()
                .map(|(path, _)| path)
                .filter(|path| pattern.matches(path))
                .collect(),
        };
        if matches.is_empty() {
            self.warn(
                format!("{rule}: nothing in the image matches"),
                Some(
                    "start the pattern at the root of the image, or with `**/` to match anywhere"
                        .into(),
                ),
            );
        }
        // The links on the way as the user wrote them.
        self.keep_path(ImagePath::new(text).as_bytes(), included(&rule));
        for path in matches {
            self.include_directory(path.as_bytes(), &rule);
        }
        Ok(())
    }

    /// Keeps a file, or a directory with everything in it; a link is followed.
    fn include_directory(&mut self, path: impl AsRef<[u8]>, rule: &str) {
        let rootfs = self.files.rootfs;
        let path = ImagePath::new(path);
        if path.is_root() {
            self.warn(format!("{rule}: this keeps the whole image"), None);
        }
        if let Some(node) = rootfs.lookup(&path) {
            self.keep(&path, node, included(rule));
        }
        match self.keep_path(path.as_bytes(), included(rule)) {
            Some((top, node)) if rootfs.node(node).is_dir() => {
                self.keep_tree(&top, &included(rule), rule);
            }
            Some(_) => {}
            None if rootfs.lookup(&path).is_some() => {}
            None => self.warn(format!("{rule}: {path} is not in the image"), None),
        }
    }

    fn include_shell(&mut self) {
        let rule = "--include-shell";
        let rootfs = self.files.rootfs;
        let mut busybox = None;
        let mut any = false;
        for shell in SHELLS {
            if let Some((path, node)) = self.keep_program(shell.as_bytes(), included(rule)) {
                any = true;
                if path.file_name().starts_with(b"busybox") {
                    busybox = Some(node);
                }
            }
        }
        if !any {
            self.warn(format!("{rule}: the image has no shell"), None);
            return;
        }
        for command in COMMANDS {
            self.keep_program(command.as_bytes(), included(rule));
        }
        // Applets are links to busybox, of either kind.
        let Some(busybox) = busybox else {
            return;
        };
        for dir in self.search.dirs().to_vec() {
            let resolution = rootfs.resolve(self.search.cwd(), &dir, true);
            let Some((dir, node)) = resolution.found() else {
                continue;
            };
            for name in rootfs.children(node).keys() {
                let applet = rootfs.resolve(dir, name, true);
                if applet.found().is_some_and(|(_, node)| node == busybox) {
                    self.keep_resolved(&applet, included(rule));
                }
            }
        }
    }
}

pub(crate) fn included(rule: &str) -> Reason {
    Reason::Included {
        rule: rule.to_owned(),
    }
}
