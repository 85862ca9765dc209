//! Programs, files and directories that the image config and the options of the run name.
//!
//! The content of volumes stays: it is the data that a new volume starts with.

use super::closure::Closure;
use super::{Reason, RunFacts};
use crate::analyze::{ReadError, command_words};
use crate::image::{CheckCommand, Healthcheck, ImageConfig};
use crate::rootfs::{ImagePath, NodeId, accounts};

/// Variables whose value is a file, or files between colons or blanks.
const FILE_VARIABLES: [&str; 8] = [
    "BASH_ENV",
    "CURL_CA_BUNDLE",
    "LD_PRELOAD",
    "NODE_EXTRA_CA_CERTS",
    "OPENSSL_CONF",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

impl Closure<'_> {
    /// Keeps what the config and the run name.
    pub(crate) fn seed_config(
        &mut self,
        config: &ImageConfig,
        run: &RunFacts,
    ) -> Result<(), ReadError> {
        // Both, since the new image has the original's config: it is run without the options of this build.
        for entrypoint in [Some(config.entrypoint()), run.entrypoint.as_deref()] {
            self.keep_command("Entrypoint", entrypoint.unwrap_or_default());
        }
        for cmd in [Some(config.cmd()), run.cmd.as_deref()] {
            self.keep_command("Cmd", cmd.unwrap_or_default());
        }
        if let Some(command) = config.healthcheck().and_then(Healthcheck::command) {
            self.keep_healthcheck(command, &config.shell());
        }
        for dir in [Some(config.working_dir()), run.working_dir.as_deref()] {
            if let Some(dir) = dir.filter(|dir| !dir.is_empty()) {
                self.keep_path(dir, reason("WorkingDir"));
            }
        }
        // Docker copies it into a new volume (so does `--volume NAME:PATH`), and a database may have its first state
        // there.
        for volume in config.volumes() {
            if let Some((path, _)) = self.keep_path(volume, reason("Volumes")) {
                self.keep_tree(&path, &reason("Volumes"), &format!("the volume {volume}"));
            }
        }
        for user in [Some(config.user()), run.user.as_deref()] {
            self.keep_home(user.unwrap_or_default())?;
        }
        for variable in config.env().iter().chain(&run.env) {
            self.keep_variable(variable);
        }
        Ok(())
    }

    /// A program with its arguments. What an argument names is a guess, so that only what exists counts.
    fn keep_command(&mut self, field: &str, words: &[String]) {
        let Some(program) = words.first() else {
            return;
        };
        if self
            .keep_program(program.as_bytes(), reason(field))
            .is_none()
        {
            // `Cmd` may be arguments of the entrypoint.
            self.keep_argument(field, program);
            if field == "Entrypoint" {
                self.note(format!("the entrypoint {program:?} is not in the image"));
            }
        }
        for word in &words[1..] {
            self.keep_argument(field, word);
        }
        // `["/bin/sh", "-c", LINE]` is what Docker makes of the shell form in a Dockerfile.
        let shell_form = words.iter().position(|word| word == "-c");
        if let Some(line) = shell_form.and_then(|at| words.get(at + 1)) {
            self.keep_line(field, line);
        }
    }

    /// A file or directory that an argument names, alone or after `=`.
    fn keep_argument(&mut self, field: &str, word: &str) {
        // `--config=/etc/app.conf`.
        let value = word.split_once('=').map(|(_, value)| value);
        for path in [Some(word), value].into_iter().flatten() {
            if path.is_empty() {
                continue;
            }
            let rootfs = self.files.rootfs;
            let resolution = rootfs.resolve(self.search.cwd(), path.as_bytes(), true);
            let is_file = |node: NodeId| !rootfs.node(node).is_dir();
            // A relative word such as `data` is a directory's name by accident more often than not.
            if resolution
                .found()
                .is_some_and(|(_, node)| path.starts_with('/') || is_file(node))
            {
                self.keep_resolved(&resolution, reason(field));
            }
        }
    }

    /// The programs and paths of a shell's command line.
    fn keep_line(&mut self, field: &str, line: &str) {
        let words = command_words(line);
        for command in &words.commands {
            self.keep_program(command.as_bytes(), reason(field));
        }
        for path in &words.paths {
            self.keep_argument(field, path);
        }
    }

    fn keep_healthcheck(&mut self, command: CheckCommand<'_>, shell: &[String]) {
        let field = "Healthcheck";
        let program = match command {
            CheckCommand::Exec(words) => {
                self.keep_command(field, words);
                words.first()
            }
            CheckCommand::Shell(words) => {
                for line in words {
                    self.keep_line(field, line);
                }
                shell.first()
            }
        };
        if let Some(program) = program
            && self
                .keep_program(program.as_bytes(), reason(field))
                .is_none()
        {
            self.warn(
                format!("the health check runs {program:?}, which is not in the image"),
                None,
            );
        }
    }

    /// The home directory of a user, without its content.
    fn keep_home(&mut self, user: &str) -> Result<(), ReadError> {
        let passwd = self
            .files
            .read(&"/etc/passwd".into(), accounts::MAX_DATABASE)?
            .unwrap_or_default();
        if let Some(account) = accounts::find_account(&passwd, user)
            && account.home.starts_with(b"/")
        {
            let home = ImagePath::new(account.home);
            // Users without a home have `/`, which would be kept for this reason in every image.
            if !home.is_root() {
                self.keep_path(home.as_bytes(), reason("User"));
            }
        }
        Ok(())
    }

    fn keep_variable(&mut self, variable: &str) {
        let Some((name, value)) = variable.split_once('=') else {
            return;
        };
        if name == "TZ" {
            // POSIX allows a colon before the name of a file.
            let zone = value.trim_start_matches(':');
            let zone = ImagePath::from("/usr/share/zoneinfo").join(zone);
            if self
                .files
                .rootfs
                .get(&zone)
                .is_some_and(|node| !node.is_dir())
            {
                self.keep_path(zone.as_bytes(), reason("Env"));
            }
        } else if FILE_VARIABLES.contains(&name) {
            for path in value.split([':', ' ']).filter(|path| path.starts_with('/')) {
                self.keep_path(path, reason("Env"));
            }
        }
    }
}

fn reason(field: &str) -> Reason {
    Reason::Config {
        field: field.to_owned(),
    }
}
