//! Tests of the whole of `config.json`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::users::Ids;
use super::*;
use crate::image::ImageConfig;
use crate::rootfs::RootFs;
use crate::runtime::destination::{SYSTEM_FILES, arrange};
use crate::runtime::options::{RunLimits, RunOptions, Volume, parse_mount, parse_tmpfs};

fn image(execution: &Value) -> ImageConfig {
    let config = json!({
        "os": "linux", "architecture": "amd64", "config": execution,
        "rootfs": {"type": "layers", "diff_ids": []},
    });
    ImageConfig::parse(&serde_json::to_vec(&config).unwrap()).unwrap()
}

fn made(execution: &Value, options: &RunOptions, limits: RunLimits) -> Value {
    let config = image(execution);
    let command = ContainerCommand::new(&config, options, "box").unwrap();
    let wanted = plan_storage(&config, options).unwrap();
    let wishes: Vec<_> = wanted.iter().map(StoragePlace::wish).collect();
    let nothing = RootFs::default();
    let landed = arrange(&nothing, &wishes).unwrap().landed;
    let places: Vec<StoragePlace> = landed
        .iter()
        .map(|place| wanted[place.wish].clone())
        .collect();
    let files = SYSTEM_FILES.map(|path| (Path::new("/run").join(&path[1..]), path.into()));
    let volumes: Volumes = places
        .iter()
        .enumerate()
        .filter(|(_, place)| matches!(place.storage, Storage::Volume { .. }))
        .map(|(number, _)| (number, PathBuf::from(format!("/run/volume{number}"))))
        .collect();
    let ids = Ids {
        uid: 100,
        gid: 101,
        groups: vec![101, 4],
        home: "/srv".to_owned(),
    };
    let spec = build(&SpecRequest {
        command: &command,
        ids: &ids,
        options,
        limits: &limits,
        capabilities: &capability_names(&options.cap_add, &options.cap_drop).unwrap(),
        hostname: "box",
        network: &Network::of(options).unwrap(),
        places: &places,
        volumes: &volumes,
        files: &files,
        root: Path::new("/run/rootfs"),
        cgroup: Path::new("/id"),
    });
    serde_json::to_value(spec.unwrap()).unwrap()
}

fn at<'a>(spec: &'a Value, target: &str) -> Vec<&'a Value> {
    let mounts = spec["mounts"].as_array().unwrap();
    mounts
        .iter()
        .filter(|mount| mount["destination"] == target)
        .collect()
}

