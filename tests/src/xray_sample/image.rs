//! The image, its layers and the steps that made them.

use std::collections::BTreeMap;

use minifier::xray::model::{
    DistributionInfo, DockerfileStep, Efficiency, ImageInfo, LayerInfo, Runtime, RuntimeKind,
    WastedPath,
};

use super::HOSTILE;

/// A SHA-256 digest of one digit.
fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

pub(crate) fn image() -> ImageInfo {
    ImageInfo {
        reference: "registry.example/shop/web:1.4.2".to_owned(),
        names: vec![
            "registry.example/shop/web:1.4.2".to_owned(),
            "shop/web:latest".to_owned(),
        ],
        manifest: Some(digest('a')),
        id: digest('b'),
        platform: "linux/amd64".to_owned(),
        created: Some("2026-05-04T10:20:30.123456789Z".to_owned()),
        stored_size: 82_345_678,
        tar_size: 229_000_000,
        size: 226_900_000,
        visible_size: 205_500_000,
        files: 12_345,
        distribution: Some(DistributionInfo {
            id: "debian".to_owned(),
            version: "12".to_owned(),
            name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        }),
        runtimes: vec![
            Runtime {
                kind: RuntimeKind::Python,
                version: Some("3.11.2".to_owned()),
                evidence: "/usr/bin/python3.11".to_owned(),
                entrypoint: true,
            },
            Runtime {
                kind: RuntimeKind::Node,
                version: None,
                evidence: "/opt/node/bin/node".to_owned(),
                entrypoint: false,
            },
        ],
        entrypoint: vec!["/usr/bin/tini".to_owned(), "--".to_owned()],
        cmd: vec![
            "gunicorn".to_owned(),
            "--bind".to_owned(),
            "0.0.0.0:8000".to_owned(),
            "shop:app".to_owned(),
        ],
        user: String::new(),
        working_dir: "/app".to_owned(),
        ports: vec!["8000/tcp".to_owned()],
        volumes: vec!["/data".to_owned()],
        env: vec![
            "PATH=/usr/local/bin:/usr/bin:/bin".to_owned(),
            "API_TOKEN=***".to_owned(),
            format!("NAME={HOSTILE}"),
        ],
        labels: BTreeMap::from([
            (
                "org.opencontainers.image.source".to_owned(),
                "https://example.org/shop".to_owned(),
            ),
            ("x".to_owned(), HOSTILE.to_owned()),
        ]),
        healthcheck: None,
        stop_signal: Some("SIGTERM".to_owned()),
        annotations: BTreeMap::new(),
    }
}

pub(crate) fn layers() -> Vec<LayerInfo> {
    let layer =
        |index, digit, size, instruction: &str, (added, changed, removed), hidden, hides, base| {
            LayerInfo {
                index,
                digest: (index != 1).then(|| digest(digit)),
                diff_id: digest(digit),
                media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
                stored_size: size * 36 / 100,
                tar_size: size + 512_000,
                size,
                instruction: instruction.to_owned(),
                added,
                changed,
                removed,
                hidden_size: hidden,
                hides_size: hides,
                base,
            }
        };
    vec![
        layer(0, '0', 78_000_000, "", (3_000, 0, 0), 0, 0, true),
        layer(
            1,
            '1',
            110_000_000,
            "RUN apt-get update && apt-get install -y gcc python3 python3-pip tini curl vim less procps net-tools iputils-ping telnet dnsutils strace && curl -fsSL https://example.org/wheel.tar.gz -o /tmp/wheel.tar.gz # the whole kitchen sink, on one line that no terminal is wide enough for",
            (7_000, 12, 0),
            20_000_000,
            0,
            false,
        ),
        layer(
            2,
            '2',
            36_000_000,
            "RUN pip install -r requirements.txt",
            (2_300, 2, 1),
            1_400_000,
            20_000_000,
            false,
        ),
        layer(
            3,
            '3',
            2_900_000,
            &format!("COPY {HOSTILE} /app"),
            (57, 1, 0),
            0,
            1_400_000,
            false,
        ),
    ]
}

pub(crate) fn efficiency() -> Efficiency {
    let path = |path: &str, bytes, layers: &[usize], removed| WastedPath {
        path: path.to_owned(),
        bytes,
        layers: layers.to_vec(),
        removed,
    };
    Efficiency {
        score: 0.905_685,
        wasted_bytes: 21_400_000,
        user_wasted_bytes: 21_400_000,
        user_wasted_percent: 0.143_7,
        wasted_paths: vec![
            path("/tmp/wheel.tar.gz", 20_000_000, &[1, 2], true),
            path("/app/shop.db", 1_300_000, &[2, 3], false),
            path("/odd/\\x1b[31mname\\xff", 100_000, &[2, 3], false),
        ],
    }
}

pub(crate) fn dockerfile() -> Vec<DockerfileStep> {
    let step = |instruction: &str, layer, size, base| DockerfileStep {
        instruction: instruction.to_owned(),
        created_by: format!("{instruction} # buildkit"),
        created: Some("2026-05-04T10:20:30Z".to_owned()),
        layer,
        size,
        base,
    };
    vec![
        step("# ADD file:0f1e in /", Some(0), 78_000_000, true),
        step("CMD [\"bash\"]", None, 0, true),
        step("WORKDIR /app", None, 0, false),
        step(&layers()[1].instruction, Some(1), 110_000_000, false),
        step("ENV API_TOKEN=***", None, 0, false),
        step(
            "RUN pip install -r requirements.txt",
            Some(2),
            36_000_000,
            false,
        ),
        step(&layers()[3].instruction, Some(3), 2_900_000, false),
        step("EXPOSE 8000/tcp", None, 0, false),
        step("ENTRYPOINT [\"/usr/bin/tini\", \"--\"]", None, 0, false),
    ]
}
