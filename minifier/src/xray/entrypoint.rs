//! The programs that the entrypoint and the command start: also the one behind init programs, shells and `env`.

use super::scan::Scan;
use crate::analyze::parse_shebang;
use crate::image::ImageConfig;
use crate::rootfs::{ImagePath, RootFs, SearchPath};

/// Programs that start the one after them.
const WRAPPERS: [&str; 11] = [
    "tini",
    "dumb-init",
    "catatonit",
    "docker-init",
    "gosu",
    "su-exec",
    "setpriv",
    "env",
    "nice",
    "exec",
    "sudo",
];
const SHELLS: [&str; 5] = ["sh", "bash", "dash", "ash", "zsh"];
const MAX_STEPS: usize = 16;

/// A program that is started, free of links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StartedProgram {
    /// As the config or a script names it.
    pub(crate) word: String,
    pub(crate) path: ImagePath,
}

/// The programs that are started one after the other, outermost first.
pub(crate) fn started(config: &ImageConfig, scan: &Scan, rootfs: &RootFs) -> Vec<StartedProgram> {
    let mut words: Vec<String> = config
        .entrypoint()
        .iter()
        .chain(config.cmd())
        .cloned()
        .collect();
    let search = SearchPath::new(config.env_var("PATH"), ImagePath::new(config.working_dir()));
    let locate = |word: &str| {
        let resolution = search.find(rootfs, word.as_bytes())?;
        resolution.found().map(|(path, _)| path.clone())
    };
    let mut found = Vec::new();
    // `sh -c "sh -c …"`, and scripts that name themselves, could go on for ever.
    for _ in 0..MAX_STEPS {
        let Some(first) = words.first().cloned() else {
            break;
        };
        let name = first.rsplit('/').next().unwrap_or_default();
        if let Some(path) = locate(&first) {
            found.push(StartedProgram {
                word: first.clone(),
                path: path.clone(),
            });
            if let Some(interpreter) = interpreter(scan, rootfs, &path) {
                // A script: its interpreter runs it; a shell script starts what follows on the command line.
                let base = interpreter
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                if let Some(path) = locate(&interpreter) {
                    found.push(StartedProgram {
                        word: interpreter,
                        path,
                    });
                }
                // What follows a Python or Perl script are its arguments. A shell script most often ends with `exec
                // "$@"`.
                if !SHELLS.contains(&base.as_str()) {
                    break;
                }
                words.remove(0);
                continue;
            }
        }
        let name_is = |list: &[&str]| list.contains(&name);
        if name_is(&SHELLS) {
            // `sh -c "exec node server.js"`
            let script = words
                .iter()
                .skip(1)
                .find(|word| !word.starts_with('-'))
                .cloned();
            // `-c`, also among others: `-ec`, `-lc`.
            let inline = words
                .get(1)
                .is_some_and(|flag| flag.starts_with('-') && flag.contains('c'));
            let Some(script) = script else { break };
            words = if inline {
                command_of(&script)
            } else {
                vec![script]
            };
        } else if name_is(&WRAPPERS) {
            words.remove(0);
            // Options of the init program, and variables for `env`.
            let skip = words
                .iter()
                .take_while(|word| word.starts_with('-') || word.contains('='))
                .count();
            words.drain(..skip);
            // `gosu USER program`
            if matches!(name, "gosu" | "su-exec") && !words.is_empty() {
                words.remove(0);
            }
        } else {
            break;
        }
    }
    found
}

/// The last command of a line of shell, without `exec` and assignments.
fn command_of(line: &str) -> Vec<String> {
    let last = line
        // Preparations come first (`migrate && exec server`); the last command is the one that stays.
        .rsplit(['&', ';', '|'])
        .find(|part| !part.trim().is_empty())
        .unwrap_or(line);
    let words = shell_words::split(last.trim())
        // A quote can be cut off where the line was split.
        .unwrap_or_else(|_| last.split_whitespace().map(str::to_owned).collect());
    words
        .into_iter()
        .skip_while(|word| word == "exec" || word.contains('='))
        .collect()
}

/// The program that runs a script.
fn interpreter(scan: &Scan, rootfs: &RootFs, path: &ImagePath) -> Option<String> {
    let content = rootfs.get(path)?.content()?;
    let head = &scan.extra(content)?.head;
    let program = parse_shebang(head)?.program();
    Some(String::from_utf8_lossy(&program).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::tar::testing::Tar;
    use crate::xray::testing::{analyse, image};

    #[test]
    fn a_file_that_nobody_may_execute_is_not_what_starts() {
        let tar = Tar::new()
            .file("data/server", b"x")
            .program("bin/server", b"x")
            .bytes();
        let config = serde_json::json!({
            "config": {"Entrypoint": ["server"], "Env": ["PATH=/data:/bin"]},
        });
        let image = image(&[tar], config);
        let made = analyse(&image);
        let started = started(&image.config, &made.scan, &made.merged.rootfs);
        let paths: Vec<_> = started.iter().map(|one| one.path.to_string()).collect();
        assert_eq!(paths, ["/bin/server"]);
    }
}
