//! The end of the base image in a history.
//!
//! No image records it. These marks give it away, in the order of how far each reaches: its last words (`CMD`, `ENTRYPOINT`);
//! another builder that goes on; what only one maker of base images writes; a first layer that is a whole file system;
//! and, if nothing else does, a gap in time. Source: the histories of these images, as `docker history` and
//! docker-library/repo-info show them.

use super::model::DockerfileStep;
use crate::image::History;

/// Official images whose last word is no `CMD` of their own: a step that starts in this way is in them alone, and the
/// first later one that has this text is their last.
const ENDINGS: [(&str, &str); 4] = [
    ("ENV GOLANG_VERSION", "WORKDIR /go"),
    ("ENV RUSTUP_HOME", "rustup"),
    ("ENV DOTNET_SDK_VERSION", "dotnet help"),
    ("ENV ASPNET_VERSION", "Microsoft.AspNetCore.App"),
];

/// Folders that only Red Hat's build system writes its build information to.
const RED_HAT: [&str; 2] = ["/root/buildinfo/", "/usr/share/buildinfo/"];

/// Steps that follow there: the build system cleans up after itself.
const RED_HAT_TAIL: [&str; 5] = [
    "\"vendor\"=\"Red Hat",
    "\"org.opencontainers.image.revision\"",
    "/etc/yum.repos.d/",
    "/tmp/tls-ca-bundle.pem",
    "/tmp/ubi.repo",
];

/// Number of steps that belong to the base image.
pub(crate) fn base_end(history: &[History], steps: &[DockerfileStep]) -> usize {
    let last_layer = steps
        .iter()
        .rposition(|step| step.layer.is_some())
        .unwrap_or(0);
    let end = [
        last_words(steps, last_layer),
        other_builder(history, steps, last_layer),
        known_ending(steps, last_layer),
        red_hat(steps, last_layer),
    ]
    .into_iter()
    .max()
    .unwrap_or(0);
    // What follows are guesses, which must not overrule a mark.
    if end > 0 {
        return end;
    }
    let first = steps.iter().position(|step| step.layer.is_some());
    match first.filter(|&first| is_filesystem(&steps[first], history.get(first))) {
        Some(first) if first < last_layer => first + 1,
        _ => time_gap(history, last_layer).unwrap_or(0),
    }
}

/// A CMD or ENTRYPOINT that is followed by a layer is the last word of an image that the next one was built from.
fn last_words(steps: &[DockerfileStep], last_layer: usize) -> usize {
    let ends = |step: &DockerfileStep| {
        step.instruction.starts_with("CMD ") || step.instruction.starts_with("ENTRYPOINT ")
    };
    let mut end = steps[..last_layer]
        .iter()
        .rposition(ends)
        .map_or(0, |at| at + 1);
    // A base image's last words come together.
    while end > 0 && end < last_layer && steps[end].layer.is_none() && ends(&steps[end]) {
        end += 1;
    }
    end
}

/// The tool that made a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BuildTool {
    Apko,
    Bazel,
    BuildKit,
    /// `docker build` before BuildKit, and buildah.
    Classic,
    Jib,
    Kaniko,
    Ko,
    Nix,
}

/// The builder of a step; `None` if it left no mark.
fn builder(entry: &History) -> Option<BuildTool> {
    let field = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
    let (by, comment) = (field(&entry.created_by), field(&entry.comment));
    match field(&entry.author).as_str() {
        // These put their name into the author field.
        "apko" => return Some(BuildTool::Apko),
        "kaniko" => return Some(BuildTool::Kaniko),
        "ko" => return Some(BuildTool::Ko),
        "Jib" => return Some(BuildTool::Jib),
        _ => {}
    }
    if by.starts_with("bazel build") {
        Some(BuildTool::Bazel)
    } else if by.starts_with("jib-") {
        Some(BuildTool::Jib)
    // BuildKit marks its steps, and the older builder has `#(nop)` for everything but RUN.
    } else if by.ends_with("# buildkit") || comment.starts_with("buildkit.") {
        Some(BuildTool::BuildKit)
    } else if by.contains("#(nop)") || by.starts_with("/bin/sh -c ") {
        Some(BuildTool::Classic)
    } else if comment.starts_with("store paths: ") {
        Some(BuildTool::Nix)
    } else {
        None
    }
}

