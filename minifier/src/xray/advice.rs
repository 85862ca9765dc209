//! What to do about it: each with the bytes that it saves on this image, the evidence, and the change to make.

use super::bases::{self, Base};
use super::entrypoint::Started;
use super::model::{
    DockerfileStep, ImageInfo, Packages, Recommendation, Runtime, RuntimeKind, Security, Waste,
    WasteKind,
};
use super::size;
use crate::image::ImageConfig;

/// Savings below this are not worth a change, unless it is about more than bytes.
const WORTH_IT: u64 = 100_000;
const LARGE_LAYER: u64 = 5_000_000;

/// What the analysis found that advice rests on.
pub(crate) struct Grounds<'a> {
    pub(crate) config: &'a ImageConfig,
    pub(crate) image: &'a ImageInfo,
    pub(crate) steps: &'a [DockerfileStep],
    pub(crate) waste: &'a [Waste],
    pub(crate) packages: &'a Packages,
    pub(crate) security: &'a Security,
    pub(crate) started: &'a [Started],
    /// Bytes of the layers of the base image.
    pub(crate) base_size: u64,
}

/// The advice, largest saving first.
pub(crate) fn recommendations(grounds: &Grounds<'_>) -> Vec<Recommendation> {
    let mut all = Vec::new();
    all.extend(grounds.package_managers());
    all.extend(grounds.caches_of_languages());
    all.extend(grounds.build_stage());
    all.extend(grounds.smaller_base());
    all.extend(grounds.ignored_files());
    all.extend(grounds.strip());
    all.extend(grounds.hidden());
    all.extend(grounds.documentation());
    all.extend(grounds.order_of_layers());
    all.extend(grounds.behaviour());
    all.extend(grounds.secrets());
    all.sort_by(|a, b| b.saves.cmp(&a.saves).then_with(|| a.id.cmp(&b.id)));
    all
}

pub(super) fn recommendation(
    id: &str,
    title: &str,
    saves: u64,
    evidence: Vec<String>,
    change: &str,
) -> Recommendation {
    Recommendation {
        id: id.to_owned(),
        title: title.to_owned(),
        saves,
        evidence,
        change: change.to_owned(),
        step: None,
    }
}

