//! Images of the fixtures, against what the tools inside of them and outside say.

use super::model::{PackageKind, Xray};
use super::testing::{analyse, docker_image, docker_run};

const FIXTURES: [&str; 8] = [
    "nginx",
    "node-express",
    "python-gunicorn",
    "java",
    "postgres",
    "redis",
    "job",
    "tini",
];

fn fixture(name: &str) -> (String, Xray) {
    let image = format!("minifier-fixture/{name}:latest");
    let (_dir, stored) = docker_image(&image);
    let xray = analyse(&stored).xray;
    (image, xray)
}

fn packages(xray: &Xray, kind: PackageKind) -> Vec<String> {
    let of_kind = xray.packages.packages.iter().filter(|p| p.kind == kind);
    let mut names: Vec<String> = of_kind
        .map(|p| format!("{} {}", p.name, p.version))
        .collect();
    names.sort();
    names
}

#[test]
fn docker_dpkg_packages_are_those_of_dpkg_query() {
    for name in FIXTURES {
        let (image, xray) = fixture(name);
        let query = [
            "dpkg-query",
            "-W",
            "-f",
            "${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package}\n",
        ];
        let expected: Vec<String> = docker_run(&image, &query)
            .iter()
            .filter_map(|line| line.strip_prefix("installed "))
            .map(str::to_owned)
            .collect();
        let mut found: Vec<String> = xray
            .packages
            .packages
            .iter()
            .filter(|p| p.kind == PackageKind::Deb)
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
fn docker_sizes_are_those_of_docker_and_of_find() {
    for name in ["nginx", "python-gunicorn", "static", "traps"] {
        let (image, xray) = fixture(name);
        let inspect = std::process::Command::new("/usr/bin/docker")
            .args(["image", "inspect", "-f", "{{.Size}}", &image])
            .output()
            .unwrap();
        let size: u64 = String::from_utf8_lossy(&inspect.stdout)
            .trim()
            .parse()
            .unwrap();
        assert_eq!(xray.image.size, size, "{name}");
        assert_eq!(
            xray.image.size - xray.image.visible_size,
            xray.efficiency.wasted_bytes
        );
        let layers: u64 = xray.layers.iter().map(|layer| layer.size).sum();
        assert_eq!(layers, size, "{name}");
        let hidden: u64 = xray.layers.iter().map(|layer| layer.hidden_size).sum();
        let hides: u64 = xray.layers.iter().map(|layer| layer.hides_size).sum();
        assert_eq!(
            (hidden, hides),
            (xray.efficiency.wasted_bytes, hidden),
            "{name}"
        );
    }
}

#[test]
fn docker_npm_packages_are_those_of_npm_ls() {
    let (_, xray) = fixture("node-express");
    assert!(
        packages(&xray, PackageKind::Npm).contains(&"express 4.21.2".to_owned()),
        "{:?}",
        packages(&xray, PackageKind::Npm)
    );
}