/// The first step of the builder that made the last layer; 0 if no other builder made layers before.
fn other_builder(history: &[History], steps: &[DockerfileStep], last_layer: usize) -> usize {
    let Some(last) = history.get(..=last_layer).and_then(|all| {
        let mut builders = all.iter().rev().filter_map(builder);
        builders.next()
    }) else {
        return 0;
    };
    let before = history[..=last_layer]
        .iter()
        .rposition(|entry| builder(entry).is_some_and(|builder| builder != last));
    match before {
        Some(before) if steps[..=before].iter().any(|step| step.layer.is_some()) => before + 1,
        _ => 0,
    }
}

/// Of an official image that has no last word.
fn known_ending(steps: &[DockerfileStep], last_layer: usize) -> usize {
    let end = |(marker, ending): &(&str, &str)| {
        let steps = &steps[..last_layer];
        let start = steps
            .iter()
            .position(|step| step.instruction.starts_with(marker))?;
        let after = steps[start + 1..]
            .iter()
            .position(|step| step.instruction.contains(ending))?;
        Some(start + 1 + after + 1)
    };
    ENDINGS.iter().filter_map(end).max().unwrap_or(0)
}

/// Of an image of Red Hat's.
fn red_hat(steps: &[DockerfileStep], last_layer: usize) -> usize {
    let has = |step: &DockerfileStep, texts: &[&str]| {
        texts.iter().any(|text| step.instruction.contains(text))
    };
    let is_file = |step: &DockerfileStep| {
        step.instruction.starts_with("ADD ") || step.instruction.starts_with("COPY ")
    };
    let steps = &steps[..last_layer];
    let Some(at) = steps
        .iter()
        .rposition(|step| is_file(step) && has(step, &RED_HAT))
    else {
        return 0;
    };
    let tail = steps[at + 1..]
        .iter()
        .take_while(|step| !is_file(step) && has(step, &RED_HAT_TAIL));
    at + 1 + tail.count()
}

fn is_filesystem(step: &DockerfileStep, entry: Option<&History>) -> bool {
    let text = &step.instruction;
    let comment = entry
        .and_then(|entry| entry.comment.as_deref())
        .unwrap_or_default();
    let added = text
        .strip_prefix("ADD ")
        .or_else(|| text.strip_prefix("COPY "));
    added.is_some_and(|rest| rest.ends_with(" /") && !text.contains("--from"))
        || text.starts_with("# debian.sh")
        || comment.starts_with("Imported from")
        || text.starts_with("# Imported from")
}

