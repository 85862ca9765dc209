//! The history as the Dockerfile that made it.
//!
//! Source: moby's builder and BuildKit's `dockerfile2llb` for what they write into `created_by`; debuerreotype.

use std::collections::BTreeMap;

use super::base_end::base_end;
use super::gostring::{go_list, go_strings, json_list};
use super::merged::Merged;
use super::model::DockerfileStep;
use crate::image::{History, ImageConfig};

/// The steps, oldest first.
pub(crate) fn dockerfile(config: &ImageConfig, merged: &Merged) -> Vec<DockerfileStep> {
    let mut layer = 0;
    let mut shell = "/bin/sh -c".to_owned();
    let mut steps: Vec<DockerfileStep> = Vec::new();
    for entry in config.history() {
        // A history can claim more layers than the image has.
        let of_layer = (!entry.empty_layer && layer < merged.layers.len()).then_some(layer);
        layer += usize::from(!entry.empty_layer);
        steps.push(DockerfileStep {
            instruction: instruction(entry, config, &mut shell),
            created_by: entry.created_by.clone().unwrap_or_default(),
            created: entry.created.clone(),
            layer: of_layer,
            size: of_layer.map_or(0, |layer| merged.layers[layer].size),
            base: false,
        });
    }
    // `docker import`, `commit` of other tools and squashing leave layers without an entry.
    for (layer, changes) in merged.layers.iter().enumerate().skip(layer) {
        steps.push(DockerfileStep {
            instruction: "# the history does not say how this layer was made".into(),
            created_by: String::new(),
            created: None,
            layer: Some(layer),
            size: changes.size,
            base: false,
        });
    }
    let end = base_end(config.history(), &steps);
    steps[..end].iter_mut().for_each(|step| step.base = true);
    steps
}

/// One entry of the history as an instruction.
fn instruction(entry: &History, config: &ImageConfig, shell: &mut String) -> String {
    let text = entry.created_by.as_deref().unwrap_or_default().trim();
    let comment = entry.comment.as_deref().unwrap_or_default().trim();
    if text.is_empty() {
        return match comment {
            "" => "# the history does not say how this was made".into(),
            comment => format!("# {}", one_line(comment)),
        };
    }
    let text = text.strip_suffix("# buildkit").unwrap_or(text).trim_end();
    // The old builder's form of everything but RUN.
    if let Some(at) = text.find("#(nop)") {
        return metadata(text[at + 6..].trim(), config, shell);
    }
    // debuerreotype writes a comment: `# debian.sh --arch 'amd64' out/ 'bookworm'`.
    if text.starts_with('#') {
        return text.to_owned();
    }
    let word = text.split_whitespace().next().unwrap_or_default();
    match word {
        "RUN" => run(text[3..].trim(), shell),
        _ if is_instruction(word) => metadata(text, config, shell),
        _ if text.starts_with('|')
            || text.starts_with(shell.as_str())
            || text.starts_with("/bin/sh -c ") =>
        {
            run(text, shell)
        }
        // buildah, kaniko, jib, bazel and others have words of their own.
        _ => format!("# {}", one_line(text)),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_instruction(word: &str) -> bool {
    matches!(
        word,
        "ADD"
            | "ARG"
            | "CMD"
            | "COPY"
            | "ENTRYPOINT"
            | "ENV"
            | "EXPOSE"
            | "HEALTHCHECK"
            | "LABEL"
            | "MAINTAINER"
            | "ONBUILD"
            | "SHELL"
            | "STOPSIGNAL"
            | "USER"
            | "VOLUME"
            | "WORKDIR"
    )
}

/// `|2 A=b C=d /bin/sh -c command`: build arguments come first and are known from the ARG steps.
fn run(text: &str, shell: &str) -> String {
    let mut command = text;
    if let Some(rest) = text.strip_prefix('|') {
        let after = [shell, "/bin/sh -c"].iter().find_map(|shell| {
            let at = rest.find(&format!(" {shell} "))?;
            Some(&rest[at + 1..])
        });
        command = after.unwrap_or(text);
    }
    for shell in [shell, "/bin/sh -c"] {
        if let Some(rest) = command
            .strip_prefix(shell)
            .and_then(|rest| rest.strip_prefix(' '))
        {
            command = rest;
            break;
        }
    }
    format!("RUN {}", command.trim())
}

fn metadata(text: &str, config: &ImageConfig, shell: &mut String) -> String {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    match word {
        "CMD" | "ENTRYPOINT" if rest.starts_with('[') => match go_strings(rest) {
            Some(words) => format!("{word} {}", json_list(&words)),
            None => text.to_owned(),
        },
        "SHELL" => {
            let words = go_strings(rest).unwrap_or_else(|| go_list(rest));
            // Later `RUN` steps have this shell in front, which is not a part of their command.
            *shell = words.join(" ");
            format!("SHELL {}", json_list(&words))
        }
        "VOLUME" if rest.starts_with('[') => {
            let words = go_strings(rest).unwrap_or_else(|| go_list(rest));
            format!("VOLUME {}", json_list(&words))
        }
        "EXPOSE" => {
            // BuildKit prints a map of Go: `map[443/tcp:{} 80/tcp:{}]`.
            let ports = rest.trim_start_matches("map").trim_matches(['[', ']']);
            let ports: Vec<&str> = ports
                .split_whitespace()
                .map(|port| port.trim_end_matches(":{}"))
                .collect();
            format!("EXPOSE {}", ports.join(" "))
        }
        "HEALTHCHECK" if rest.starts_with('&') => {
            healthcheck(rest).unwrap_or_else(|| text.to_owned())
        }
        "ENV" => {
            let known = config
                .env()
                .iter()
                .filter_map(|entry| entry.split_once('='));
            format!("ENV {}", assignments(rest, &known.collect()))
        }
        "LABEL" => {
            let labels = config
                .labels()
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()));
            format!("LABEL {}", assignments(rest, &labels.collect()))
        }
        // `COPY file:HASH in /path`, `COPY multi:HASH in /path/`: the old builder does not say what it was.
        "ADD" | "COPY" => match rest.split_once(" in ") {
            Some((what, path)) if what.contains(':') => {
                let (kind, hash) = what.rsplit_once(':').unwrap_or((what, ""));
                let hash = hash.get(..12).unwrap_or(hash);
                format!("{word} {kind}:{hash} {}", path.trim())
            }
            _ => format!("{word} {rest}"),
        },
        _ if is_instruction(word) => format!("{word} {rest}"),
        _ => format!("# {}", one_line(text)),
    }
}