impl Grounds<'_> {
    fn of(&self, kind: WasteKind) -> Option<&Waste> {
        self.waste.iter().find(|waste| waste.kind == kind)
    }

    fn bytes(&self, kind: WasteKind) -> u64 {
        self.of(kind).map_or(0, |waste| waste.bytes)
    }

    fn evidence(&self, kind: WasteKind) -> Vec<String> {
        let Some(waste) = self.of(kind) else {
            return Vec::new();
        };
        waste
            .paths
            .iter()
            .take(5)
            .map(|place| format!("{} has {}", place.path, size(place.bytes)))
            .collect()
    }

    /// The largest places of a kind of waste, as words of a command.
    fn words(&self, kind: WasteKind) -> String {
        let places = self.of(kind).map_or(&[][..], |waste| &waste.paths);
        let words: Vec<String> = places
            .iter()
            .take(5)
            .map(|place| shell_words::quote(&place.path).into_owned())
            .collect();
        words.join(" ")
    }

    fn step_with(&self, words: &[&str]) -> Option<usize> {
        self.steps
            .iter()
            .position(|step| words.iter().any(|word| step.instruction.contains(word)))
    }

    /// The step that made the layer which most of a kind of waste is in.
    fn step_of(&self, kind: WasteKind) -> Option<usize> {
        let layer = *self.of(kind)?.layers.last()?;
        self.steps.iter().position(|step| step.layer == Some(layer))
    }

    /// One that is about a kind of waste.
    fn about(
        &self,
        kind: WasteKind,
        id: &str,
        title: &str,
        change: &str,
    ) -> Option<Recommendation> {
        let bytes = self.bytes(kind);
        (bytes >= WORTH_IT).then(|| Recommendation {
            step: self.step_of(kind),
            ..recommendation(id, title, bytes, self.evidence(kind), change)
        })
    }

    fn package_managers(&self) -> Vec<Recommendation> {
        let mut all = Vec::new();
        all.extend(self.about(
            WasteKind::AptLists,
            "remove-apt-lists",
            "Remove apt's lists in the step that fetches them",
            "RUN apt-get update \\\n && apt-get install -y --no-install-recommends PACKAGES \\\n && rm -rf /var/lib/apt/lists/*",
        ));
        all.extend(self.about(
            WasteKind::AptArchives,
            "clean-apt-archives",
            "Remove apt's caches in the step that fills them",
            "RUN apt-get update \\\n && apt-get install -y --no-install-recommends PACKAGES \\\n && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/*",
        ));
        all.extend(self.about(
            WasteKind::ApkCache,
            "apk-no-cache",
            "Install with apk without a cache",
            "RUN apk add --no-cache PACKAGES",
        ));
        let recommends = self.steps.iter().enumerate().find(|(_, step)| {
            let text = &step.instruction;
            (text.contains("apt-get install") || text.contains("apt install"))
                && !text.contains("--no-install-recommends")
                && !text.contains("Install-Recommends=")
        });
        if let Some((step, found)) = recommends {
            all.push(Recommendation {
                step: Some(step),
                ..recommendation(
                    "no-install-recommends",
                    "Install without recommended packages",
                    0,
                    vec![format!(
                        "step {step} installs what packages only recommend: {}",
                        shortened(&found.instruction)
                    )],
                    "RUN apt-get install -y --no-install-recommends PACKAGES",
                )
            });
        }
        all
    }

    fn caches_of_languages(&self) -> Vec<Recommendation> {
        let mut all = Vec::new();
        all.extend(self.about(
            WasteKind::PipCache,
            "pip-no-cache-dir",
            "Install with pip without its cache",
            "RUN pip install --no-cache-dir -r requirements.txt",
        ));
        all.extend(self.about(
            WasteKind::NpmCache,
            "clean-npm-cache",
            "Keep npm's cache out of the image",
            "RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev",
        ));
        all.extend(self.about(WasteKind::YarnCache, "clean-yarn-cache", "Keep Yarn's cache out of the image", "RUN --mount=type=cache,target=/usr/local/share/.cache/yarn yarn install --frozen-lockfile --production"));
        all.extend(self.about(WasteKind::CargoCache, "build-rust-in-a-stage", "Build in a stage of its own, so that Cargo's registry stays behind", "FROM rust AS build\nWORKDIR /src\nCOPY . .\nRUN cargo build --release\nFROM debian:bookworm-slim\nCOPY --from=build /src/target/release/PROGRAM /PROGRAM"));
        all.extend(self.about(WasteKind::GoCache, "build-go-in-a-stage", "Build in a stage of its own, so that Go's caches stay behind", "FROM golang AS build\nWORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /program .\nFROM scratch\nCOPY --from=build /program /program"));
        let development = self.packages.packages.iter().filter(|package| package.dev);
        let names: Vec<&str> = development
            .map(|package| package.name.as_str())
            .take(5)
            .collect();
        if !names.is_empty() {
            let mut evidence = self.evidence(WasteKind::DevDependencies);
            evidence.insert(
                0,
                format!(
                    "npm's record says that these are for development only: {}",
                    names.join(", ")
                ),
            );
            all.push(Recommendation {
                step: self.step_with(&["npm install", "npm ci", "yarn", "node_modules"]),
                ..recommendation(
                    "npm-omit-dev",
                    "Leave out dependencies for development",
                    self.bytes(WasteKind::DevDependencies),
                    evidence,
                    "RUN npm ci --omit=dev",
                )
            });
        }
        let remove = format!("RUN rm -rf {}", self.words(WasteKind::Tests));
        all.extend(self.about(
            WasteKind::Tests,
            "remove-tests",
            "Leave out the tests of packages, in the step that installs them",
            &remove,
        ));
        all
    }

    fn build_stage(&self) -> Option<Recommendation> {
        let kinds = [
            WasteKind::BuildTools,
            WasteKind::Headers,
            WasteKind::StaticLibraries,
        ];
        let bytes: u64 = kinds.iter().map(|&kind| self.bytes(kind)).sum();
        let evidence: Vec<String> = kinds.iter().flat_map(|&kind| self.evidence(kind)).collect();
        (bytes >= 10 * WORTH_IT).then(|| Recommendation {
            step: self.step_with(&[
                "build-essential",
                "gcc",
                "make ",
                "go build",
                "cargo build",
                "mvn ",
                "gradle",
            ]),
            ..recommendation(
                "multi-stage",
                "Build in a stage of its own and copy only the result",
                bytes,
                evidence,
                "FROM BASE AS build\nRUN …build…\nFROM BASE\nCOPY --from=build /RESULT /RESULT",
            )
        })
    }

    fn smaller_base(&self) -> Option<Recommendation> {
        let runtime: &Runtime = self
            .image
            .runtimes
            .iter()
            .find(|runtime| runtime.entrypoint)?;
        let native = self
            .started
            .last()
            .map(|main| main.path.to_string())
            .unwrap_or_default();
        let choices: &[Base] = match runtime.kind {
            RuntimeKind::Go | RuntimeKind::StaticNative => {
                &[bases::SCRATCH, bases::DISTROLESS_STATIC]
            }
            RuntimeKind::Rust | RuntimeKind::DynamicNative => &[bases::DEBIAN_SLIM],
            RuntimeKind::Python => &[bases::PYTHON_SLIM],
            RuntimeKind::Node => &[bases::NODE_SLIM],
            RuntimeKind::Java => &[bases::JRE_ALPINE],
            RuntimeKind::Ruby => &[bases::RUBY_SLIM],
            // No figure that could be told is known.
            RuntimeKind::Php | RuntimeKind::Dotnet => &[],
        };
        // The runtime itself may be in layers above the base: it is what the choices have, too.
        let now = match runtime.kind {
            RuntimeKind::Go
            | RuntimeKind::Rust
            | RuntimeKind::StaticNative
            | RuntimeKind::DynamicNative => self.base_size,
            _ => self.base_size.max(self.system_size()),
        };
        let best = choices
            .iter()
            .filter(|base| base.size < now)
            .min_by_key(|base| base.size)?;
        let saves = now - best.size;
        if saves < 20 * WORTH_IT {
            return None;
        }
        let mut evidence = vec![format!(
            "{} runs on {} of a distribution and its runtime",
            native,
            size(now)
        )];
        evidence.extend(
            choices
                .iter()
                .map(|base| format!("{}: about {} ({})", base.name, size(base.size), base.what)),
        );
        Some(Recommendation {
            step: self.steps.iter().position(|step| step.base),
            ..recommendation(
                "smaller-base",
                "Start from a smaller base image",
                saves,
                evidence,
                &format!("FROM {}", best.name),
            )
        })
    }

    /// Bytes of the distribution's packages.
    fn system_size(&self) -> u64 {
        use super::model::PackageKind::{Apk, Deb, Rpm};
        let system = self
            .packages
            .packages
            .iter()
            .filter(|p| matches!(p.kind, Deb | Apk | Rpm));
        system.fold(0, |sum: u64, package| sum.saturating_add(package.size))
    }

    fn ignored_files(&self) -> Option<Recommendation> {
        let waste = self.of(WasteKind::VersionControl)?;
        Some(Recommendation {
            step: self.step_of(WasteKind::VersionControl),
            ..recommendation(
                "dockerignore",
                "Keep what is not part of the program out of the build context",
                waste.bytes,
                self.evidence(WasteKind::VersionControl),
                "# .dockerignore\n.git\n.hg\n.svn\nnode_modules\n__pycache__\n*.log\n.env*",
            )
        })
    }

    fn strip(&self) -> Option<Recommendation> {
        let strip = format!(
            "RUN strip --strip-unneeded {}",
            self.words(WasteKind::DebugInformation)
        );
        self.about(
            WasteKind::DebugInformation,
            "strip",
            "Strip debug information from programs and libraries, in the step that brings them",
            &strip,
        )
    }

    fn hidden(&self) -> Option<Recommendation> {
        self.about(
            WasteKind::Hidden,
            "remove-in-the-same-layer",
            "Remove and change files in the step that makes them",
            "RUN make-the-files && use-them && rm -rf the-files",
        )
    }

    fn documentation(&self) -> Option<Recommendation> {
        let bytes = self.bytes(WasteKind::Documentation) + self.bytes(WasteKind::Locales);
        let mut evidence = self.evidence(WasteKind::Documentation);
        evidence.extend(self.evidence(WasteKind::Locales));
        (bytes >= 10 * WORTH_IT).then(|| {
            recommendation(
                "no-documentation",
                "Leave out manual pages, documentation and translations",
                bytes,
                evidence,
                "RUN printf 'path-exclude=/usr/share/doc/*\\npath-include=/usr/share/doc/*/copyright\\npath-exclude=/usr/share/man/*\\npath-exclude=/usr/share/locale/*\\n' > /etc/dpkg/dpkg.cfg.d/01-nodoc",
            )
        })
    }

    /// `COPY . .` before the dependencies are installed: each change of the source installs them again.
    fn order_of_layers(&self) -> Option<Recommendation> {
        let own: Vec<(usize, &DockerfileStep)> = self
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| !step.base)
            .collect();
        let copies_all = |step: &DockerfileStep| {
            let words: Vec<&str> = step.instruction.split_whitespace().collect();
            matches!(words.as_slice(), ["COPY" | "ADD", "." | "./" | "/", _])
                || words.first() == Some(&"COPY")
                    && words.get(1).is_some_and(|word| word.starts_with("dir:"))
        };
        let installs = |step: &DockerfileStep| {
            let commands = [
                "npm ci",
                "npm install",
                "yarn install",
                "pip install",
                "pip3 install",
                "bundle install",
                "composer install",
                "go mod download",
                "apt-get install",
                "apk add",
                "poetry install",
            ];
            step.instruction.starts_with("RUN ")
                && commands.iter().any(|c| step.instruction.contains(c))
                && step.size > LARGE_LAYER
        };
        let (copy, _) = own.iter().find(|(_, step)| copies_all(step))?;
        let (install, step) = own.iter().find(|(at, step)| at > copy && installs(step))?;
        Some(Recommendation {
            step: Some(*copy),
            ..recommendation(
                "order-layers",
                "Install dependencies before the source is copied",
                0,
                vec![format!(
                    "step {copy} copies everything, so that any change makes step {install} ({}) run again",
                    size(step.size)
                )],
                "COPY package.json package-lock.json ./\nRUN npm ci --omit=dev\nCOPY . .",
            )
        })
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
