//! Advice on the base image: one of the same version and for the same C library that is smaller.

use super::advice::{Grounds, WORTH_IT, recommendation};
use super::bases::{Base, System, distroless_static, of_runtime, of_system, scratch};
use super::claims::{Advice, Claim};
use super::model::{Linkage, Recommendation, Runtime, RuntimeKind};
use crate::units::size;

impl Grounds<'_> {
    pub(crate) fn smaller_base(&self) -> Option<Advice> {
        let runtime: &Runtime = self
            .image
            .runtimes
            .iter()
            .find(|runtime| runtime.entrypoint)?;
        let program = self.started.last()?.path.to_string();
        let choices = self.choices(runtime, &program);
        let claim = self.replaced(runtime.kind);
        // A distribution's runtime may be in a layer of its own above a general base: another base image would replace
        // both.
        let now = claim.bytes();
        let best = choices
            .iter()
            .filter(|base| base.size < now)
            .min_by_key(|base| base.size)?;
        let saves = now - best.size;
        // Another base means testing everything again, so a small saving is not worth it. Sizes of bases are rough,
        // too.
        if saves < 20 * WORTH_IT {
            return None;
        }
        let version = runtime.version.as_deref().unwrap_or_default();
        let mut evidence = vec![
            format!(
                "{program} {version} runs on {} of a distribution and its runtime",
                size(now)
            )
            .replace("  ", " "),
        ];
        evidence.extend(
            choices
                .iter()
                .map(|base| format!("{}: about {} ({})", base.name, size(base.size), base.what)),
        );
        let java = runtime.kind == RuntimeKind::Java;
        if java && System::of(self.image.distribution.as_ref()) != System::Musl {
            evidence.push(
                "the variants on Alpine are smaller; they have musl in place of glibc, so that native libraries which \
                 are built for glibc do not load"
                    .into(),
            );
        }
        Some(Advice {
            recommendation: Recommendation {
                saves,
                step: self.steps.iter().position(|step| step.base),
                ..recommendation(
                    "smaller-base",
                    "Start from a smaller base image",
                    evidence,
                    &format!("FROM {}", best.name),
                )
            },
            claim,
            instead: best.size,
        })
    }

    fn choices(&self, runtime: &Runtime, program: &str) -> Vec<Base> {
        let system = System::of(self.image.distribution.as_ref());
        let dynamic = self
            .binaries
            .files
            .iter()
            .any(|binary| binary.path == program && binary.linkage == Linkage::Dynamic);
        let found = match runtime.kind {
            // A static program brings everything that it needs, so the two smallest bases fit whatever the
            // distribution.
            RuntimeKind::Go | RuntimeKind::Rust | RuntimeKind::StaticNative if !dynamic => {
                return vec![scratch(), distroless_static()];
            }
            RuntimeKind::Go
            | RuntimeKind::Rust
            | RuntimeKind::StaticNative
            | RuntimeKind::DynamicNative => of_system(system),
            kind => of_runtime(kind, runtime.version.as_deref(), system),
        };
        found.into_iter().collect()
    }

    /// The bytes that another base replaces: the layers of the base, and the packages of the runtime in layers above.
    /// Everything else that is installed there has to be installed on the other base, too.
    fn replaced(&self, runtime: RuntimeKind) -> Claim {
        let names: &[&str] = match runtime {
            RuntimeKind::Python => &["python3", "libpython3"],
            RuntimeKind::Node => &["nodejs", "libnode", "node-", "npm"],
            RuntimeKind::Java => &["openjdk-", "default-jre", "temurin-", "java-common"],
            RuntimeKind::Ruby => &["ruby", "libruby"],
            _ => &[],
        };
        let mut claim = Claim::default();
        for body in &self.merged.bodies {
            if !self.is_own(body.content) {
                claim.add(body.content, body.content.size);
            }
        }
        let packages = self.read.packages.iter().filter(|package| {
            package.info.kind.is_of_the_system()
                && names.iter().any(|name| package.info.name.starts_with(name))
        });
        for node in packages.flat_map(|package| &package.files) {
            if let Some(content) = self.merged.rootfs.node(*node).content() {
                claim.add(content, content.size);
            }
        }
        claim
    }
}
