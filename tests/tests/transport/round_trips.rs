//! Every fixture from the Docker daemon through every transport and back into it.

use std::collections::BTreeSet;
use std::path::Path;

use minifier_tests::registry::RegistryProcess;
use minifier_tests::transport::{Names, docker};
use tempfile::TempDir;
use xtask::fixtures::{image_name, names};

use crate::transport::support::{done, open};

/// A test for each, so that they run side by side; one of them sees that none is forgotten.
macro_rules! round_trips {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                RoundTrip::new($name).run().await;
            }
        )*

        #[test]
        fn every_fixture_makes_a_round_trip() {
            let here = BTreeSet::from([$($name.to_owned(),)*]);
            let mut all: BTreeSet<String> = names().unwrap().into_iter().collect();
            // What `traps` is made from: layers that no builder writes.
            all.insert("traps-layers".to_owned());
            assert_eq!(here, all);
        }
    };
}

round_trips! {
    docker_healthcheck_comes_back_from_every_transport: "healthcheck",
    docker_java_comes_back_from_every_transport: "java",
    docker_job_comes_back_from_every_transport: "job",
    docker_nginx_comes_back_from_every_transport: "nginx",
    docker_node_express_comes_back_from_every_transport: "node-express",
    docker_postgres_comes_back_from_every_transport: "postgres",
    docker_python_gunicorn_comes_back_from_every_transport: "python-gunicorn",
    docker_redis_comes_back_from_every_transport: "redis",
    docker_static_comes_back_from_every_transport: "static",
    docker_tini_comes_back_from_every_transport: "tini",
    docker_traps_comes_back_from_every_transport: "traps",
    docker_traps_layers_comes_back_from_every_transport: "traps-layers",
}

/// Those that are compressed more than once, and read by `docker load` from a pipe: small ones, and one of usual size.
const THOROUGH: [&str; 4] = ["nginx", "static", "traps", "traps-layers"];

/// The daemon's ID of an image.
pub(crate) fn id(image: &str) -> String {
    docker(&["image", "inspect", "-f", "{{.Id}}", image])
}

/// The diff IDs that the daemon has of an image.
pub(crate) fn layers(image: &str) -> Vec<String> {
    let layers = docker(&["image", "inspect", "-f", "{{json .RootFS.Layers}}", image]);
    serde_json::from_str(&layers).unwrap()
}

/// Config digest and diff IDs of what is at a location.
pub(crate) async fn identity(folder: &Path, text: &str) -> (String, Vec<String>) {
    let (transport, path) = text.split_once(':').unwrap();
    let text = format!("{transport}:{}/{path}", folder.display());
    let image = open(&text).await.unwrap();
    let diff_ids = image.config.diff_ids().iter().map(ToString::to_string);
    (image.config.digest().to_string(), diff_ids.collect())
}

/// One fixture on its way.
struct RoundTrip {
    name: &'static str,
    image: String,
    expected: (String, Vec<String>),
    folder: TempDir,
    back: String,
    _names: Names,
}

impl RoundTrip {
    fn new(name: &'static str) -> Self {
        let image = image_name(name);
        let mut names = Names::new();
        Self {
            expected: (id(&image), layers(&image)),
            folder: tempfile::tempdir().unwrap(),
            back: names.add(&format!("round-{name}")),
            _names: names,
            image,
            name,
        }
    }

    fn copy(&self, args: &[&str]) -> String {
        done(self.folder.path(), &[&["copy"], args].concat())
    }

    /// What is there is the image that was.
    async fn check(&self, text: &str) {
        let found = identity(self.folder.path(), text).await;
        assert_eq!(found, self.expected, "{} {text}", self.image);
    }

    async fn run(&self) {
        let registry = RegistryProcess::plain();
        let remote = format!("docker://{}/some/{}:1", registry.host(), self.name);
        let from = format!("docker-daemon:{}", self.image);
        let digest = self.copy(&[&from, "oci:l:one"]);
        for (from, to) in [
            ("oci:l:one", remote.as_str()),
            (&remote, "oci-archive:o.tar:two"),
            ("oci-archive:o.tar:two", "oci:l2:three"),
        ] {
            assert_eq!(self.copy(&[from, to]), digest, "{from} {to}");
        }
        let archive = format!("docker-archive:d.tar:{}", self.back);
        self.copy(&["oci:l2:three", &archive]);
        for text in [
            "oci:l:one",
            "oci-archive:o.tar",
            "oci:l2",
            "docker-archive:d.tar",
        ] {
            self.check(text).await;
        }
        // What was pulled and what was decompressed: every digest, diff ID and size.
        for text in ["oci:l2", "docker-archive:d.tar"] {
            done(self.folder.path(), &["validate", text]);
        }
        let to = format!("docker-daemon:{}", self.back);
        assert!(
            self.copy(&["docker-archive:d.tar", &to])
                .starts_with("sha256:")
        );
        assert_eq!(id(&self.back), self.expected.0);
        if THOROUGH.contains(&self.name) {
            self.compressions(&digest).await;
            self.standard_output();
        }
    }

    async fn compressions(&self, digest: &str) {
        // The same bytes of gzip as the first time.
        assert_eq!(self.copy(&["docker-archive:d.tar", "oci:l3:four"]), digest);
        self.check("oci:l3").await;
        for text in ["oci:l:one", "oci-archive:o.tar", "oci:l3"] {
            done(self.folder.path(), &["validate", text]);
        }
        done(self.folder.path(), &["validate", &self.back]);
        // Zstandard has the same diff IDs, other blobs.
        let zstd = self.copy(&["--compression", "zstd", &self.back, "oci:l:zstd"]);
        assert_ne!(zstd, digest);
        self.check("oci:l:zstd").await;
        done(self.folder.path(), &["validate", "oci:l:zstd"]);
        self.copy(&["oci:l:zstd", &format!("docker-daemon:{}", self.back)]);
        assert_eq!(id(&self.back), self.expected.0);
    }

    /// Standard output is for `docker load`.
    fn standard_output(&self) {
        let at = self.folder.path();
        let program = minifier_tests::Minifier::find().unwrap();
        let program = program.command(at).get_program().to_owned();
        let script = "\"$0\" copy docker-archive:d.tar - | /usr/bin/docker load";
        let mut shell = std::process::Command::new("sh");
        minifier_tests::command::run(shell.args(["-c", script]).arg(program).current_dir(at));
        assert_eq!(id(&self.back), self.expected.0);
    }
}
