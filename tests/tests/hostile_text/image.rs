//! Images whose every text is hostile.

use std::fs;
use std::path::{Path, PathBuf};

use minifier::image::{DiffId, Digest};
use minifier_tests::transport::append;
use serde_json::{Value, json};

use crate::hostile_text::HOSTILE;

/// An image that can be changed before it is written as a docker-archive.
pub(crate) struct Image {
    pub(crate) config: Value,
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) tags: Vec<String>,
}

impl Image {
    /// A package database, a distribution and a program, none of it hostile.
    pub(crate) fn new() -> Self {
        let status =
            "Package: base\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n";
        Self {
            config: json!({
                "os": "linux",
                "architecture": "amd64",
                "config": {"Cmd": ["/bin/app"], "Env": ["A=b"]},
                "rootfs": {"type": "layers", "diff_ids": []},
                "history": [{"created_by": "test"}],
            }),
            files: vec![
                (
                    "etc/os-release".into(),
                    b"ID=debian\nPRETTY_NAME=x\n".to_vec(),
                ),
                ("var/lib/dpkg/status".into(), status.into()),
                ("bin/app".into(), b"#!/bin/sh\n".to_vec()),
            ],
            tags: vec!["app:1".into()],
        }
    }

    /// Replaces or adds a file.
    pub(crate) fn file(&mut self, name: &str, body: impl Into<Vec<u8>>) {
        self.files.retain(|(known, _)| known != name);
        self.files.push((name.to_owned(), body.into()));
    }

    /// Writes it; gives its location.
    pub(crate) fn write(mut self, folder: &Path, name: &str) -> String {
        let mut layer = tar::Builder::new(Vec::new());
        for (name, body) in &self.files {
            add(&mut layer, name, body);
        }
        let layer = layer.into_inner().unwrap();
        self.config["rootfs"]["diff_ids"] = json!([DiffId::of(&layer)]);
        let config = serde_json::to_vec(&self.config).unwrap();
        let config_name = format!("{}.json", Digest::of(&config).to_hex());
        let manifest =
            json!([{"Config": config_name, "RepoTags": self.tags, "Layers": ["l/layer.tar"]}]);
        let mut archive = tar::Builder::new(Vec::new());
        append(&mut archive, "l/layer.tar", &layer);
        append(&mut archive, &config_name, &config);
        append(
            &mut archive,
            "manifest.json",
            manifest.to_string().as_bytes(),
        );
        let path: PathBuf = folder.join(name);
        fs::write(&path, archive.into_inner().unwrap()).unwrap();
        format!("docker-archive:{}", path.display())
    }
}

/// A name may hold anything but NUL and a slash, which `tar::Builder` does not know.
fn add(layer: &mut tar::Builder<Vec<u8>>, name: &str, body: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_path("placeholder").unwrap();
    header.set_size(body.len() as u64);
    header.set_mode(0o755);
    header.set_cksum();
    let records = [("path", name.as_bytes())];
    layer.append_pax_extensions(records).unwrap();
    layer.append(&header, body).unwrap();
}

/// An image for each place that holds text, by what it is.
pub(crate) fn hostile_images() -> Vec<(&'static str, Image)> {
    let mut images = Vec::new();
    let mut with = |what: &'static str, change: &dyn Fn(&mut Image)| {
        let mut image = Image::new();
        change(&mut image);
        images.push((what, image));
    };
    let set = |field: &'static str, value: Value| {
        move |image: &mut Image| image.config["config"][field] = value.clone()
    };
    with("USER", &set("User", json!(HOSTILE)));
    with("WORKDIR", &set("WorkingDir", json!(format!("/{HOSTILE}"))));
    with("ENTRYPOINT", &set("Entrypoint", json!([HOSTILE, HOSTILE])));
    with("CMD", &set("Cmd", json!(["/bin/app", HOSTILE])));
    with(
        "ENV",
        &set(
            "Env",
            json!([format!("{HOSTILE}=x"), format!("A={HOSTILE}")]),
        ),
    );
    with("LABEL", &set("Labels", json!({HOSTILE: HOSTILE})));
    with(
        "VOLUME",
        &set("Volumes", json!({(format!("/{HOSTILE}")): {}})),
    );
    with("EXPOSE", &set("ExposedPorts", json!({HOSTILE: {}})));
    with("STOPSIGNAL", &set("StopSignal", json!(HOSTILE)));
    with(
        "HEALTHCHECK",
        &set("Healthcheck", json!({"Test": ["CMD", HOSTILE]})),
    );
    with("architecture", &|image| {
        image.config["architecture"] = json!(HOSTILE)
    });
    with("os", &|image| image.config["os"] = json!(HOSTILE));
    with("created", &|image| image.config["created"] = json!(HOSTILE));
    with("history", &|image| {
        image.config["history"] =
            json!([{"created_by": format!("RUN {HOSTILE}"), "comment": HOSTILE}]);
    });
    with("tag", &|image| {
        image.tags = vec![HOSTILE.to_owned(), "app:1".into()]
    });
    with("file name", &|image| {
        image.file(&format!("opt/{HOSTILE}"), vec![7; 5000]);
        image.file(
            &format!("root/{HOSTILE}/.aws/credentials"),
            "aws_secret_access_key = kTq8Zr2Lw9Xv5Nb3Mc7P\n",
        );
    });
    with("os-release", &|image| {
        // A line ends the value, so the rest has to do.
        let name = HOSTILE.replace(['\n', '\r'], " ");
        let text = format!("ID=debian\nPRETTY_NAME=\"::error::{name}\"\nVERSION_ID=\"{name}\"\n");
        image.file("etc/os-release", text);
    });
    with("packages", &|image| {
        let name = HOSTILE.replace(['\n', '\r'], " ");
        let status = format!(
            "Package: ::error::{name}\nStatus: install ok installed\nVersion: {name}\nArchitecture: {name}\n\n"
        );
        image.file("var/lib/dpkg/status", status);
        let package = json!({"name": HOSTILE, "version": HOSTILE, "license": HOSTILE});
        image.file("app/node_modules/a/package.json", package.to_string());
    });
    images
}