#[test]
fn the_default_is_what_docker_gives() {
    let spec = made(
        &json!({"Cmd": ["x"], "User": "u"}),
        &RunOptions::default(),
        RunLimits::default(),
    );
    let process = &spec["process"];
    assert_eq!(
        process["user"],
        json!({"uid": 100, "gid": 101, "additionalGids": [101, 4]})
    );
    assert_eq!(
        process["env"],
        json!([
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOSTNAME=box",
            "HOME=/srv"
        ])
    );
    assert_eq!(
        (&process["terminal"], &process["noNewPrivileges"]),
        (&json!(false), &json!(false))
    );
    let capabilities = &process["capabilities"];
    assert_eq!(capabilities["bounding"].as_array().unwrap().len(), 14);
    assert_eq!(capabilities["effective"], json!([]), "the user is not root");
    let namespaces = spec["linux"]["namespaces"].as_array().unwrap();
    let kinds: Vec<&str> = namespaces
        .iter()
        .filter_map(|n| n["type"].as_str())
        .collect();
    for kind in ["mount", "pid", "ipc", "uts", "network"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert!(!kinds.contains(&"user") && namespaces.iter().all(|n| n.get("path").is_none()));
    assert_eq!(spec["linux"]["cgroupsPath"], "/id");
    assert_eq!(spec["linux"]["seccomp"]["defaultAction"], "SCMP_ACT_ERRNO");
    assert_eq!(
        spec["linux"]["sysctl"]["net.ipv4.ip_unprivileged_port_start"],
        "0"
    );
    let rules = spec["linux"]["resources"]["devices"].as_array().unwrap();
    assert_eq!(rules[0], json!({"allow": false, "access": "rwm"}));
    assert!(
        at(&spec, "/sys")[0]["options"]
            .as_array()
            .unwrap()
            .contains(&json!("ro"))
    );
    assert!(
        at(&spec, "/dev/shm")[0]["options"]
            .as_array()
            .unwrap()
            .contains(&json!("size=67108864"))
    );
    assert_eq!(at(&spec, "/etc/hosts")[0]["source"], "/run/etc/hosts");
}

#[test]
fn options_reach_their_fields() {
    let options = RunOptions {
        network: Some("host".into()),
        read_only: true,
        shm_size: Some(1 << 20),
        cap_add: vec!["ALL".into()],
        env: vec!["HOME=/h".into()],
        ..RunOptions::default()
    };
    let limits = RunLimits {
        memory: Some(1 << 30),
        pids: Some(10),
        log: None,
    };
    let spec = made(&json!({"Cmd": ["x"]}), &options, limits);
    assert_eq!(
        spec["root"],
        json!({"path": "/run/rootfs", "readonly": true})
    );
    let namespaces = spec["linux"]["namespaces"].as_array().unwrap();
    assert!(namespaces.iter().all(|n| n["type"] != "network"));
    assert_eq!(spec["linux"]["sysctl"], json!({}));
    assert_eq!(spec["linux"]["resources"]["memory"]["limit"], 1 << 30);
    assert_eq!(spec["linux"]["resources"]["pids"]["limit"], 10);
    assert!(
        spec["process"]["env"]
            .as_array()
            .unwrap()
            .contains(&json!("HOME=/h"))
    );
    let path = RunOptions {
        network: Some("/proc/1/ns/net".into()),
        ..RunOptions::default()
    };
    let spec = made(&json!({"Cmd": ["x"]}), &path, RunLimits::default());
    let namespaces = spec["linux"]["namespaces"].as_array().unwrap();
    assert!(namespaces.contains(&json!({"type": "network", "path": "/proc/1/ns/net"})));
}

#[test]
fn mounts_come_in_order_and_those_of_the_options_win() {
    let options = RunOptions {
        mounts: vec![parse_mount("type=bind,source=/etc,target=/a/b,readonly").unwrap()],
        volumes: vec![
            Volume::Anonymous("/data/".into()),
            Volume::Bind("named:/n:ro,nocopy".into()),
            Volume::Bind("/usr:/a:rslave".into()),
        ],
        tmpfs: vec![parse_tmpfs("/dev/shm:size=1m,exec").unwrap()],
        ..RunOptions::default()
    };
    let image = json!({"Cmd": ["x"], "Volumes": {"/data": {}, "/of/image": {}}});
    let spec = made(&image, &options, RunLimits::default());
    let order: Vec<&str> = spec["mounts"].as_array().unwrap()[6..]
        .iter()
        .filter_map(|mount| mount["destination"].as_str())
        .collect();
    assert_eq!(
        order,
        [
            "/a",
            "/data",
            "/n",
            "/a/b",
            "/dev/shm",
            "/of/image",
            "/etc/resolv.conf",
            "/etc/hostname",
            "/etc/hosts"
        ]
    );
    assert_eq!(at(&spec, "/a")[0]["options"], json!(["rbind", "rslave"]));
    assert_eq!(
        at(&spec, "/a/b")[0]["options"],
        json!(["rbind", "rprivate", "ro"])
    );
    assert_eq!(
        at(&spec, "/n")[0]["options"],
        json!(["rbind", "rprivate", "ro"])
    );
    assert_eq!(at(&spec, "/dev/shm").len(), 1);
    assert_eq!(
        at(&spec, "/dev/shm")[0]["options"],
        json!(["nosuid", "nodev", "size=1m", "exec"])
    );
}

#[test]
fn mounts_that_only_a_daemon_has_are_refused() {
    for (mount, message) in [
        (
            "type=volume,source=v,target=/v,volume-driver=nfs",
            "only a daemon has volume drivers",
        ),
        (
            "type=bind,source=/no/such,target=/v",
            "there is no such file or folder",
        ),
        (
            "type=bind,source=/etc,target=/v,bind-propagation=rshared",
            "would let mounts of the container out",
        ),
        ("type=tmpfs,target=/", "nothing can be mounted there"),
        (
            "type=tmpfs,target=/twice/.",
            "another mount has the same target",
        ),
    ] {
        let options = RunOptions {
            mounts: vec![parse_mount(mount).unwrap()],
            tmpfs: vec![parse_tmpfs("/twice").unwrap()],
            ..RunOptions::default()
        };
        let error = plan_storage(&image(&json!({})), &options).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.hint().is_some());
    }
}
