//! A made-up image with a bit of everything that the renderers of `minify xray` must cope with: packages of every
//! kind, findings of every kind, and names that try to break out of a terminal, a Markdown table or an HTML page.

mod comparison;
mod contents;
mod image;
mod packages;
mod security;

pub use comparison::comparison;
pub use contents::big_tree;

use minifier::xray::Xray;
use minifier::xray::model::{
    Confidence, Estimate, GateReport, Recommendation, RuleOutcome, RuleResult, SCHEMA_VERSION,
    Saving, Waste, WasteKind,
};

/// What a hostile name may hold: an escape sequence, Markdown and HTML metacharacters, both ways to end a script,
/// line separators of JavaScript, and a change of direction.
pub const HOSTILE: &str =
    "evil\u{1b}[2J|`*_<img src=x onerror=alert(1)></script><!--\u{2028}\u{202e}&amp;\r\n# gone";

/// The image, analysed and gated.
pub fn xray() -> Xray {
    Xray {
        schema_version: SCHEMA_VERSION,
        minifier: "0.1.0".to_owned(),
        image: image::image(),
        layers: image::layers(),
        efficiency: image::efficiency(),
        dockerfile: image::dockerfile(),
        contents: contents::contents(),
        packages: packages::packages(),
        binaries: security::binaries(),
        waste: waste(),
        security: security::security(),
        recommendations: recommendations(),
        fixable: 96_600_000,
        estimate: Some(Estimate {
            bytes: 33_600_000,
            files: 1_204,
            low: 12_100_000,
            high: 61_800_000,
            confidence: Confidence::Low,
            basis: "the entrypoint runs on Python: modules that it loads by computed names are not known".to_owned(),
        }),
        problems: vec![
            format!("/var/lib/{HOSTILE}/status: line 7 is no field"),
            "/var/lib/rpm/rpmdb.sqlite: rpm databases are not read yet".to_owned(),
        ],
        gate: Some(gate()),
    }
}

/// The image, with what bills of materials say of packages beyond their names.
pub fn related() -> Xray {
    let mut xray = xray();
    packages::relate(&mut xray.packages.packages);
    xray
}

/// An image without anything to complain about.
pub fn clean() -> Xray {
    let mut xray = xray();
    xray.image.user = "10001".to_owned();
    xray.packages.packages.clear();
    xray.packages.unread.clear();
    xray.waste.clear();
    xray.security.findings.clear();
    xray.security.ignored.clear();
    xray.security.ignores.clear();
    xray.security.privileged.clear();
    xray.security.certificates.clear();
    xray.security.shells.clear();
    xray.security.package_managers.clear();
    xray.security.runs_as_root = false;
    xray.recommendations.clear();
    xray.fixable = 0;
    xray.binaries.broken.clear();
    xray.binaries.unused.clear();
    xray.contents.duplicates.clear();
    xray.contents.duplicate_bytes = 0;
    xray.contents.duplicate_documentation_bytes = 0;
    xray.efficiency.score = 1.0;
    xray.efficiency.wasted_bytes = 0;
    xray.efficiency.user_wasted_bytes = 0;
    xray.efficiency.user_wasted_percent = 0.0;
    xray.efficiency.wasted_paths.clear();
    xray.problems.clear();
    xray.estimate = None;
    xray.gate = None;
    xray
}

fn saving(path: &str, bytes: u64) -> Saving {
    Saving {
        path: path.to_owned(),
        bytes,
    }
}

fn waste() -> Vec<Waste> {
    let waste = |kind, bytes, files, layers: &[usize], paths: Vec<Saving>| Waste {
        kind,
        bytes,
        files,
        layers: layers.to_vec(),
        paths,
    };
    vec![
        waste(
            WasteKind::BuildTools,
            71_300_000,
            412,
            &[1],
            vec![
                saving("/usr/lib/gcc/x86_64-linux-gnu/12", 52_000_000),
                saving("/usr/bin/x86_64-linux-gnu-ld.bfd", 1_700_000),
            ],
        ),
        waste(
            WasteKind::Hidden,
            21_400_000,
            2,
            &[1, 2],
            vec![saving("/tmp/wheel.tar.gz", 20_000_000)],
        ),
        waste(
            WasteKind::AptLists,
            19_200_000,
            8,
            &[1],
            vec![saving("/var/lib/apt/lists", 19_200_000)],
        ),
        waste(
            WasteKind::PipCache,
            6_100_000,
            31,
            &[2],
            vec![saving("/root/.cache/pip", 6_100_000)],
        ),
        waste(
            WasteKind::Tests,
            2_040_000,
            240,
            &[2],
            vec![saving(&format!("/app/vendor/{HOSTILE}/tests"), 2_040_000)],
        ),
    ]
}

fn recommendations() -> Vec<Recommendation> {
    let item =
        |id: &str, title: &str, saves, evidence: &[&str], change: &str, step| Recommendation {
            id: id.to_owned(),
            title: title.to_owned(),
            saves,
            evidence: evidence.iter().map(|&e| e.to_owned()).collect(),
            change: change.to_owned(),
            step,
        };
    vec![
        item(
            "multi-stage",
            "Build in a stage of its own and copy the result",
            71_300_000,
            &["/usr/bin/gcc-12 and 411 other files of build tools are in layer 1"],
            "FROM python:3.12 AS build\nRUN pip wheel --no-cache-dir -w /wheels -r requirements.txt\n\nFROM python:3.12-slim\nCOPY --from=build /wheels /wheels",
            Some(3),
        ),
        item(
            "remove-apt-lists",
            "Remove apt's lists in the step that fetches them",
            19_200_000,
            &["/var/lib/apt/lists holds 19.2 MB", "no step removes it"],
            "RUN apt-get update \\\n && apt-get install -y --no-install-recommends gcc \\\n && rm -rf /var/lib/apt/lists/*",
            Some(3),
        ),
        item(
            "pip-no-cache",
            "Let pip keep no cache",
            6_100_000,
            &["/root/.cache/pip holds 6.1 MB"],
            "RUN pip install --no-cache-dir -r requirements.txt",
            Some(5),
        ),
        item(
            "non-root-user",
            "Run as a user that is not root",
            0,
            &["the config names no user"],
            "RUN useradd --system --uid 10001 app\nUSER 10001",
            None,
        ),
        item(
            "health-check",
            &format!("Say how to tell that it is healthy ({HOSTILE})"),
            0,
            &["8000/tcp is exposed, and there is no HEALTHCHECK"],
            "HEALTHCHECK CMD [\"python3\", \"-c\", \"```\"]",
            None,
        ),
    ]
}

fn gate() -> GateReport {
    let rule = |rule: &str, outcome, limit: &str, actual: &str, message: &str| RuleResult {
        rule: rule.to_owned(),
        outcome,
        limit: limit.to_owned(),
        actual: actual.to_owned(),
        message: message.to_owned(),
    };
    GateReport {
        rules: vec![
            rule(
                "lowestEfficiency",
                RuleOutcome::Pass,
                "0.9",
                "0.9057",
                "the efficiency is high enough",
            ),
            rule(
                "highestWastedBytes",
                RuleOutcome::Fail,
                "20.0 MB",
                "21.4 MB",
                "1.4 MB more than allowed are wasted",
            ),
            rule(
                "highestUserWastedPercent",
                RuleOutcome::Skip,
                "disabled",
                "0.2041",
                "the rule is switched off",
            ),
            rule(
                "budget",
                RuleOutcome::Warn,
                "python: 50.0 MB, at most 240.0 MB",
                "226.9 MB",
                "the target of 50.0 MB is missed",
            ),
        ],
        passed: false,
    }
}
