//! Where wishes land, without a runtime.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::rootfs::{EntryKind, LayerEntry, LayerIndex, Metadata, RootFs};
use crate::runtime::error::RuntimeError;

/// A tree of links (`path -> target`), directories (`path/`) and files.
fn tree(entries: &[&str]) -> RootFs {
    let entry = |text: &&str| {
        let (path, kind) = match text.split_once(" -> ") {
            Some((path, target)) => {
                let target = target.into();
                (path, EntryKind::Symlink { target })
            }
            None if text.ends_with('/') => (*text, EntryKind::Directory),
            None => (*text, EntryKind::Fifo),
        };
        LayerEntry {
            path: path.into(),
            meta: Metadata::default(),
            kind,
        }
    };
    let entries = entries.iter().map(entry).collect();
    RootFs::merge([LayerIndex { entries }]).unwrap()
}

fn volume(target: &str) -> Wish {
    Wish::new(WishOrigin::Image, target, MountContent::Image(None))
}

fn option(target: &str, content: MountContent) -> Wish {
    Wish::new(WishOrigin::Option, target, content)
}

fn landed(tree: &dyn Tree, wishes: &[Wish]) -> Result<Vec<String>, RuntimeError> {
    let arranged = arrange(tree, wishes)?;
    let landed = arranged.landed.iter();
    Ok(landed
        .map(|landed| format!("{} {}", landed.wish, landed.path))
        .collect())
}

#[test]
fn the_same_tree_on_disk_and_in_memory_leads_to_the_same_places() {
    let entries = [
        "/srv/real/",
        "/data -> srv/real",
        "/up -> ../../srv/./real/..",
        "/through -> data/new/../x",
        "/a -> b",
        "/b -> /a",
        "/file",
        "/out -> gone/../dev",
        "/long -> /srv/../../../../../srv/real",
        "/shm -> dev/shm/x",
        "/top -> srv/..",
    ];
    let merged = tree(&entries);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("srv/real")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for (path, target) in entries.iter().filter_map(|entry| entry.split_once(" -> ")) {
        symlink(target, folder.path().join(&path[1..])).unwrap();
    }
    let on_disk = OpenedTree::at(folder.path()).unwrap();
    for (target, expected) in [
        ("/data", "/srv/real"),
        ("/data/deeper", "/srv/real/deeper"),
        ("/up", "/srv"),
        ("/through", "/srv/real/x"),
        ("/long", "/srv/real"),
        ("/new/place", "/new/place"),
        ("/dev/shm", "/dev/shm"),
        ("/shm", "/dev/shm/x"),
        ("/a", "it leads through too many links"),
        ("/file/x", "/file is not a directory"),
        ("/top", "it leads to the root of the image"),
        ("/out", "it leads to /dev,"),
        ("/out/null", "it leads to /dev/null,"),
        ("/sys", "it leads to /sys,"),
        ("/procfs", "/procfs"),
    ] {
        for tree in [&merged as &dyn Tree, &on_disk] {
            let found = match destination(&Covered::new(tree), &target.into()) {
                Ok(landing) => landing.path.to_string(),
                Err(error) => error.to_string(),
            };
            assert!(found.starts_with(expected), "{target}: {found}");
        }
    }
}

#[test]
fn what_no_file_system_takes_is_no_destination() {
    let tree = tree(&["/long -> x"]);
    let long = "n".repeat(256);
    let deep = "/d".repeat(3000);
    for target in ["/a\0b", &format!("/{long}"), &deep] {
        let error = destination(&tree, &target.into()).unwrap_err();
        assert!(matches!(error, DestinationError::Path), "{error}");
        let error = landed(&tree, &[volume(target)]).unwrap_err().to_string();
        assert!(error.len() < 400, "{error}");
    }
}

