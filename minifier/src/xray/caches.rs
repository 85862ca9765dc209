//! Where package managers, build tools and downloaders leave what is not needed to run a program.
//!
//! Sources: the tools' documentation of their cache directories, by their defaults and by the XDG base directories.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::model::WasteKind;
use crate::rootfs::ImagePath;

/// What a tool leaves.
#[derive(Debug)]
pub(crate) struct Cache {
    /// The identifier of the advice.
    pub(crate) id: &'static str,
    /// The advice, without the words about when.
    pub(crate) title: &'static str,
    pub(crate) kind: WasteKind,
    /// Directories or files: from the root if they begin with a slash, else below any directory. `*` stands for one
    /// component.
    places: &'static [&'static str],
    /// How it can be kept from being made, as a line of a Dockerfile; empty if removing it is the way.
    pub(crate) instead: &'static str,
}

const fn cache(
    id: &'static str,
    title: &'static str,
    kind: WasteKind,
    places: &'static [&'static str],
    instead: &'static str,
) -> Cache {
    Cache {
        id,
        title,
        kind,
        places,
        instead,
    }
}

use WasteKind::{
    ApkCache, AptArchives, AptLists, BuildOutput, BuildTools, CargoCache, DownloadedData, GoCache,
    NpmCache, PipCache, ToolCache, YarnCache,
};

#[cfg(test)]
impl Cache {
    pub(crate) fn places(&self) -> &'static [&'static str] {
        self.places
    }
}