/// The first step that is at least a day younger than the one before it.
fn time_gap(history: &[History], last: usize) -> Option<usize> {
    let time = |entry: &History| entry.created.as_deref()?.parse::<jiff::Timestamp>().ok();
    // A base is built on another day than what stands on it, and most builds take less than one.
    let pairs = history.windows(2).take(last);
    pairs.enumerate().find_map(|(index, pair)| {
        let (before, after) = (time(&pair[0])?, time(&pair[1])?);
        // The epoch stands for builds that leave times out.
        let known = before.as_second() > 86_400;
        (known && after.as_second() - before.as_second() > 86_400).then_some(index + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYER: bool = false;
    const NONE: bool = true;

    fn entry(created_by: &str, empty_layer: bool) -> History {
        History {
            created_by: Some(created_by.to_owned()),
            empty_layer,
            ..History::default()
        }
    }

    fn by(author: &str, created_by: &str, comment: &str) -> History {
        History {
            author: Some(author.to_owned()),
            comment: Some(comment.to_owned()),
            ..entry(created_by, LAYER)
        }
    }

    /// How many of the steps are of the base, all made at one time.
    fn end(history: &[History]) -> usize {
        let mut layer = 0;
        let steps: Vec<DockerfileStep> = history
            .iter()
            .map(|entry| {
                let of_layer = (!entry.empty_layer).then_some(layer);
                layer += usize::from(!entry.empty_layer);
                let text = entry.created_by.clone().unwrap_or_default();
                let text = text.trim_end_matches("# buildkit").trim_end();
                let (_, text) = text.split_once("#(nop)").unwrap_or(("", text));
                DockerfileStep {
                    instruction: text.trim().to_owned(),
                    created_by: String::new(),
                    created: None,
                    layer: of_layer,
                    size: 0,
                    base: false,
                }
            })
            .collect();
        base_end(history, &steps)
    }

    fn own() -> [History; 3] {
        [
            entry("WORKDIR /app # buildkit", LAYER),
            entry("COPY app /app # buildkit", LAYER),
            entry("ENTRYPOINT [\"/app/app\"] # buildkit", NONE),
        ]
    }

    fn before_own(base: &[History]) -> bool {
        end(&[base, &own()].concat()) == base.len()
    }

    #[test]
    fn distroless_ends_where_bazel_does() {
        let bazel = by("Bazel", "bazel build ...", "");
        assert!(before_own(&vec![bazel.clone(); 14]));
        assert_eq!(end(&vec![bazel; 5]), 0, "all of it is one build");
    }

    #[test]
    fn apko_ends_where_another_builder_goes_on() {
        let apko = by("apko", "apko", "This is an apko single-layer image");
        assert!(before_own(std::slice::from_ref(&apko)));
        let ko = by("ko", "ko build ko://example.org/cmd", "kodata contents");
        assert_eq!(end(&[apko.clone(), ko.clone(), ko]), 1);
        let kaniko = by("kaniko", "COPY manager .", "");
        assert_eq!(end(&[apko, kaniko]), 1);
    }

    #[test]
    fn golang_ends_with_its_own_directory() {
        let base = [
            entry("# debian.sh --arch 'amd64' out/ 'bookworm'", LAYER),
            entry("CMD [\"bash\"] # buildkit", NONE),
            entry("RUN /bin/sh -c apt-get update # buildkit", LAYER),
            entry("ENV GOLANG_VERSION=1.23.2 # buildkit", NONE),
            entry("ENV GOPATH=/go # buildkit", NONE),
            entry("COPY /usr/local/go/ /usr/local/go/ # buildkit", LAYER),
            entry("RUN /bin/sh -c mkdir -p \"$GOPATH/src\" # buildkit", LAYER),
            entry("WORKDIR /go # buildkit", LAYER),
        ];
        assert!(before_own(&base));
    }

    #[test]
    fn ubi_ends_after_red_hats_own_files_and_what_cleans_up_after_them() {
        let old = [
            entry("/bin/sh -c #(nop) ADD file:f74d in / ", LAYER),
            entry("/bin/sh -c #(nop) LABEL maintainer=\"Red Hat, Inc.\"", NONE),
            entry("/bin/sh -c #(nop) CMD [\"/bin/bash\"]", NONE),
            entry("/bin/sh -c rm -rf /var/log/*", LAYER),
            entry("/bin/sh -c #(nop) LABEL release=1552", NONE),
            entry(
                "/bin/sh -c #(nop) ADD file:7553 in /root/buildinfo/Dockerfile-ubi9-minimal-9.3-1552 ",
                LAYER,
            ),
            entry("/bin/sh -c #(nop) LABEL \"vendor\"=\"Red Hat, Inc.\"", NONE),
            entry("/bin/sh -c rm -f '/etc/yum.repos.d/repo-cbf3a.repo'", LAYER),
            entry("/bin/sh -c rm -f /tmp/tls-ca-bundle.pem", LAYER),
            entry(
                "/bin/sh -c mv -fZ /tmp/ubi.repo /etc/yum.repos.d/ubi.repo || :",
                LAYER,
            ),
        ];
        // By whichever builder the image itself was made.
        assert!(before_own(&old));
        let classic = [
            entry("/bin/sh -c #(nop) WORKDIR /app", NONE),
            entry("/bin/sh -c #(nop) COPY dir:1234 in /app", LAYER),
        ];
        assert_eq!(end(&[&old[..], &classic].concat()), old.len());
    }

    #[test]
    fn one_builder_without_any_mark_has_no_base() {
        assert_eq!(end(&own()), 0);
        assert_eq!(end(&[]), 0);
        // A last layer of nobody known does not make all before it the base.
        let commit = entry("bash", LAYER);
        assert_eq!(end(&[&own()[..2], &[commit]].concat()), 0);
    }
}
