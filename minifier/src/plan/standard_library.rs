//! The standard library of an interpreter that `--include-bin` names: an interpreter is of no use without it, and
//! nothing in its ELF file says where it is.
//!
//! It is found by its structure, whoever made the image: directories that hold files which only a standard library
//! has (`os.py` beside `encodings`, `strict.pm`, `rbconfig.rb`, `init.tcl`), or the layout around the program (Java,
//! PHP, Node.js). What was installed for the interpreter beside it (`site-packages`, `vendor_perl`, gems) is not taken.

use std::collections::BTreeSet;

use super::Reason;
use super::closure::Closure;
use super::included::included;
use crate::analyze::{ReadError, parse_shebang};
use crate::rootfs::{ImagePath, NodeId};

/// An interpreter whose library shows itself by the names of files.
struct Family {
    /// Letters that the program's name begins with, before its version.
    programs: &'static [&'static str],
    /// A directory that holds all names of one of these is a part of the library,
    markers: &'static [&'static [&'static str]],
    /// if a component of its path begins with this.
    within: &'static [u8],
    /// Entries of such a directory that are none of the library, by the start of their names.
    except: &'static [&'static [u8]],
}

const FAMILIES: [Family; 4] = [
    Family {
        programs: &["python", "pypy"],
        markers: &[&["os.py", "encodings"], &["os.pyc", "encodings"]],
        within: b"",
        // Its own tests and what programs that embed it are linked with, too.
        except: &[b"site-packages", b"dist-packages", b"test", b"config-"],
    },
    Family {
        programs: &["perl"],
        markers: &[
            &["strict.pm"],
            &["Config.pm", "auto"],
            &["POSIX.pm", "auto"],
        ],
        within: b"perl",
        except: &[b"vendor_perl", b"site_perl"],
    },
    Family {
        programs: &["ruby", "irb"],
        markers: &[&["English.rb"], &["rbconfig.rb"]],
        within: b"ruby",
        except: &[],
    },
    Family {
        programs: &["tclsh", "wish"],
        markers: &[&["init.tcl", "tclIndex"], &["tk.tcl", "tclIndex"]],
        within: b"t",
        except: &[],
    },
];

/// Modules of Node.js that are built in, or lie here if a distribution has packages of them (Debian).
const NODE_MODULES: [&str; 6] = [
    "acorn",
    "acorn-walk",
    "amaro",
    "cjs-module-lexer",
    "minimatch",
    "undici",
];

/// The parts of a Java home beside `bin`, in all versions.
const JAVA_HOME: [&str; 4] = ["conf", "jre/lib", "lib", "release"];

/// Java's own, in `lib`.
const SOURCES: &[u8] = b"src.zip";

