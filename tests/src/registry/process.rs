//! [`RegistryProcess`]: `docker-registry` on a port of 127.0.0.1, with its data in a temporary folder.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::command::run;

/// How the registry is to be.
#[derive(Default)]
pub struct Settings<'a> {
    /// File of names and passwords, from [`htpasswd`].
    pub htpasswd: Option<&'a Path>,
    /// Its certificate.
    pub tls: Option<&'a Certificate>,
    /// Further lines of its configuration.
    pub further: String,
    /// The port, where a test needs a certain one.
    pub port: Option<u16>,
    /// The folder of its data, where it is to outlive the process.
    pub storage: Option<&'a Path>,
}

/// A running registry; ends with the value.
pub struct RegistryProcess {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl RegistryProcess {
    /// Without authentication and TLS.
    pub fn plain() -> Self {
        Self::start(&Settings::default())
    }

    /// Starts one and waits until it listens.
    pub fn start(settings: &Settings<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = settings.port.unwrap_or_else(free_port);
        let storage = match settings.storage {
            Some(storage) => storage.to_owned(),
            None => folder.path().join("data"),
        };
        let mut config = format!(
            "version: 0.1\nlog: {{level: debug}}\nstorage:\n  delete: {{enabled: true}}\n  \
             filesystem: {{rootdirectory: {}}}\n{}\nhttp:\n  addr: 127.0.0.1:{port}\n  secret: test\n",
            storage.display(),
            settings.further
        );
        if let Some(tls) = settings.tls {
            config.push_str(&format!(
                "  tls:\n    certificate: {}\n    key: {}\n",
                tls.certificate.display(),
                tls.key.display()
            ));
        }
        if let Some(file) = settings.htpasswd {
            config.push_str(&format!(
                "auth:\n  htpasswd: {{realm: test, path: {}}}\n",
                file.display()
            ));
        }
        let path = folder.path().join("config.yml");
        fs::write(&path, config).expect("the configuration is written");
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let mut command = Command::new("docker-registry");
        command
            .arg("serve")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log again"))
            .stderr(log)
            // Ctrl-C ends the tests, which end it.
            .process_group(0);
        let child = command.spawn().unwrap_or_else(|e| {
            panic!("cannot start docker-registry: {e}; `cargo xtask setup` installs it")
        });
        let mut registry = Self {
            child,
            folder,
            port,
        };
        registry.wait();
        registry
    }

    fn wait(&mut self) {
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait().expect("the registry can be asked");
            assert!(
                ended.is_none() && started.elapsed() < Duration::from_secs(20),
                "docker-registry does not listen:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it logged until now.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Requests that it answered, as `METHOD PATH STATUS`, without what stands after a question mark.
    pub fn requests(&self) -> Vec<String> {
        let log = self.log();
        let access = log.lines().filter_map(|line| {
            let (_, rest) = line.split_once("] \"")?;
            let (request, rest) = rest.split_once('"')?;
            let mut words = request.split(' ');
            let (method, path) = (words.next()?, words.next()?);
            let path = path.split('?').next()?;
            let status = rest.split_whitespace().next()?;
            Some(format!("{method} {path} {status}"))
        });
        access.collect()
    }

    /// Uploads that were started and neither finished nor removed.
    pub fn unfinished(&self, repository: &str) -> Vec<PathBuf> {
        let uploads = self
            .folder
            .path()
            .join("data/docker/registry/v2/repositories")
            .join(repository)
            .join("_uploads");
        let entries = fs::read_dir(uploads).into_iter().flatten().flatten();
        // After it removed one, this registry writes the state of a hash again, but neither of these.
        entries
            .map(|entry| entry.path())
            .filter(|path| path.join("data").exists() || path.join("startedat").exists())
            .collect()
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        // It may have ended by itself; then the log says why.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for RegistryProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens at.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its number").port()
}

/// Writes a file with one user.
pub fn htpasswd(folder: &Path, user: &str, password: &str) -> PathBuf {
    let line = run(Command::new("htpasswd").args(["-Bbn", user, password]));
    let path = folder.join("htpasswd");
    fs::write(&path, line).expect("the file is written");
    path
}

/// A self-signed certificate for 127.0.0.1.
pub struct Certificate {
    /// PEM
    pub certificate: PathBuf,
    /// PEM
    pub key: PathBuf,
}

/// Makes a certificate in `folder`.
pub fn certificate(folder: &Path) -> Certificate {
    let (certificate, key) = (folder.join("server.pem"), folder.join("server-key.pem"));
    let mut openssl = Command::new("openssl");
    openssl
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=test"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        // rustls takes no authority as the server's own certificate.
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    run(&mut openssl);
    Certificate { certificate, key }
}