#[test]
fn those_above_come_first_and_one_place_is_one_volume() {
    let tree = tree(&["/srv/real/", "/data -> srv/real", "/other -> /data"]);
    let wishes = [
        volume("/data"),
        volume("/other"),
        option("/data/below", MountContent::Empty),
        volume("/srv"),
        option("/srv/real", MountContent::Empty),
    ];
    // The option lands where a volume does, which came first here.
    let error = landed(&tree, &wishes).unwrap_err();
    let RuntimeError::Destination { by_image, .. } = error else {
        panic!("{error}")
    };
    assert!(!by_image);
    assert_eq!(
        landed(&tree, &wishes[..4]).unwrap(),
        ["3 /srv", "0 /srv/real", "2 /srv/real/below"]
    );
}

#[test]
fn a_link_in_what_is_mounted_above_is_seen() {
    let tree = tree(&["/data/"]);
    let folder = tempfile::tempdir().unwrap();
    symlink("/dev", folder.path().join("sub")).unwrap();
    fs::create_dir(folder.path().join("plain")).unwrap();
    let host = || option("/data", MountContent::Host(folder.path().to_owned()));
    let error = landed(&tree, &[host(), volume("/data/sub")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "mount the image's VOLUME /data/sub: it leads to /dev, but /dev, /proc and /sys belong to the system \
         (only /dev/shm is allowed)"
    );
    symlink("plain", folder.path().join("inner")).unwrap();
    let error = landed(&tree, &[host(), volume("/data/inner/x")]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a link in a folder or volume that is mounted above")
    );
    assert_eq!(
        landed(&tree, &[host(), volume("/data/plain/x")]).unwrap(),
        ["0 /data", "1 /data/plain/x"]
    );
    // What is hidden by a mount leads nowhere.
    let hidden = self::tree(&["/data/sub -> /dev"]);
    let error = landed(&hidden, &[volume("/data/sub")]);
    assert!(error.is_err());
}

#[test]
fn the_mistake_is_the_users_where_the_option_itself_names_the_place() {
    let tree = tree(&["/data -> /dev", "/file", "/loop -> loop"]);
    for (wish, expected) in [
        (option("/dev/sda", MountContent::Empty), false),
        (option("/data", MountContent::Empty), true),
        (option("/data/x", MountContent::Empty), true),
        (option("/file/x", MountContent::Empty), false),
        (option("/file", MountContent::Empty), false),
        (option("/loop", MountContent::Empty), true),
        (volume("/dev"), true),
        (volume("/file"), true),
        (volume("/"), true),
    ] {
        let error = landed(&tree, std::slice::from_ref(&wish)).unwrap_err();
        let RuntimeError::Destination { by_image, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(*by_image, expected, "{wish:?}: {error}");
    }
}

#[test]
fn the_systems_own_places_must_be_directories() {
    for entry in ["/dev -> x", "/proc", "/sys -> /proc"] {
        let error = landed(&tree(&[entry]), &[]).unwrap_err();
        assert!(error.to_string().contains("is not a directory"), "{error}");
    }
    assert!(landed(&tree(&["/dev/null -> /proc/kmsg", "/sys/"]), &[]).is_ok());
}

#[test]
fn a_working_directory_may_be_missing_and_is_never_the_systems() {
    let tree = tree(&["/work -> /proc/self/fd", "/app/", "/file"]);
    let at = |path: &str| working_directory(&tree, &path.into()).map(|path| path.to_string());
    assert_eq!(at("/").unwrap(), "/");
    assert_eq!(at("/app/new").unwrap(), "/app/new");
    for path in ["/work", "/work/7", "/proc/self/fd/7", "/file", "/file/x"] {
        assert!(at(path).is_err(), "{path}");
    }
}

#[test]
fn an_image_is_checked_before_a_daemon_runs_it() {
    use crate::image::ImageConfig;
    use crate::runtime::options::{RunOptions, parse_mount, parse_tmpfs, parse_volume};
    let image = |config: serde_json::Value| {
        let config = serde_json::json!({
            "os": "linux", "architecture": "amd64", "config": config,
            "rootfs": {"type": "layers", "diff_ids": []},
        });
        ImageConfig::parse(config.to_string().as_bytes()).unwrap()
    };
    let tree = tree(&["/data -> /dev", "/etc/", "/app/"]);
    let none = |name: &str| MountContent::Image(Some(name.to_owned()));
    let checked = |tree: &RootFs,
                   config: &ImageConfig,
                   options: &RunOptions,
                   volume: &dyn Fn(&str) -> MountContent| {
        super::engine::check(
            tree,
            config,
            options,
            &super::wishes(config, options, volume),
        )
    };
    let plain = image(serde_json::json!({}));
    let check = |options: RunOptions| checked(&tree, &plain, &options, &none);
    assert!(check(RunOptions::default()).is_ok());
    let here = std::path::Path::new("/");
    for options in [
        RunOptions {
            volumes: vec![parse_volume("v:/data", here).unwrap()],
            ..RunOptions::default()
        },
        RunOptions {
            mounts: vec![parse_mount("type=volume,target=/data/x").unwrap()],
            ..RunOptions::default()
        },
        RunOptions {
            tmpfs: vec![parse_tmpfs("/data").unwrap()],
            ..RunOptions::default()
        },
        RunOptions {
            workdir: Some("/proc/self/fd/7".into()),
            ..RunOptions::default()
        },
    ] {
        assert!(check(options).is_err());
    }
    for config in [
        serde_json::json!({"Volumes": {"/data": {}}}),
        serde_json::json!({"WorkingDir": "/proc/self/fd/7"}),
        serde_json::json!({"WorkingDir": "data"}),
    ] {
        assert!(checked(&tree, &image(config), &RunOptions::default(), &none).is_err());
    }
    let hosts = self::tree(&["/etc/hosts -> /dev/null"]);
    let error = checked(&hosts, &plain, &RunOptions::default(), &none).unwrap_err();
    assert!(error.to_string().contains("/etc/hosts"), "{error}");
    // A volume that the daemon has may hold links of an earlier container.
    let folder = tempfile::tempdir().unwrap();
    symlink("/dev", folder.path().join("sub")).unwrap();
    let volumes = image(serde_json::json!({"Volumes": {"/app/sub": {}}}));
    let options = RunOptions {
        volumes: vec![parse_volume("known:/app", here).unwrap()],
        ..RunOptions::default()
    };
    let known = |_: &str| MountContent::Host(folder.path().to_owned());
    assert!(checked(&tree, &volumes, &options, &none).is_ok());
    assert!(checked(&tree, &volumes, &options, &known).is_err());
    // One that gets what the image has gets its links too, unless it is to stay empty.
    let tree = self::tree(&["/app/sub -> /dev", "/etc/"]);
    assert!(checked(&tree, &volumes, &options, &none).is_err());
}

#[test]
fn a_volume_option_whose_source_is_missing_is_an_empty_directory_and_a_mount_names_it() {
    use crate::image::ImageConfig;
    use crate::runtime::options::{RunOptions, parse_mount, parse_volume};
    let config = ImageConfig::parse(
        br#"{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}"#,
    );
    let config = config.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let tree = tree(&["/data/", "/etc/"]);
    let check = |options: RunOptions| {
        let none = |_: &str| MountContent::Empty;
        super::engine::check(
            &tree,
            &config,
            &options,
            &super::wishes(&config, &options, none),
        )
    };
    let volume = format!("{}:/data", missing.display());
    let options = RunOptions {
        volumes: vec![parse_volume(&volume, folder.path()).unwrap()],
        ..RunOptions::default()
    };
    assert_eq!(check(options).unwrap().len(), 1);
    let mount = format!("type=bind,source={},target=/data", missing.display());
    let options = RunOptions {
        mounts: vec![parse_mount(&mount).unwrap()],
        ..RunOptions::default()
    };
    let error = check(options).unwrap_err();
    let (message, path) = (error.to_string(), missing.display().to_string());
    assert!(message.contains(&path), "{message}");
    assert!(error.hint().is_some_and(|hint| hint.contains("the path")));
}
