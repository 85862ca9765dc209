//! Images of the fixtures, against what the tools inside of them and outside say.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::model::{FindingKind, PackageKind, RuntimeKind, Severity, Xray};
use super::testing::{analyse, docker_image, docker_run, fixture};
use super::tests::one_list::one_list;

/// Those with a distribution: `static` and `traps` have no package.
const FIXTURES: [&str; 9] = [
    "healthcheck",
    "nginx",
    "node-express",
    "python-gunicorn",
    "java",
    "postgres",
    "redis",
    "job",
    "tini",
];

fn packages(xray: &Xray, kind: PackageKind) -> Vec<String> {
    // Copies that a package has for itself are installed for nobody else.
    let of_kind = xray.packages.packages.iter();
    let of_kind = of_kind.filter(|p| p.kind == kind && !p.vendored);
    let mut names: Vec<String> = of_kind
        .map(|p| format!("{} {}", p.name, p.version))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn docker_dpkg_packages_are_those_of_dpkg_query() {
    for name in FIXTURES {
        let made = fixture(name);
        let (image, analysis) = (&made.image, &made.analysis);
        let xray = &analysis.xray;
        let query = [
            "dpkg-query",
            "-W",
            "-f",
            "${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package}\n",
        ];
        let expected: Vec<String> = docker_run(image, &query)
            .iter()
            .filter_map(|line| line.strip_prefix("installed "))
            .map(str::to_owned)
            .collect();
        let debs = xray
            .packages
            .packages
            .iter()
            .filter(|p| p.kind == PackageKind::Deb);
        let mut found: Vec<String> = debs
            .map(|p| {
                let source = p.source.as_ref().unwrap_or(&p.name);
                format!(
                    "{} {} {} {source}",
                    p.name,
                    p.version,
                    p.architecture.as_deref().unwrap()
                )
            })
            .collect();
        found.sort();
        assert!(expected.len() > 50, "{name}: {expected:?}");
        assert_eq!(found, expected, "{name}");
        assert_eq!(xray.problems, [""; 0], "{name}");
    }
}

#[test]
fn docker_packages_of_build_are_those_of_xray() {
    for name in ["debian", "python-gunicorn", "node-express"] {
        let (_dir, stored) = docker_image(&format!("minifier-fixture/{name}:latest"));
        let tars = stored.manifest.layers().iter().map(|layer| {
            let mut tar = Vec::new();
            // The daemon's copies are not compressed.
            let mut blob = stored.open(layer).unwrap();
            std::io::Read::read_to_end(&mut blob, &mut tar).unwrap();
            tar
        });
        let list = one_list(&stored, tars.collect());
        assert!(list.packages.len() > 50, "{name}: {:?}", list.packages);
    }
}

#[test]
fn docker_files_are_those_of_find() {
    for name in ["nginx", "python-gunicorn"] {
        let made = fixture(name);
        let (image, analysis) = (&made.image, &made.analysis);
        let mounted = |path: &str| {
            matches!(
                path,
                "/etc/hosts" | "/etc/hostname" | "/etc/resolv.conf" | "/.dockerenv"
            )
        };
        let find = ["find", "/", "-xdev", "-type", "f", "-printf", "%s %p\\n"];
        let expected: BTreeMap<String, u64> = docker_run(image, &find)
            .iter()
            .filter_map(|line| line.split_once(' '))
            .map(|(size, path)| (path.to_owned(), size.parse().unwrap()))
            .filter(|(path, _)| !mounted(path))
            .collect();
        let files = analysis.merged.files.iter();
        let found: BTreeMap<String, u64> = files
            .map(|file| {
                (
                    String::from_utf8_lossy(file.path.as_bytes()).into_owned(),
                    file.content.size,
                )
            })
            .filter(|(path, _)| !mounted(path))
            .collect();
        assert!(expected.len() > 1000, "{name}");
        assert_eq!(found, expected, "{name}");
        let xray = &analysis.xray;
        assert_eq!(
            xray.image.size - xray.image.visible_size,
            xray.efficiency.wasted_bytes
        );
        assert_eq!(
            xray.layers.iter().map(|layer| layer.size).sum::<u64>(),
            xray.image.size
        );
        assert_eq!(xray.contents.tree.sizes[0], xray.image.visible_size);
    }
}

#[test]
fn docker_python_packages_are_those_of_importlib() {
    let made = fixture("python-gunicorn");
    let (image, analysis) = (&made.image, &made.analysis);
    // What `pip list` shows; the image has no pip.
    let list = "import importlib.metadata as m\nfor d in m.distributions(): print(d.metadata['Name'], d.version)";
    let expected = docker_run(image, &["python3", "-c", list]);
    assert!(
        expected.iter().any(|line| line.starts_with("gunicorn ")),
        "{expected:?}"
    );
    assert_eq!(packages(&analysis.xray, PackageKind::Python), expected);
}

#[test]
fn docker_npm_packages_are_those_of_npm_ls() {
    let made = fixture("node-express");
    let (image, analysis) = (&made.image, &made.analysis);
    let dir = tempfile::tempdir().unwrap();
    copy_out(image, "/srv/notes", dir.path());
    let out = Command::new("npm")
        .args(["ls", "--all", "--json"])
        .current_dir(dir.path().join("notes"))
        .output()
        .unwrap();
    let tree: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    // The application itself is the root of what npm lists.
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut expected = vec![format!(
        "{} {}",
        text(&tree["name"]),
        text(&tree["version"])
    )];
    let mut todo = vec![&tree];
    while let Some(node) = todo.pop() {
        for (name, child) in node["dependencies"].as_object().into_iter().flatten() {
            if let Some(version) = child["version"].as_str() {
                expected.push(format!("{name} {version}"));
            }
            todo.push(child);
        }
    }
    expected.sort();
    expected.dedup();
    assert!(expected.len() > 20, "{expected:?}");
    let xray = &analysis.xray;
    let app = xray
        .packages
        .packages
        .iter()
        .filter(|p| p.kind == PackageKind::Npm && p.location.starts_with("/srv/notes/"));
    let mut found: Vec<String> = app.map(|p| format!("{} {}", p.name, p.version)).collect();
    found.sort();
    found.dedup();
    assert_eq!(found, expected);
}

#[test]
fn docker_gems_are_those_of_gem_list() {
    let made = fixture("tini");
    let (image, analysis) = (&made.image, &made.analysis);
    // `json (2.7.1, default: 2.6.1)`
    let mut expected = Vec::new();
    for line in docker_run(image, &["gem", "list", "--local"]) {
        let (name, versions) = line.trim_end_matches(')').split_once(" (").unwrap();
        for version in versions.split(", ") {
            let version = version
                .trim_start_matches("default: ")
                .split(' ')
                .next()
                .unwrap();
            expected.push(format!("{name} {version}"));
        }
    }
    expected.sort();
    assert!(expected.len() > 50, "{expected:?}");
    assert_eq!(packages(&analysis.xray, PackageKind::Gem), expected);
}

fn copy_out(image: &str, path: &str, to: &Path) {
    let docker = |args: &[&str]| {
        let out = Command::new("/usr/bin/docker").args(args).output().unwrap();
        assert!(
            out.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    };
    let container = docker(&["create", "--network=none", image]);
    let from = format!("{container}:{path}");
    docker(&["cp", &from, to.to_str().unwrap()]);
    docker(&["rm", &container]);
}

#[test]
fn docker_fixtures_have_no_noise_and_the_right_runtime() {
    use RuntimeKind::{DynamicNative, Java, Node, Python, Ruby, Rust};
    let expected = [
        ("nginx", DynamicNative),
        ("static", Rust),
        ("node-express", Node),
        ("python-gunicorn", Python),
        ("java", Java),
        ("redis", DynamicNative),
        ("job", DynamicNative),
        ("tini", Ruby),
    ];
    let mut wrong = Vec::new();
    for (name, kind) in expected {
        let made = fixture(name);
        let analysis = &made.analysis;
        let xray = &analysis.xray;
        // To know: a capability that was set on purpose, apt, no health check. The fixture's own choice: root.
        let serious = xray
            .security
            .findings
            .iter()
            .filter(|f| f.severity > Severity::Note && f.kind != FindingKind::RunsAsRoot);
        wrong.extend(serious.map(|finding| format!("{name}: {}", finding.message)));
        wrong.extend(
            xray.problems
                .iter()
                .map(|problem| format!("{name}: {problem}")),
        );
        let main = xray
            .image
            .runtimes
            .iter()
            .find(|runtime| runtime.entrypoint);
        if main.map(|runtime| runtime.kind) != Some(kind) {
            wrong.push(format!("{name}: {:?}", xray.image.runtimes));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What builds of the fixtures reach is in the README, where `cargo xtask table` writes it.
#[test]
fn docker_the_range_of_the_estimate_covers_what_builds_of_the_fixtures_reach() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("the README");
    let (_, table) = readme.split_once("<!-- table:begin -->").expect("a table");
    let (table, _) = table.split_once("<!-- table:end -->").expect("an end");
    let (mut wrong, mut covered) = (Vec::new(), 0);
    for row in table.lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, name, _, built, ..] = cells[..] else {
            continue;
        };
        let Ok(crate::units::Size(built)) = built.parse() else {
            continue;
        };
        let made = fixture(name);
        let estimate = made.analysis.xray.estimate.as_ref().expect("an estimate");
        // The table has one digit after the point.
        let (low, high) = (estimate.low.saturating_sub(50_000), estimate.high + 50_000);
        if (low..=high).contains(&built) && (low..=high).contains(&estimate.bytes) {
            covered += 1
        } else {
            wrong.push(format!("{name} reaches {built}: {estimate:?}"))
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(covered > 8, "{covered}");
}

/// Docker's own client is a Go program, too large to be held whole.
#[test]
fn docker_the_client_is_known_as_a_go_program() {
    let client = std::fs::read("/usr/bin/docker").unwrap();
    assert!(client.len() > 32 << 20, "{}", client.len());
    let tar = crate::rootfs::tar::testing::Tar::new()
        .program("docker", &client)
        .bytes();
    let config = serde_json::json!({"config": {"Entrypoint": ["/docker"]}});
    let xray = analyse(&super::testing::image(&[tar], config)).xray;
    assert_eq!(xray.problems, [""; 0]);
    let runtime = &xray.image.runtimes[0];
    assert_eq!(runtime.kind, RuntimeKind::Go);
    assert!(
        runtime.version.as_deref().unwrap().starts_with("1."),
        "{runtime:?}"
    );
    let library = xray
        .packages
        .packages
        .iter()
        .find(|p| p.name == "stdlib")
        .unwrap();
    assert_eq!(
        library.id,
        format!("pkg:golang/stdlib@{}", runtime.version.as_deref().unwrap())
    );
}

const DOCKERFILE: &str = "\
FROM minifier-fixture/debian
ARG VERSION=3
ENV MODE=\"a b\" LEVEL=2
LABEL what=\"two words\"
WORKDIR /app
COPY one.txt /app/
RUN echo $VERSION > built && echo \"quoted\"
SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]
RUN echo x | cat > piped
EXPOSE 8080/tcp
VOLUME [\"/data\"]
USER 1000
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=5s --retries=3 CMD test -e /app/built
ENTRYPOINT [\"/bin/cat\"]
CMD [\"/app/one.txt\", \"a b\"]
";

#[test]
fn docker_both_builders_give_the_dockerfile_back() {
    for buildkit in ["1", "0"] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("Dockerfile"), DOCKERFILE).unwrap();
        std::fs::write(dir.path().join("one.txt"), "one").unwrap();
        let tag = format!("mfxray-history-{}:{buildkit}", std::process::id());
        let out = Command::new("/usr/bin/docker")
            .args(["build", "-q", "--network=none", "-t", &tag, "."])
            .env("DOCKER_BUILDKIT", buildkit)
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let (_copy, stored) = docker_image(&tag);
        let xray = analyse(&stored).xray;
        let removed = Command::new("/usr/bin/docker")
            .args(["rmi", "-f", &tag])
            .output()
            .unwrap();
        assert!(removed.status.success());
        let own: Vec<&str> = xray
            .dockerfile
            .iter()
            .filter(|step| !step.base)
            .map(|step| step.instruction.as_str())
            .collect();
        let expected: Vec<&str> = DOCKERFILE.lines().skip(1).collect();
        assert_eq!(own.len(), expected.len(), "{own:#?}");
        for (found, expected) in own.iter().zip(expected) {
            // The old builder does not say what it copied.
            let copied =
                buildkit == "0" && found.starts_with("COPY file:") && found.ends_with(" /app/");
            // Both sort variables and labels as they came.
            assert!(
                found == &expected || copied,
                "{found} is not {expected} (BuildKit {buildkit})"
            );
        }
        assert!(xray.dockerfile[0].base && xray.layers[0].base);
        let sizes: u64 = xray.dockerfile.iter().map(|step| step.size).sum();
        assert_eq!(sizes, xray.image.size);
    }
}
