//! [`RunOptions`] as the body of the Docker API's `POST /containers/create`.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, Mount as ApiMount, MountBindOptions,
    MountBindOptionsPropagationEnum as Propagation, MountTmpfsOptions, MountType,
    MountVolumeOptions, MountVolumeOptionsDriverConfig,
};

use crate::runtime::options::{Mount, MountKind, RunOptions, Volume};

/// The request that creates a container of `image`; what `options` leave alone comes from the image's config.
pub(crate) fn create_body(
    image: &str,
    options: &RunOptions,
    labels: HashMap<String, String>,
) -> ContainerCreateBody {
    let anonymous = |volume: &Volume| match volume {
        Volume::Anonymous(target) => Some(target.clone()),
        Volume::Bind(_) => None,
    };
    let bind = |volume: &Volume| match volume {
        Volume::Anonymous(_) => None,
        Volume::Bind(bind) => Some(bind.clone()),
    };
    let host_config = HostConfig {
        binds: some(options.volumes.iter().filter_map(bind).collect()),
        mounts: some(options.mounts.iter().map(api_mount).collect()),
        tmpfs: (!options.tmpfs.is_empty()).then(|| {
            options
                .tmpfs
                .iter()
                .map(|t| (t.target.clone(), t.options.clone()))
                .collect()
        }),
        network_mode: options.network.clone(),
        extra_hosts: some(options.add_host.clone()),
        sysctls: (!options.sysctls.is_empty())
            .then(|| options.sysctls.clone().into_iter().collect()),
        readonly_rootfs: Some(options.read_only),
        shm_size: options.shm_size,
        cap_add: some(options.cap_add.clone()),
        cap_drop: some(options.cap_drop.clone()),
        cgroup_parent: options.cgroup_parent.clone(),
        privileged: Some(false),
        // A daemon can be configured to start every container with an init; the image's own process must be pid 1.
        init: Some(false),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(image.to_owned()),
        env: some(options.env.clone()),
        user: options.user.clone(),
        // An empty word is how the API says "no entrypoint"; an empty list means the image's own.
        entrypoint: options.entrypoint.clone().map(|words| {
            if words.is_empty() {
                vec![String::new()]
            } else {
                words
            }
        }),
        cmd: options.cmd.clone(),
        working_dir: options.workdir.clone(),
        hostname: options.hostname.clone(),
        volumes: some(options.volumes.iter().filter_map(anonymous).collect()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        labels: Some(labels),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn api_mount(mount: &Mount) -> ApiMount {
    let api = ApiMount {
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        ..ApiMount::default()
    };
    match &mount.kind {
        MountKind::Bind {
            source,
            propagation,
            non_recursive,
        } => ApiMount {
            typ: Some(MountType::BIND),
            source: Some(source.clone()),
            bind_options: Some(MountBindOptions {
                propagation: propagation.as_deref().and_then(api_propagation),
                non_recursive: Some(*non_recursive),
                ..MountBindOptions::default()
            }),
            ..api
        },
        MountKind::Volume {
            source,
            no_copy,
            labels,
            driver,
            options,
        } => ApiMount {
            typ: Some(MountType::VOLUME),
            source: source.clone(),
            volume_options: Some(MountVolumeOptions {
                no_copy: Some(*no_copy),
                labels: Some(labels.clone().into_iter().collect()),
                driver_config: driver.clone().map(|name| MountVolumeOptionsDriverConfig {
                    name: Some(name),
                    options: Some(options.clone().into_iter().collect()),
                }),
                ..MountVolumeOptions::default()
            }),
            ..api
        },
        MountKind::Tmpfs { size, mode } => ApiMount {
            typ: Some(MountType::TMPFS),
            tmpfs_options: Some(MountTmpfsOptions {
                size_bytes: *size,
                mode: mode.map(i64::from),
                ..MountTmpfsOptions::default()
            }),
            ..api
        },
    }
}

fn api_propagation(text: &str) -> Option<Propagation> {
    Some(match text {
        "private" => Propagation::PRIVATE,
        "rprivate" => Propagation::RPRIVATE,
        "shared" => Propagation::SHARED,
        "rshared" => Propagation::RSHARED,
        "slave" => Propagation::SLAVE,
        "rslave" => Propagation::RSLAVE,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::options::{parse_mount, parse_tmpfs};

    fn json(options: &RunOptions) -> serde_json::Value {
        serde_json::to_value(create_body("img", options, HashMap::new())).unwrap()
    }

    #[test]
    fn the_default_leaves_the_image_config_alone_and_is_not_privileged() {
        let body = json(&RunOptions::default());
        for field in [
            "Env",
            "User",
            "Entrypoint",
            "Cmd",
            "WorkingDir",
            "Volumes",
            "ExposedPorts",
            "StopSignal",
            "Healthcheck",
            "Tty",
            "OpenStdin",
        ] {
            assert!(body.get(field).is_none(), "{field}: {body}");
        }
        let host = &body["HostConfig"];
        assert_eq!(host["Privileged"], false);
        assert_eq!(host["Init"], false);
        for field in [
            "PortBindings",
            "PublishAllPorts",
            "PidMode",
            "SecurityOpt",
            "CapAdd",
            "Binds",
            "NetworkMode",
        ] {
            assert!(host.get(field).is_none(), "{field}: {body}");
        }
    }

    #[test]
    fn options_reach_their_fields() {
        let body = json(&RunOptions {
            entrypoint: Some(vec![]),
            cmd: Some(vec!["x".into()]),
            volumes: vec![Volume::Anonymous("/v".into()), Volume::Bind("a:/b".into())],
            mounts: vec![
                parse_mount("type=bind,source=/s,target=/t,bind-propagation=shared").unwrap(),
            ],
            tmpfs: vec![parse_tmpfs("/run:size=1m").unwrap()],
            read_only: true,
            shm_size: Some(1),
            ..RunOptions::default()
        });
        assert_eq!(body["Entrypoint"], serde_json::json!([""]));
        assert_eq!(body["Volumes"], serde_json::json!({"/v": {}}));
        let host = &body["HostConfig"];
        assert_eq!(host["Binds"], serde_json::json!(["a:/b"]));
        assert_eq!(host["Mounts"][0]["BindOptions"]["Propagation"], "shared");
        assert_eq!(host["Tmpfs"], serde_json::json!({"/run": "size=1m"}));
        assert_eq!(
            (&host["ReadonlyRootfs"], &host["ShmSize"]),
            (&true.into(), &1.into())
        );
    }
}
