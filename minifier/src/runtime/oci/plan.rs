//! [`RunPlan`]: how a container is run, decided by the image's config and the options before anything is created.

use std::collections::BTreeSet;

use super::program;
use crate::image::ImageConfig;
use crate::runtime::error::RuntimeError;
use crate::runtime::oci::spec::{
    ContainerCommand, Network, StoragePlace, capability_names, plan_storage,
};
use crate::runtime::options::{RunLimits, RunOptions};

/// Everything about a container that does not depend on its root file system.
#[derive(Debug, Clone)]
pub(crate) struct RunPlan {
    pub(crate) options: RunOptions,
    pub(crate) limits: RunLimits,
    pub(crate) network: Network,
    pub(crate) places: Vec<StoragePlace>,
    pub(crate) capabilities: BTreeSet<&'static str>,
    pub(crate) stop_signal: String,
}

impl RunPlan {
    pub(crate) fn new(
        config: &ImageConfig,
        options: &RunOptions,
        limits: &RunLimits,
    ) -> Result<Self, RuntimeError> {
        program::check_privileges()?;
        let network = Network::of(options)?;
        check(config, options, limits, &network)?;
        // Only for its errors: the command itself is made once the container has its id.
        ContainerCommand::new(config, options, "")?;
        Ok(Self {
            network,
            places: plan_storage(config, options)?,
            capabilities: capability_names(&options.cap_add, &options.cap_drop)?,
            stop_signal: match config.stop_signal() {
                Some(signal) if !signal.is_empty() => signal.to_owned(),
                _ => "SIGTERM".to_owned(),
            },
            options: options.clone(),
            limits: *limits,
        })
    }

    /// The host name: that of the option; in the host's network, the host's; otherwise the start of the id, as with
    /// Docker.
    pub(crate) fn hostname(&self, id: &str) -> String {
        match (&self.options.hostname, &self.network) {
            (Some(name), _) => name.clone(),
            (None, Network::Host) => {
                let system = rustix::system::uname();
                system.nodename().to_string_lossy().into_owned()
            }
            (None, _) => id[..12].to_owned(),
        }
    }
}

fn check(
    config: &ImageConfig,
    options: &RunOptions,
    limits: &RunLimits,
    network: &Network,
) -> Result<(), RuntimeError> {
    let refuse = |option: String, reason: &str| {
        Err(RuntimeError::Option {
            option,
            reason: reason.to_owned(),
        })
    };
    let platform = config.platform();
    if !runs_here(&platform.architecture) {
        return Err(RuntimeError::Architecture {
            found: platform.architecture,
            own: std::env::consts::ARCH,
        });
    }
    // Without a network namespace of its own, `net.*` settings are the host's; runc refuses them too, but only later.
    if *network == Network::Host {
        if let Some(key) = options.sysctls.keys().find(|key| key.starts_with("net.")) {
            return refuse(
                format!("--sysctl {key}"),
                "it would change the host's network",
            );
        }
    } else if let Some(host) = options
        .add_host
        .iter()
        .find(|host| host.ends_with(":host-gateway"))
    {
        return refuse(
            format!("--add-host {host}"),
            "the container's network has no way to the host",
        );
    }
    if let Network::Path(path) = network
        && !std::path::Path::new(path).exists()
    {
        return refuse(format!("--network {path}"), "there is no such file");
    }
    let positive = [
        ("--memory", limits.memory),
        ("--pids-limit", limits.pids),
        ("--shm-size", options.shm_size),
    ];
    for (option, value) in positive {
        if let Some(value) = value.filter(|value| *value <= 0) {
            return refuse(format!("{option} {value}"), "it must be above 0");
        }
    }
    Ok(())
}

/// Whether this machine's processor runs images of that architecture by itself. Names as in the OCI image spec.
fn runs_here(architecture: &str) -> bool {
    let own: &[&str] = match std::env::consts::ARCH {
        "x86_64" => &["amd64", "386"],
        "aarch64" => &["arm64", "arm"],
        other => &[other],
    };
    // Old images do not name one.
    architecture.is_empty() || own.contains(&architecture)
}