/// All of them, those of distributions first.
pub(crate) const CACHES: &[Cache] = &[
    cache(
        "remove-apt-lists",
        "Remove apt's lists",
        AptLists,
        &["/var/lib/apt/lists"],
        "",
    ),
    cache(
        "clean-apt-archives",
        "Remove apt's caches",
        AptArchives,
        &["/var/cache/apt"],
        "",
    ),
    cache(
        "apk-no-cache",
        "Install with apk without a cache",
        ApkCache,
        &["/var/cache/apk", "/etc/apk/cache"],
        "RUN apk add --no-cache PACKAGES",
    ),
    cache(
        "clean-dnf",
        "Remove the caches of dnf and yum",
        ToolCache,
        &[
            "/var/cache/dnf",
            "/var/cache/yum",
            "/var/cache/libdnf5",
            "/var/lib/dnf/repos",
        ],
        "RUN dnf install -y --setopt=install_weak_deps=False PACKAGES && dnf clean all",
    ),
    cache(
        "clean-zypper",
        "Remove zypper's caches",
        ToolCache,
        &["/var/cache/zypp"],
        "RUN zypper --non-interactive install --no-recommends PACKAGES && zypper clean --all",
    ),
    cache(
        "clean-pacman",
        "Remove pacman's caches",
        ToolCache,
        &["/var/cache/pacman/pkg", "/var/lib/pacman/sync"],
        "",
    ),
    cache(
        "clean-portage",
        "Remove Portage's downloads",
        ToolCache,
        &[
            "/var/cache/distfiles",
            "/var/cache/binpkgs",
            "/var/db/repos",
        ],
        "",
    ),
    cache(
        "clean-system-caches",
        "Remove the caches of the system's tools",
        ToolCache,
        &[
            "/var/cache/man",
            "/var/cache/xbps",
            "/var/lib/snapd/cache",
            "/var/cache/swcatalog",
            "/var/cache/PackageKit",
        ],
        "",
    ),
    cache(
        "pip-no-cache-dir",
        "Install with pip without its cache",
        PipCache,
        &[".cache/pip"],
        "RUN pip install --no-cache-dir -r requirements.txt",
    ),
    cache(
        "uv-no-cache",
        "Keep uv's cache out of the image",
        ToolCache,
        &[".cache/uv"],
        "RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-dev",
    ),
    cache(
        "clean-poetry-cache",
        "Keep Poetry's cache out of the image",
        ToolCache,
        &[".cache/pypoetry"],
        "RUN --mount=type=cache,target=/root/.cache/pypoetry poetry install --only main",
    ),
    cache(
        "clean-python-caches",
        "Remove the caches of Python's tools",
        ToolCache,
        &[
            ".cache/pipenv",
            ".cache/pdm",
            ".cache/hatch",
            ".cache/pipx",
            ".cache/pre-commit",
            ".cache/black",
            ".mypy_cache",
            ".pytest_cache",
            ".ruff_cache",
            ".hypothesis",
            ".tox",
            ".nox",
        ],
        "",
    ),
    cache(
        "clean-conda",
        "Remove conda's downloaded packages",
        ToolCache,
        &[
            "conda/pkgs",
            "miniconda/pkgs",
            "miniconda3/pkgs",
            "anaconda3/pkgs",
            "miniforge3/pkgs",
            "mambaforge/pkgs",
            "micromamba/pkgs",
            ".conda/pkgs",
        ],
        "RUN conda install --yes PACKAGES && conda clean --all --force-pkgs-dirs --yes",
    ),
    cache(
        "clean-npm-cache",
        "Keep npm's cache out of the image",
        NpmCache,
        &[
            ".npm/_cacache",
            ".npm/_logs",
            ".npm/_npx",
            ".npm/_prebuilds",
        ],
        "RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev",
    ),
    cache(
        "clean-yarn-cache",
        "Keep Yarn's cache out of the image",
        YarnCache,
        &[".cache/yarn", ".yarn/berry/cache", ".yarn-cache"],
        "RUN --mount=type=cache,target=/usr/local/share/.cache/yarn yarn install --frozen-lockfile --production",
    ),
    cache(
        "clean-pnpm-store",
        "Keep pnpm's store out of the image",
        ToolCache,
        &[
            ".pnpm-store",
            "share/pnpm/store",
            "pnpm/store",
            ".cache/pnpm",
        ],
        "RUN --mount=type=cache,target=/pnpm/store pnpm install --frozen-lockfile --prod",
    ),
    cache(
        "clean-bun-cache",
        "Keep Bun's cache out of the image",
        ToolCache,
        &[".bun/install/cache"],
        "RUN --mount=type=cache,target=/root/.bun/install/cache bun install --production",
    ),
    cache(
        "clean-bundler-caches",
        "Leave out the caches of JavaScript's build tools",
        BuildOutput,
        &[
            ".next/cache",
            "node_modules/.cache",
            "node_modules/.vite",
            ".nuxt/.cache",
            ".parcel-cache",
            ".angular/cache",
            ".turbo",
            ".nx/cache",
            ".rollup.cache",
            ".swc",
            ".nyc_output",
            ".eslintcache",
        ],
        "",
    ),
    cache(
        "clean-node-gyp",
        "Remove what node-gyp has downloaded",
        ToolCache,
        &[
            ".cache/node-gyp",
            ".node-gyp",
            ".electron-gyp",
            ".cache/electron",
            ".cache/typescript",
            ".cache/bower",
        ],
        "",
    ),
    cache(
        "build-rust-in-a-stage",
        "Build in a stage of its own, so that Cargo's registry stays behind",
        CargoCache,
        &[
            ".cargo/registry",
            ".cargo/git",
            "/usr/local/cargo/registry",
            "/usr/local/cargo/git",
        ],
        "COPY --from=build /src/target/release/PROGRAM /PROGRAM",
    ),
    cache(
        "leave-out-rustup",
        "Build in a stage of its own, so that the Rust toolchain stays behind",
        BuildTools,
        &[
            ".rustup/toolchains",
            ".rustup/downloads",
            "/usr/local/rustup/toolchains",
            "/usr/local/rustup/downloads",
        ],
        "COPY --from=build /src/target/release/PROGRAM /PROGRAM",
    ),
    cache(
        "leave-out-target",
        "Copy only the result, not the directory that a build works in",
        BuildOutput,
        &[
            "target/*/deps",
            "target/*/build",
            "target/*/incremental",
            "target/*/.fingerprint",
            "target/*/*/deps",
            "target/*/*/build",
            "target/*/*/incremental",
            "target/*/*/.fingerprint",
            "target/classes",
            "target/test-classes",
            "target/maven-status",
            "target/maven-archiver",
            "target/surefire-reports",
            "target/generated-sources",
            "obj/Debug",
            "obj/Release",
            "CMakeFiles",
            "autom4te.cache",
        ],
        "COPY --from=build /RESULT /RESULT",
    ),
    cache(
        "build-go-in-a-stage",
        "Build in a stage of its own, so that Go's caches stay behind",
        GoCache,
        &[
            "go/pkg/mod",
            "go/pkg/sumdb",
            ".cache/go-build",
            ".cache/golangci-lint",
        ],
        "COPY --from=build /program /program",
    ),
    cache(
        "leave-out-go",
        "Build in a stage of its own, so that the Go toolchain stays behind",
        BuildTools,
        &[
            "/usr/local/go/src",
            "/usr/local/go/pkg",
            "/usr/local/go/test",
            "/usr/local/go/bin",
        ],
        "COPY --from=build /program /program",
    ),
    cache(
        "clean-maven-repository",
        "Build in a stage of its own, so that Maven's repository stays behind",
        ToolCache,
        &[".m2/repository", ".m2/wrapper"],
        "RUN --mount=type=cache,target=/root/.m2 mvn package",
    ),
    cache(
        "clean-gradle-caches",
        "Build in a stage of its own, so that Gradle's caches stay behind",
        ToolCache,
        &[
            ".gradle/caches",
            ".gradle/wrapper",
            ".gradle/daemon",
            ".gradle/native",
            ".gradle/jdks",
        ],
        "RUN --mount=type=cache,target=/root/.gradle gradle --no-daemon build",
    ),
    cache(
        "clean-jvm-caches",
        "Build in a stage of its own, so that the caches of JVM tools stay behind",
        ToolCache,
        &[
            ".ivy2/cache",
            ".sbt/boot",
            ".cache/coursier",
            ".coursier/cache",
            ".cache/bazel",
            ".kotlin/sessions",
        ],
        "",
    ),
    cache(
        "clean-nuget",
        "Build in a stage of its own, so that NuGet's packages stay behind",
        ToolCache,
        &[
            ".nuget/packages",
            ".nuget/v3-cache",
            "share/NuGet/v3-cache",
            "share/NuGet/http-cache",
            "share/NuGet/plugins-cache",
        ],
        "COPY --from=build /app/publish /app",
    ),
    cache(
        "clean-composer-cache",
        "Keep Composer's cache out of the image",
        ToolCache,
        &[".composer/cache", ".cache/composer"],
        "RUN --mount=type=cache,target=/root/.composer/cache composer install --no-dev",
    ),
    cache(
        "clean-gem-caches",
        "Remove the packed gems that have been installed",
        ToolCache,
        &[
            "/usr/local/bundle/cache",
            ".bundle/cache",
            "bundle/ruby/*/cache",
            "/var/lib/gems/*/cache",
            "lib/ruby/gems/*/cache",
            ".gem/ruby/*/cache",
        ],
        "",
    ),
    cache(
        "clean-build-caches",
        "Remove the caches of build tools",
        ToolCache,
        &[
            ".cabal/packages",
            ".stack/programs",
            ".stack/pantry",
            ".opam/download-cache",
            ".pub-cache",
            ".cache/zig",
            ".conan2/p",
            ".conan/data",
            "vcpkg/downloads",
            "vcpkg/buildtrees",
            ".cache/vcpkg",
            ".ccache",
            ".cache/ccache",
            ".cache/sccache",
            ".hex/packages",
            ".cache/rebar3",
            ".terraform.d/plugin-cache",
            ".cache/helm",
            ".cache/trivy",
            ".cache/R",
        ],
        "",
    ),
    cache(
        "mount-models",
        "Mount models that a program loads, and leave out those that it does not",
        DownloadedData,
        &[
            ".cache/huggingface",
            ".cache/torch",
            ".cache/clip",
            ".cache/whisper",
            ".keras/models",
            ".keras/datasets",
            ".cache/sentence_transformers",
            ".ollama/models",
            ".cache/modelscope",
            ".cache/tfhub_modules",
            ".cache/gpt4all",
            ".u2net",
            ".insightface/models",
            ".EasyOCR/model",
            ".paddleocr",
            "nltk_data",
            ".triton/cache",
            ".nv/ComputeCache",
        ],
        "VOLUME [\"/models\"]",
    ),
    cache(
        "leave-out-browsers",
        "Leave out browsers that only tests start",
        DownloadedData,
        &[
            ".cache/ms-playwright",
            "ms-playwright",
            ".cache/puppeteer",
            ".cache/selenium",
            ".cache/Cypress",
            ".wdm",
            ".cache/rod",
        ],
        "",
    ),
];