/// `A=b c D=e` with quotes around values that have blanks. A value ends as the config says, or before the next `NAME=`.
fn assignments(text: &str, known: &BTreeMap<&str, &str>) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((key, tail)) = rest.split_once('=') {
        let key = key.trim();
        let configured = known.get(key).filter(|value| {
            tail.strip_prefix(**value)
                .is_some_and(|after| after.is_empty() || after.starts_with(' '))
        });
        let length = match configured {
            Some(value) => value.len(),
            None => next_assignment(tail),
        };
        let value = tail[..length].trim_end();
        // Quotes that the value has already are its own.
        let blank =
            value.is_empty() || value.contains(char::is_whitespace) && !value.starts_with('"');
        out.push(if blank {
            format!("{key}={value:?}")
        } else {
            format!("{key}={value}")
        });
        rest = tail[length..].trim_start();
    }
    if !rest.is_empty() {
        out.push(rest.to_owned());
    }
    out.join(" ")
}

fn next_assignment(text: &str) -> usize {
    let name = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        })
    };
    let blanks = text.match_indices(' ').map(|(at, _)| at);
    blanks
        .into_iter()
        .find(|at| text[at + 1..].split(' ').next().is_some_and(name))
        .unwrap_or(text.len())
}

/// `&{["CMD-SHELL" "curl x"] "30s" "5s" "0s" '\x03'}`
fn healthcheck(text: &str) -> Option<String> {
    let body = text.strip_prefix("&{")?.strip_suffix('}')?;
    let end = body.rfind(']')?;
    let test = go_strings(&body[..=end])?;
    let fields: Vec<&str> = body[end + 1..].split_whitespace().collect();
    let names = match fields.len() {
        // Docker 25 added a field in the middle (`start-interval`).
        0..=4 => &["interval", "timeout", "start-period"][..],
        _ => &["interval", "timeout", "start-period", "start-interval"],
    };
    let mut out = "HEALTHCHECK".to_owned();
    for (name, field) in names.iter().zip(&fields) {
        let value = field.trim_matches('"');
        if value != "0s" {
            out.push_str(&format!(" --{name}={value}"));
        }
    }
    // Go prints the number with `%q`, which makes it a character literal.
    let retries = fields.last().and_then(|field| rune(field)).unwrap_or(0);
    if retries > 0 {
        out.push_str(&format!(" --retries={retries}"));
    }
    match test.split_first()? {
        (none, _) if none == "NONE" => return Some("HEALTHCHECK NONE".into()),
        (kind, [command]) if kind == "CMD-SHELL" => out.push_str(&format!(" CMD {command}")),
        (_, words) => out.push_str(&format!(" CMD {}", json_list(words))),
    }
    Some(out)
}

