//! Advice on files that need not ship: each command frees exactly what the advice claims.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::advice::{Grounds, WORTH_IT, recommendation};
use super::caches_known::CACHES;
use super::claims::{Advice, Claim};
use super::merged::VisibleFile;
use super::model::{FileKind, Recommendation, WasteKind};
use super::removal::{MAX_WORDS, RemovalOffer, is_word, quoted};
use super::waste::WasteFile;
use crate::rootfs::{ContentRef, ImagePath};
use crate::units::size;

/// Files below this are not worth a link.
const MIN_DUPLICATE: u64 = 16 << 10;
/// The comment above a command that removes files which an earlier step has made.
const IN_THE_STEP: &str = "# in the step that makes them: a later one frees nothing";

impl Grounds<'_> {
    /// One recommendation for each tool that has left something.
    pub(crate) fn caches(&self) -> Vec<Advice> {
        let mut by_tool: BTreeMap<&str, Vec<&WasteFile>> = BTreeMap::new();
        for file in self.files.values().flatten() {
            if let Some(cache) = file.cache {
                by_tool.entry(cache.id).or_default().push(file);
            }
        }
        let tools = CACHES.iter().filter_map(|cache| {
            let files = by_tool.get(cache.id)?;
            let instead = match cache.instead {
                "" => String::new(),
                line => format!("\n# or, so that there is nothing to remove:\n# {line}"),
            };
            let advice = self.remove(files, cache.id, cache.title, |words| {
                format!("{IN_THE_STEP}\nRUN rm -rf {words}{instead}")
            })?;
            // Only a run can tell whether the program loads its models. So the advice is given, and no bytes are promised.
            Some(match cache.kind {
                WasteKind::DownloadedData => Advice::plain(Recommendation {
                    saves: 0,
                    ..advice.recommendation
                }),
                _ => advice,
            })
        });
        tools.collect()
    }

    pub(crate) fn development(&self) -> Option<Advice> {
        let development = self.packages.packages.iter().filter(|package| package.dev);
        let names: Vec<&str> = development
            .map(|package| package.name.as_str())
            .take(5)
            .collect();
        if names.is_empty() {
            return None;
        }
        let files: Vec<&WasteFile> = self.of(WasteKind::DevDependencies).iter().collect();
        let removal = self.removal(&files);
        let mut evidence = self.evidence(&removal.places);
        evidence.insert(
            0,
            format!(
                "npm's record says that these are for development only: {}",
                names.join(", ")
            ),
        );
        let about = recommendation(
            "npm-omit-dev",
            "Leave out dependencies for development",
            evidence,
            "RUN npm ci --omit=dev",
        );
        // npm's record is made by the step that installs, which may not be the one that copies the files.
        let step = self.step_with(&["npm install", "npm ci", "yarn", "node_modules"]);
        Some(Advice::freeing(
            Recommendation { step, ..about },
            removal.claim,
        ))
    }

    pub(crate) fn tests(&self) -> Option<Advice> {
        let files: Vec<&WasteFile> = self.of(WasteKind::Tests).iter().collect();
        self.remove(
            &files,
            "remove-tests",
            "Leave out the tests of packages, in the step that installs them",
            |words| format!("{IN_THE_STEP}\nRUN rm -rf {words}"),
        )
    }

    pub(crate) fn build_stage(&self) -> Option<Advice> {
        let kinds = [
            WasteKind::BuildTools,
            WasteKind::Headers,
            WasteKind::StaticLibraries,
        ];
        let files = kinds.iter().flat_map(|&kind| self.of(kind));
        // Toolchains have advice of their own.
        let files: Vec<&WasteFile> = files
            .filter(|file| file.cache.is_none() && self.is_own(file.content))
            .collect();
        let (mut claim, mut places) = (Claim::default(), BTreeMap::new());
        for file in &files {
            claim.add(file.content, file.content.size);
            *places.entry(file.place.clone()).or_insert(0) += file.content.size;
        }
        let places = places.into_iter();
        let mut places: Vec<(String, u64)> = places
            .map(|(place, bytes)| (place.to_string(), bytes))
            .collect();
        places.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        // A second stage is a larger change than a `rm`, so it has to save more.
        (claim.bytes() >= 10 * WORTH_IT).then(|| {
            let about = recommendation(
                "multi-stage",
                "Build in a stage of its own and copy only the result",
                self.evidence(&places),
                "FROM BASE AS build\nRUN …build…\nFROM BASE\nCOPY --from=build /RESULT /RESULT",
            );
            let step = self.step_with(&[
                "build-essential",
                "gcc",
                "make ",
                "go build",
                "cargo build",
                "mvn ",
                "gradle",
            ]);
            Advice::freeing(Recommendation { step, ..about }, claim)
        })
    }

    pub(crate) fn ignored_files(&self) -> Option<Advice> {
        let files: Vec<&WasteFile> = self.of(WasteKind::VersionControl).iter().collect();
        let removal = self.removal(&files);
        if removal.claim.bytes() == 0 {
            return None;
        }
        let about = recommendation(
            "dockerignore",
            "Keep what is not part of the program out of the build context",
            self.evidence(&removal.places),
            "# .dockerignore\n**/.git\n**/.hg\n**/.svn\n**/node_modules\n**/__pycache__\n**/*.log\n**/.env*",
        );
        let step = self.step_of_files(&files);
        Some(Advice::freeing(
            Recommendation { step, ..about },
            removal.claim,
        ))
    }

    pub(crate) fn strip(&self) -> Option<Advice> {
        let mut files: Vec<(ImagePath, ContentRef, u64)> = Vec::new();
        for binary in self.binaries.files.iter().filter(|b| b.strip_bytes > 0) {
            let path = ImagePath::from_text(&binary.path);
            let content = self
                .merged
                .rootfs
                .get(&path)
                .and_then(|node| node.content());
            // `strip` writes a new file, so that other names keep the old one.
            if let Some(content) = content
                && self.is_own(content)
                && !self.names.contains_key(&content)
                && is_word(&path)
            {
                files.push((path, content, binary.strip_bytes));
            }
        }
        files.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
        files.truncate(MAX_WORDS);
        let mut claim = Claim::default();
        for (_, content, bytes) in &files {
            claim.add(*content, *bytes);
        }
        let mut words: Vec<ImagePath> = files.iter().map(|(path, ..)| path.clone()).collect();
        words.sort();
        let places: Vec<(String, u64)> = files
            .iter()
            .map(|(path, _, bytes)| (path.to_string(), *bytes))
            .collect();
        (claim.bytes() >= WORTH_IT).then(|| {
            let about = recommendation(
                "strip",
                "Strip debug information and symbols from programs and libraries",
                self.evidence(&places),
                &format!(
                    "{IN_THE_STEP}\nRUN strip --strip-unneeded {}",
                    quoted(&words)
                ),
            );
            let step = self.step_of(files.iter().map(|(_, content, _)| content.layer));
            Advice::freeing(Recommendation { step, ..about }, claim)
        })
    }

    pub(crate) fn hidden(&self) -> Option<Advice> {
        let hidden = self
            .merged
            .bodies
            .iter()
            .filter(|body| !body.visible && body.content.size > 0 && self.is_own(body.content));
        let (mut claim, mut places) = (Claim::default(), BTreeMap::new());
        for body in hidden {
            claim.add(body.content, body.content.size);
            *places.entry(body.path.clone()).or_insert(0) += body.content.size;
        }
        let mut places: Vec<(ImagePath, u64)> = places.into_iter().collect();
        places.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let layers = self
            .merged
            .layers
            .iter()
            .zip(0..)
            .filter(|(changes, _)| changes.hides > 0);
        let step = self.step_of(layers.map(|(_, layer)| layer));
        let places: Vec<(String, u64)> = places
            .into_iter()
            .map(|(path, bytes)| (path.to_string(), bytes))
            .collect();
        (claim.bytes() >= WORTH_IT).then(|| {
            let about = recommendation(
                "remove-in-the-same-layer",
                "Remove and change files in the step that makes them",
                self.evidence(&places),
                "RUN make-the-files && use-them && rm -rf the-files",
            );
            Advice::freeing(Recommendation { step, ..about }, claim)
        })
    }

    pub(crate) fn documentation(&self) -> Option<Advice> {
        let kinds = [WasteKind::Documentation, WasteKind::Locales];
        let files: Vec<&WasteFile> = kinds.iter().flat_map(|&kind| self.of(kind)).collect();
        self.find(
            &files,
            &RemovalOffer {
                id: "no-documentation",
                title: "Leave out manual pages, documentation and translations",
                least: 10 * WORTH_IT,
            },
            |path| path.file_name() != b"copyright",
            |dirs| {
                format!(
                    "{IN_THE_STEP}\nRUN find {dirs} -type f ! -name copyright -delete\n# or, before packages of Debian are \
                     installed:\n# RUN printf 'path-exclude=/usr/share/doc/*\\npath-include=/usr/share/doc/*/copyright\\n\
                     path-exclude=/usr/share/man/*\\npath-exclude=/usr/share/locale/*\\n' > /etc/dpkg/dpkg.cfg.d/01-nodoc"
                )
            },
        )
    }

    /// Byte code that Python makes again if it is missing.
    pub(crate) fn byte_code(&self) -> Option<Advice> {
        let cached = |path: &ImagePath| {
            path.ancestors()
                .any(|dir| dir.file_name() == b"__pycache__")
        };
        let files = self.of(WasteKind::PythonBytecode).iter();
        // Elsewhere it stands for a source that is not there.
        let mut files: Vec<WasteFile> = files.filter(|file| cached(&file.path)).cloned().collect();
        for file in &mut files {
            // One `find` for each tree such as `/usr/lib`, and not one for each `__pycache__`.
            let tree: Vec<&[u8]> = file.path.components().take(2).collect();
            file.place = ImagePath::new(tree.join(&b'/')).to_string().into();
        }
        let files: Vec<&WasteFile> = files.iter().collect();
        self.find(
            &files,
            &RemovalOffer {
                id: "no-byte-code",
                title: "Leave out Python's byte code, where a slower first start does not matter",
                least: WORTH_IT,
            },
            cached,
            |dirs| {
                format!(
                    "{IN_THE_STEP}\nRUN find {dirs} -type f -path '*/__pycache__/*' -delete\n# and, so that later steps \
                     make none (pip compiles all the same unless it is told not to):\nENV PYTHONDONTWRITEBYTECODE=1\n# \
                     RUN pip install --no-compile …"
                )
            },
        )
    }

    pub(crate) fn core_dumps(&self) -> Option<Advice> {
        let files: Vec<&WasteFile> = self.of(WasteKind::CoreDumps).iter().collect();
        self.remove(
            &files,
            "remove-core-dumps",
            "Remove core dumps, and see what crashed in the build",
            |words| format!("{IN_THE_STEP}\nRUN rm -rf {words}"),
        )
    }

    pub(crate) fn temporary_files(&self) -> Option<Advice> {
        let files: Vec<&WasteFile> = self.of(WasteKind::TemporaryFiles).iter().collect();
        self.find(
            &files,
            &RemovalOffer {
                id: "remove-temporary-files",
                title: "Remove temporary files",
                least: WORTH_IT,
            },
            |_| true,
            |dirs| format!("{IN_THE_STEP}\nRUN find {dirs} -type f -delete"),
        )
    }

    pub(crate) fn logs(&self) -> Option<Advice> {
        let files: Vec<&WasteFile> = self.of(WasteKind::Logs).iter().collect();
        self.find(
            &files,
            &RemovalOffer {
                id: "remove-logs",
                title: "Remove the logs of the build",
                least: WORTH_IT,
            },
            |_| true,
            |dirs| format!("{IN_THE_STEP}\nRUN find {dirs} -type f -delete"),
        )
    }

    /// Files with the same content in one layer, which could be one file with several names.
    pub(crate) fn duplicates(&self) -> Option<Advice> {
        let waste: HashSet<ContentRef> = self
            .files
            .values()
            .flatten()
            .map(|file| file.content)
            .collect();
        let mut groups: BTreeMap<_, Vec<&VisibleFile>> = BTreeMap::new();
        let candidates = self.merged.first_files().filter(|file| {
            file.content.size >= MIN_DUPLICATE
                && self.is_own(file.content)
                && !waste.contains(&file.content)
                && !self.names.contains_key(&file.content)
                && is_word(&file.path)
        });
        for file in candidates {
            let meta = &self.merged.rootfs.node(file.node).meta;
            let facts = self.scan.facts(file.content);
            let of_interest = facts.filter(|facts| facts.kind != FileKind::Documentation);
            // One file has one owner, mode and set of attributes.
            if let Some(sha256) = of_interest.and_then(|facts| facts.sha256)
                && meta.xattrs.is_empty()
            {
                let key = (sha256, file.content.layer, meta.mode, meta.uid, meta.gid);
                groups.entry(key).or_default().push(file);
            }
        }
        let mut copies: Vec<(&VisibleFile, &VisibleFile)> = Vec::new();
        for files in groups.values() {
            copies.extend(files[1..].iter().map(|copy| (files[0], *copy)));
        }
        copies.sort_by(|a, b| {
            let by_size = b.1.content.size.cmp(&a.1.content.size);
            by_size.then_with(|| a.1.path.cmp(&b.1.path))
        });
        // Each link takes two words of the command.
        copies.truncate(MAX_WORDS / 2);
        let mut claim = Claim::default();
        for (_, copy) in &copies {
            claim.add(copy.content, copy.content.size);
        }
        let links: Vec<String> = copies
            .iter()
            .map(|(kept, copy)| {
                format!("ln -f {}", quoted(&[kept.path.clone(), copy.path.clone()]))
            })
            .collect();
        let same = copies.iter().take(5).map(|(kept, copy)| {
            format!(
                "{} is {} ({})",
                copy.path,
                kept.path,
                size(copy.content.size)
            )
        });
        (claim.bytes() >= 10 * WORTH_IT).then(|| {
            let about = recommendation(
                "link-duplicates",
                "Keep one copy of files with the same content",
                same.collect(),
                &format!("{IN_THE_STEP}\nRUN {}", links.join(" \\\n && ")),
            );
            let layers: BTreeSet<u32> = copies.iter().map(|(_, copy)| copy.content.layer).collect();
            let step = self.step_of(layers.into_iter());
            Advice::freeing(Recommendation { step, ..about }, claim)
        })
    }
}