/// The patterns by their first component: which cache, and the components after the first.
type Patterns = HashMap<&'static str, Vec<Pattern>>;

struct Pattern {
    cache: usize,
    from_root: bool,
    rest: Vec<&'static str>,
}

fn patterns() -> &'static Patterns {
    static PATTERNS: OnceLock<Patterns> = OnceLock::new();
    PATTERNS.get_or_init(|| {
        let mut patterns = Patterns::new();
        for (cache, known) in CACHES.iter().enumerate() {
            for place in known.places {
                let mut parts = place.split('/').filter(|part| !part.is_empty());
                let first = parts.next().unwrap_or_default();
                patterns.entry(first).or_default().push(Pattern {
                    cache,
                    from_root: place.starts_with('/'),
                    rest: parts.collect(),
                });
            }
        }
        patterns
    })
}

/// The cache that a file lies in, and the directory or file that is its place.
pub(crate) fn cache_of(path: &ImagePath) -> Option<(&'static Cache, ImagePath)> {
    let parts: Vec<&[u8]> = path.components().collect();
    for (at, part) in parts.iter().enumerate() {
        let Ok(name) = std::str::from_utf8(part) else {
            continue;
        };
        for pattern in patterns().get(name).into_iter().flatten() {
            let end = at + 1 + pattern.rest.len();
            let fits = (at == 0 || !pattern.from_root)
                && parts.get(at + 1..end).is_some_and(|parts| {
                    let pairs = parts.iter().zip(&pattern.rest);
                    pairs
                        .into_iter()
                        .all(|(part, want)| *want == "*" || *part == want.as_bytes())
                });
            if fits {
                let place = parts[..end].join(&b'/');
                return Some((&CACHES[pattern.cache], ImagePath::new(place)));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_known_as_that_of_its_tool() {
        let mut places = 0;
        for cache in CACHES {
            for place in cache.places {
                places += 1;
                let below = match place.strip_prefix('/') {
                    Some(place) => format!("/{place}/x/y"),
                    None => format!("/home/me/{place}/x/y"),
                };
                let found = cache_of(&below.replace('*', "z").as_str().into());
                let (found, at) = found.unwrap_or_else(|| panic!("{below} is not known"));
                assert_eq!(found.id, cache.id, "{below}");
                assert!(below.replace('*', "z").starts_with(&at.to_string()), "{at}");
            }
        }
        assert!(places > 94, "{places}");
    }

    #[test]
    fn the_program_itself_is_in_no_cache() {
        for path in [
            "/app/target/app.jar",
            "/src/target/release/program",
            "/app/node_modules/cache/index.js",
            "/root/.cargo/bin/tool",
            "/usr/local/cargo/bin/tool",
            "/home/me/var/cache/apt/x",
            "/app/.next/server/page.js",
            "/app/.yarn/cache/left-pad.zip",
        ] {
            assert!(cache_of(&path.into()).is_none(), "{path}");
        }
    }

    #[test]
    fn identifiers_are_unique() {
        let mut ids: Vec<&str> = CACHES.iter().map(|cache| cache.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CACHES.len());
    }
}