impl Closure<'_> {
    /// Keeps the standard library of the program at `path`, if that is an interpreter, or a script of one.
    pub(crate) fn include_standard_library(
        &mut self,
        path: &ImagePath,
        node: NodeId,
        rule: &str,
    ) -> Result<(), ReadError> {
        let script = self.interpreter_of(path, node)?;
        let program = script.unwrap_or_else(|| path.clone());
        let name = letters(program.file_name());
        let family = FAMILIES
            .iter()
            .find(|family| family.programs.iter().any(|p| p.as_bytes() == name));
        let mut dirs = match (family, name) {
            (Some(family), _) => self.directories_of(family, &program),
            (None, b"node" | b"nodejs") => self.below(&program, "share/nodejs", &NODE_MODULES),
            (None, b"php") => self.php(&program),
            (None, _) => self.java(&program),
        };
        if name == b"ruby" || name == b"irb" {
            dirs.extend(self.rubygems(&dirs));
        }
        let except = family.map_or(&[SOURCES][..], |family| family.except);
        for dir in dirs {
            self.include_library(&dir, except, rule);
        }
        Ok(())
    }

    /// The program that runs a script; `None` if it is no script, or nothing runs it.
    fn interpreter_of(
        &self,
        path: &ImagePath,
        node: NodeId,
    ) -> Result<Option<ImagePath>, ReadError> {
        let Some(line) = parse_shebang(&self.files.head(path, node)?) else {
            return Ok(None);
        };
        let resolution = self.search.find(self.files.rootfs, &line.program());
        Ok(resolution.and_then(|found| Some(found.found()?.0.clone())))
    }

    /// The directories of a library that belong to this program: those with its version and below its prefix, if
    /// there are such.
    fn directories_of(&self, family: &Family, program: &ImagePath) -> Vec<ImagePath> {
        let rootfs = self.files.rootfs;
        let names: BTreeSet<&[u8]> = family
            .markers
            .iter()
            .filter_map(|marker| Some(marker.first()?.as_bytes()))
            .collect();
        let mut found = BTreeSet::new();
        for (path, _) in rootfs.walk() {
            if !names.contains(path.file_name()) {
                continue;
            }
            let Some(dir) = path.parent() else { continue };
            let has = |name: &&str| rootfs.lookup(&dir.join(name.as_bytes())).is_some();
            let is_part = family.markers.iter().any(|marker| marker.iter().all(has));
            let within = |part: &[u8]| part.starts_with(family.within);
            if is_part && dir.components().any(within) {
                found.insert(dir);
            }
        }
        // Each narrows the choice only if something is left.
        // `python3.11` beside `python3.12`: an image can have two, and the program's name says which it is.
        let version = program
            .file_name()
            .strip_prefix(letters(program.file_name()));
        let version = version.filter(|version| version.contains(&b'.'));
        // A name without a version matches all; none of them must go for that.
        narrow(&mut found, |dir| {
            version.is_some_and(|version| dir.file_name().ends_with(version))
        });
        if let Some(prefix) = prefix(program) {
            narrow(&mut found, |dir| dir.starts_with(&prefix));
        }
        found.into_iter().collect()
    }

    /// Those of `names` that are there, below `dir` in the program's prefix.
    fn below(&self, program: &ImagePath, dir: &str, names: &[&str]) -> Vec<ImagePath> {
        let Some(prefix) = prefix(program) else {
            return Vec::new();
        };
        let paths = names.iter().map(|name| prefix.join(dir).join(name));
        paths
            .filter(|path| self.files.rootfs.lookup(path).is_some())
            .collect()
    }

    /// Specifications of the gems that come with Ruby, and RubyGems if a distribution keeps it apart.
    fn rubygems(&self, dirs: &[ImagePath]) -> Vec<ImagePath> {
        let rootfs = self.files.rootfs;
        let mut found = Vec::new();
        for dir in dirs {
            let Some(parent) = dir.parent() else { continue };
            let gems = parent.join("gems").join(dir.file_name());
            found.push(gems.join("specifications/default"));
            if let Some(vendor) = rootfs.lookup(&parent.join("vendor_ruby")) {
                let names = rootfs.children(vendor).keys();
                let names = names.filter(|name| name.starts_with(b"rubygems"));
                found.extend(names.map(|name| parent.join("vendor_ruby").join(name)));
            }
        }
        found.retain(|path| rootfs.lookup(path).is_some());
        found
    }

    /// The extensions and the configuration of PHP; everything else is in the program.
    fn php(&self, program: &ImagePath) -> Vec<ImagePath> {
        let rootfs = self.files.rootfs;
        let mut found = self.below(program, "lib/php", &["extensions"]);
        let mut matching = |dir: ImagePath, matches: &dyn Fn(&[u8]) -> bool| {
            if let Some(node) = rootfs.lookup(&dir) {
                let names = rootfs.children(node).keys();
                found.extend(
                    names
                        .filter(|name| matches(name))
                        .map(|name| dir.join(name)),
                );
            }
        };
        let is_php = |name: &[u8]| name.starts_with(b"php");
        if let Some(prefix) = prefix(program) {
            // By the number of their interface (Debian).
            let is_date = |name: &[u8]| name.len() == 8 && name.iter().all(u8::is_ascii_digit);
            matching(prefix.join("lib/php"), &is_date);
            matching(prefix.join("etc"), &is_php);
            // `lib/php83` (Alpine).
            let is_numbered = |name: &[u8]| is_php(name) && name.len() > 3;
            matching(prefix.join("lib"), &is_numbered);
        }
        matching(ImagePath::new("/etc"), &is_php);
        found
    }

    /// The home of a Java program, by what is in it.
    fn java(&self, program: &ImagePath) -> Vec<ImagePath> {
        let exists = |path: &str| !self.below(program, "", &[path]).is_empty();
        let is_home = ["lib/modules", "lib/rt.jar", "jre/lib/rt.jar"];
        if is_home.iter().any(|path| exists(path)) {
            self.below(program, "", &JAVA_HOME)
        } else {
            Vec::new()
        }
    }

    /// Keeps a part of a library, the links beside it that lead to it, and the directories that links in it lead to.
    fn include_library(&mut self, top: &ImagePath, except: &[&[u8]], rule: &str) {
        let rootfs = self.files.rootfs;
        let reason = included(rule);
        let mut seen = BTreeSet::new();
        let mut queue = vec![top.clone()];
        while let Some(dir) = queue.pop() {
            if !seen.insert(dir.clone()) {
                continue;
            }
            let excepted = |path: &ImagePath| {
                let rest = path.as_bytes().strip_prefix(top.as_bytes());
                let rest = rest.and_then(|rest| rest.strip_prefix(b"/"));
                rest.is_some_and(|rest| except.iter().any(|name| rest.starts_with(name)))
            };
            for (path, node) in rootfs.walk_below(&dir) {
                if excepted(&path) {
                    continue;
                }
                self.keep(&path, node, reason.clone());
                if rootfs.node(node).link_target().is_none() {
                    continue;
                }
                let resolution = rootfs.resolve(&ImagePath::root(), path.as_bytes(), true);
                let kept = self.keep_resolved(&resolution, reason.clone());
                // One that leads to a directory around the library would keep everything.
                if let Some((end, node)) = kept
                    && rootfs.node(node).is_dir()
                    && !top.starts_with(&end)
                {
                    queue.push(end);
                }
            }
            if let Some(node) = rootfs.lookup(&dir) {
                self.keep(&dir, node, reason.clone());
            }
        }
        self.keep_links_to(top, &reason);
    }

    /// Perl looks for `perl/5.36`, which is a link to `perl/5.36.0`.
    fn keep_links_to(&mut self, top: &ImagePath, reason: &Reason) {
        let rootfs = self.files.rootfs;
        let Some(parent) = top.parent() else { return };
        let Some(node) = rootfs.lookup(&parent) else {
            return;
        };
        for (name, id) in rootfs.children(node) {
            if rootfs.node(*id).link_target().is_none() {
                continue;
            }
            let resolution = rootfs.resolve(&parent, name, true);
            if resolution.found().is_some_and(|(end, _)| end == top) {
                self.keep_resolved(&resolution, reason.clone());
            }
        }
    }
}

/// `python` of `python3.11`.
fn letters(name: &[u8]) -> &[u8] {
    let end = name.iter().position(|b| !b.is_ascii_alphabetic());
    &name[..end.unwrap_or(name.len())]
}

/// `/usr` of `/usr/bin/python3`.
fn prefix(program: &ImagePath) -> Option<ImagePath> {
    program.parent()?.parent()
}

/// Keeps those that match, unless none does.
fn narrow(paths: &mut BTreeSet<ImagePath>, matches: impl Fn(&ImagePath) -> bool) {
    if paths.iter().any(&matches) {
        paths.retain(matches);
    }
}