/// A number as Go's `%q` shows it: a character literal.
fn rune(text: &str) -> Option<u32> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    if let Some(hex) = inner
        .strip_prefix("\\x")
        .or_else(|| inner.strip_prefix("\\u"))
    {
        return u32::from_str_radix(hex, 16).ok();
    }
    Some(match inner {
        "\\a" => 7,
        "\\b" => 8,
        "\\t" => 9,
        "\\n" => 10,
        "\\v" => 11,
        "\\f" => 12,
        "\\r" => 13,
        _ => u32::from(inner.chars().next()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(created_by: &str) -> String {
        let config = ImageConfig::parse(
            br#"{"rootfs":{"type":"layers"},"config":{"Env":["A=b c","D=e"],"Labels":{"what":"two words"}}}"#,
        );
        let entry = History {
            created_by: Some(created_by.into()),
            ..History::default()
        };
        instruction(&entry, &config.unwrap(), &mut "/bin/sh -c".to_owned())
    }

    #[test]
    fn both_builders_forms_become_the_same_instructions() {
        for (buildkit, old, expected) in [
            (
                "RUN /bin/sh -c make all # buildkit",
                "/bin/sh -c make all",
                "RUN make all",
            ),
            (
                "RUN |1 V=1 /bin/sh -c make $V # buildkit",
                "|1 V=1 /bin/sh -c make $V",
                "RUN make $V",
            ),
            (
                "CMD [\"nginx\" \"-g\" \"daemon off;\"]",
                "/bin/sh -c #(nop)  CMD [\"nginx\" \"-g\" \"daemon off;\"]",
                "CMD [\"nginx\", \"-g\", \"daemon off;\"]",
            ),
            (
                "EXPOSE map[443/tcp:{} 80/tcp:{}]",
                "/bin/sh -c #(nop)  EXPOSE 443/tcp 80/tcp",
                "EXPOSE 443/tcp 80/tcp",
            ),
            (
                "VOLUME [/data]",
                "/bin/sh -c #(nop)  VOLUME [/data]",
                "VOLUME [\"/data\"]",
            ),
            (
                "ENV A=b c D=e",
                "/bin/sh -c #(nop)  ENV A=b c D=e",
                "ENV A=\"b c\" D=e",
            ),
            (
                "LABEL what=two words",
                "/bin/sh -c #(nop)  LABEL what=two words",
                "LABEL what=\"two words\"",
            ),
            (
                "WORKDIR /app",
                "/bin/sh -c #(nop) WORKDIR /app",
                "WORKDIR /app",
            ),
            ("USER app", "/bin/sh -c #(nop)  USER app", "USER app"),
            (
                "HEALTHCHECK &{[\"CMD-SHELL\" \"curl -f x\"] \"30s\" \"5s\" \"0s\" \"0s\" '\\x03'}",
                "/bin/sh -c #(nop)  HEALTHCHECK &{[\"CMD-SHELL\" \"curl -f x\"] \"30s\" \"5s\" \"0s\" '\\x03'}",
                "HEALTHCHECK --interval=30s --timeout=5s --retries=3 CMD curl -f x",
            ),
        ] {
            assert_eq!(of(buildkit), expected);
            assert_eq!(of(old), expected);
        }
        assert_eq!(of("COPY a b /c/ # buildkit"), "COPY a b /c/");
        assert_eq!(
            of("/bin/sh -c #(nop) COPY file:0123456789abcdef in /c "),
            "COPY file:0123456789ab /c"
        );
        assert_eq!(
            of("# debian.sh --arch 'amd64' out/"),
            "# debian.sh --arch 'amd64' out/"
        );
        assert_eq!(of("bazel build ..."), "# bazel build ...");
    }
}
