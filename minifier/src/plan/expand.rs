//! Needs of the files that stay: interpreters and libraries of ELF files, interpreters of scripts.

use std::rc::Rc;

use super::Reason;
use super::closure::Closure;
use crate::analyze::{Context, DlopenPriority, ElfFile, ElfKind, Libc, ReadError, parse_shebang};
use crate::rootfs::{End, ImagePath, NodeId};

/// Libraries that do TLS with the system's certificates, by the start of their names.
const TLS_LIBRARIES: [&[u8]; 5] = [
    b"libssl.so",
    b"libgnutls.so",
    b"libmbedtls.so",
    b"libwolfssl.so",
    b"libbearssl.so",
];

impl Closure<'_> {
    /// Reads what is queued, until nothing is.
    pub(crate) fn expand(&mut self) -> Result<(), ReadError> {
        loop {
            if let Some((path, node)) = self.files_to_read.pop_front() {
                self.read_file(&path, node)?;
            } else if let Some((path, elf, context)) = self.elf_to_link.pop_front() {
                self.link(&path, &elf, context)?;
            } else {
                return Ok(());
            }
        }
    }

    fn read_file(&mut self, path: &ImagePath, node: NodeId) -> Result<(), ReadError> {
        // Too short for `#!/x`, let alone for an ELF header.
        if self.files.rootfs.node(node).size() < 4 {
            return Ok(());
        }
        if !self.elves.contains_key(&node) {
            let head = self.files.head(path, node)?;
            if ElfFile::is_elf(&head) {
                self.read_elf(path, node)?;
            } else {
                self.elves.insert(node, None);
                self.read_script(path, node, &head);
            }
        }
        // Again for each of its names: `$ORIGIN` is the directory of the name that was used.
        if let Some(Some(elf)) = self.elves.get(&node) {
            let elf = Rc::clone(elf);
            self.learn(path, node, &elf);
            let context = self.linker.context_of(path, &elf);
            self.elf_to_link.push_back((path.clone(), elf, context));
        }
        Ok(())
    }

    fn read_elf(&mut self, path: &ImagePath, node: NodeId) -> Result<(), ReadError> {
        let Some(content) = self.files.rootfs.node(node).content() else {
            return Ok(());
        };
        let elf = match self.files.elf(path, content)? {
            Ok(elf) => (elf.kind == ElfKind::Loadable).then(|| Rc::new(elf)),
            // Images have truncated and made-up ELF files that nothing loads; if one is loaded after all, the
            // verification of the result shows it.
            Err(how) => {
                self.note(format!("the ELF file {path} cannot be read: {how}"));
                None
            }
        };
        self.elves.insert(node, elf);
        Ok(())
    }

    /// Takes down what an ELF file says about the image as a whole.
    fn learn(&mut self, path: &ImagePath, node: NodeId, elf: &Rc<ElfFile>) {
        let name = path.file_name();
        let soname = elf.soname.as_deref().unwrap_or_default();
        self.facts.sonames.insert(soname.to_vec());
        // By either name: distributions rename files (`libc-2.31.so`), and a SONAME can be missing.
        let is = |prefix: &[u8]| soname.starts_with(prefix) || name.starts_with(prefix);
        if is(b"libc.so.6") {
            let libc = (path.clone(), Rc::clone(elf));
            self.facts.glibc.entry(elf.abi).or_insert(libc);
        }
        let is_tls = TLS_LIBRARIES.iter().any(|library| is(library));
        if is_tls {
            self.facts.tls.insert(format!("{path} stays"));
        }
        let is_openssl = is(b"libcrypto.so");
        if is_openssl {
            self.facts.openssl.insert(path.clone());
        }
        if elf.default_trust && !is_tls && !is_openssl {
            self.facts.default_trust.insert(path.clone());
        }
        if name == b"libjvm.so" {
            self.facts.jvms.insert(path.clone());
        }
        // A static program has neither an interpreter nor needs, and looks for certificates itself: Go and Rust.
        if elf.interpreter.is_some() || elf.needed.is_empty() {
            self.facts.programs.insert(path.clone(), node);
        }
    }

    fn link(&mut self, path: &ImagePath, elf: &ElfFile, context: Context) -> Result<(), ReadError> {
        let loaded = (path.clone(), context.clone());
        if !self.linked.insert(loaded.clone()) {
            return Ok(());
        }
        if let Some(trial) = &mut self.trial {
            trial.linked.push(loaded);
        }
        self.facts.musl |= context.libc == Libc::Musl;
        if let Some(interpreter) = &elf.interpreter {
            let of = path.clone();
            self.keep_interpreter(path, interpreter, Reason::ElfInterpreter { of });
        }
        for name in &elf.needed {
            // musl's loader contains libc, libpthread and the like, so that no file has these names.
            if !self.link_one(path, elf, &context, name)?
                && !self.linker.is_builtin(name, context.libc)
            {
                let missing = &mut self.facts.missing_libraries;
                let of = missing.entry(name.clone()).or_default();
                of.insert(path.clone());
            }
        }
        for feature in &elf.dlopen {
            // Suggested features work without the library; recommended ones are kept, but their absence is not
            // reported.
            if feature.priority == DlopenPriority::Suggested {
                continue;
            }
            let mut found = false;
            // The names are alternatives, the best first.
            for name in &feature.soname {
                found = found || self.link_one(path, elf, &context, name.as_bytes())?;
            }
            if let Some(name) = feature.soname.first()
                && !found
                && feature.priority == DlopenPriority::Required
            {
                let missing = &mut self.facts.missing_libraries;
                let of = missing.entry(name.as_bytes().to_vec()).or_default();
                of.insert(path.clone());
            }
        }
        Ok(())
    }

    /// Keeps the files that a needed name can stand for; false if there is none.
    pub(crate) fn link_one(
        &mut self,
        path: &ImagePath,
        elf: &ElfFile,
        context: &Context,
        name: &[u8],
    ) -> Result<bool, ReadError> {
        let hits = self.linker.find(name, elf, context)?;
        for hit in &hits {
            let reason = Reason::ElfNeeded {
                of: path.clone(),
                name: String::from_utf8_lossy(name).into_owned(),
            };
            let Some((library, node)) = self.keep_resolved(&hit.resolution, reason) else {
                continue;
            };
            // A rule excluded it; what only it needs goes too.
            if !self.keep.contains(&library) {
                continue;
            }
            if !self.elves.contains_key(&node) {
                self.read_elf(&library, node)?;
            }
            // Loaded from here it has another `$ORIGIN` and inherits directories.
            if let Some(Some(needed)) = self.elves.get(&node) {
                let needed = Rc::clone(needed);
                let context = self
                    .linker
                    .context_of_needed(elf, context, hit.directory.clone());
                self.elf_to_link.push_back((library, needed, context));
            }
        }
        Ok(!hits.is_empty())
    }

    fn keep_interpreter(&mut self, of: &ImagePath, interpreter: &[u8], reason: Reason) {
        let rootfs = self.files.rootfs;
        let resolution = rootfs.resolve(self.search.cwd(), interpreter, true);
        if matches!(resolution.end, End::Found { .. }) {
            self.keep_resolved(&resolution, reason);
        } else {
            let missing = &mut self.facts.missing_interpreters;
            missing.insert(of.clone(), interpreter.to_vec());
        }
    }

    /// Keeps the interpreter of a file that can be executed as a script, and what `env` runs for it.
    fn read_script(&mut self, path: &ImagePath, node: NodeId, head: &[u8]) {
        // Without an execute bit, the kernel does not look at the first line: many libraries of scripts have one that
        // nothing uses.
        if self.files.rootfs.node(node).meta.mode & 0o111 == 0 {
            return;
        }
        let Some(line) = parse_shebang(head) else {
            return;
        };
        let reason = Reason::ScriptInterpreter { of: path.clone() };
        self.keep_interpreter(path, &line.interpreter, reason.clone());
        // `#!/usr/bin/env python3` needs both: env, and what env finds on PATH.
        let Some(command) = line.env_command() else {
            return;
        };
        let search = match &command.path {
            Some(path) => self.search.with_value(path),
            None => self.search.clone(),
        };
        match search.find(self.files.rootfs, &command.program) {
            Some(resolution) => {
                self.keep_resolved(&resolution, reason);
            }
            None => {
                let missing = &mut self.facts.missing_interpreters;
                missing.insert(path.clone(), command.program);
            }
        }
    }
}
