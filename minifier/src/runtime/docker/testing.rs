//! For the tests with a Docker daemon: a client, and small images made on the spot.
//!
//! The images stay, so that the next run need not make them again; they bear the label `org.minifier.test`:
//! `docker rmi $(docker images -aqf label=org.minifier.test)` removes them.

use std::io::Write;

use bollard::query_parameters::{BuildImageOptionsBuilder, CreateImageOptionsBuilder};
use bollard::{Docker, body_full};
use futures_util::StreamExt;
use tokio::sync::OnceCell;

use super::runtime::DockerRuntime;
use crate::image::{Digest, ImageConfig};
use crate::runtime::shared::RunId;

const BUSYBOX: &str = "/bin/busybox";
const LABEL: &str = "LABEL org.minifier.test=mfrun";
const REPOSITORY: &str = "mfrun-busybox";

/// A client of the local daemon.
pub(crate) async fn docker() -> Docker {
    let client = Docker::connect_with_unix_defaults().expect("a Docker socket");
    client
        .negotiate_version()
        .await
        .expect("a Docker daemon that answers")
}

/// A runtime of the local daemon.
pub(crate) async fn runtime() -> DockerRuntime {
    let run = RunId::new().expect("/proc can be read");
    DockerRuntime::new(docker().await, &run)
}

/// An image made of busybox and the lines of a Dockerfile that follow `FROM`; its id.
pub(crate) async fn image(dockerfile: &str) -> String {
    let base = base().await;
    build(&format!("FROM {base}\n{dockerfile}\n")).await
}

/// The config of an image as its daemon tells it.
pub(crate) async fn config(image: &str) -> ImageConfig {
    let inspected = docker().await.inspect_image(image).await.unwrap();
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "config": inspected.config,
        "rootfs": {"type": "layers", "diff_ids": []},
    });
    ImageConfig::parse(&serde_json::to_vec(&config).unwrap()).unwrap()
}

/// An image made of Debian's nginx and the lines of a Dockerfile that follow `FROM`; its id.
pub(crate) async fn nginx(dockerfile: &str) -> String {
    const NGINX: &str = "mfrun-nginx:bookworm";
    static MADE: OnceCell<()> = OnceCell::const_new();
    MADE.get_or_init(|| async {
        if docker().await.inspect_image(NGINX).await.is_ok() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let tar = directory.path().join("root.tar");
        let made = std::process::Command::new("mmdebstrap")
            .args(["--variant=minbase", "--include=nginx-light", "bookworm"])
            .arg(&tar)
            .output()
            .expect("mmdebstrap is installed");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        import(NGINX, std::fs::read(tar).unwrap()).await;
    })
    .await;
    build(&format!("FROM {NGINX}\n{dockerfile}\n")).await
}

async fn import(repository: &str, tar: Vec<u8>) {
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(repository)
        .changes(vec![LABEL.to_owned()])
        .build();
    let docker = docker().await;
    let mut answers =
        Box::pin(docker.create_image(Some(options), Some(body_full(tar.into())), None));
    while let Some(answer) = answers.next().await {
        answer.expect("the image is imported");
    }
}

/// Builds an image with the classic builder, which needs no network for what the tests do; its id.
pub(crate) async fn build(dockerfile: &str) -> String {
    let docker = docker().await;
    let mut tar = tar::Builder::new(Vec::new());
    let dockerfile = format!("{dockerfile}{LABEL}\n");
    add(&mut tar, "Dockerfile", 0o644, dockerfile.as_bytes());
    let options = BuildImageOptionsBuilder::new()
        .rm(true)
        .forcerm(true)
        .build();
    let body = body_full(tar.into_inner().unwrap().into());
    let mut answers = std::pin::pin!(docker.build_image(options, None, Some(body)));
    let mut id = None;
    while let Some(answer) = answers.next().await {
        let answer = answer.expect("an image is built");
        id = answer.aux.and_then(|aux| aux.id).or(id);
    }
    id.expect("the builder names the image")
}

/// The image with busybox; made once, and again when its contents change.
async fn base() -> &'static str {
    static BASE: OnceCell<String> = OnceCell::const_new();
    BASE.get_or_init(|| async {
        let busybox = std::fs::read(BUSYBOX)
            .unwrap_or_else(|e| panic!("{BUSYBOX}: {e}; these tests need Debian's busybox-static"));
        let mut tar = tar::Builder::new(Vec::new());
        add(&mut tar, "bin/busybox", 0o755, &busybox);
        for name in [
            "sh", "httpd", "nc", "sleep", "cat", "echo", "wget", "true", "kill", "id", "env",
            "false", "test", "grep",
        ] {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            header.set_mode(0o777);
            tar.append_link(&mut header, format!("bin/{name}"), "busybox")
                .unwrap();
        }
        add(
            &mut tar,
            "etc/passwd",
            0o644,
            b"root:x:0:0::/:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n",
        );
        add(&mut tar, "etc/group", 0o644, b"root:x:0:\nweb:x:1000:\n");
        add(&mut tar, "www/index.html", 0o644, INDEX);
        add(&mut tar, "www/a.html", 0o644, b"<a href=b.html>b</a>");
        add(&mut tar, "www/b.html", 0o644, b"<a href='/'>home</a>");
        add(
            &mut tar,
            "www/style.css",
            0o644,
            b"body { background: url(bg.png) }",
        );
        add(&mut tar, "www/bg.png", 0o644, b"\x89PNG");
        let tar = tar.into_inner().unwrap();
        let base = format!("{REPOSITORY}:{}", &Digest::of(&tar).to_hex()[..12]);
        if docker().await.inspect_image(&base).await.is_ok() {
            return base;
        }
        import(&base, tar).await;
        base
    })
    .await
}

const INDEX: &[u8] = br#"<html><head><link rel=stylesheet href="/style.css"></head><body>
<a href="a.html#top">a</a> <a href="http://elsewhere.invalid/">x</a> <a href="/missing">m</a></body></html>"#;

fn add<W: Write>(tar: &mut tar::Builder<W>, path: &str, mode: u32, data: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_size(data.len() as u64);
    header.set_mode(mode);
    tar.append_data(&mut header, path, data).unwrap();
}
