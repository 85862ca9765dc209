//! [`Engine`]: what runs the container, chosen by the user or by where the image is.

use tokio::task::spawn_blocking;

use super::args::RuntimeChoice;
use super::origin::ImageOrigin;
use super::shared::Build;
use crate::cli::error::CliError;
use crate::runtime::{LayerCache, OciRuntime, RunOptions, RuntimeError, UnpackLimits};
use crate::tasks::joined;
use crate::transport::Daemon;

/// The engine that runs the container.
pub(crate) enum Engine {
    Docker {
        daemon: Box<Daemon>,
        /// It takes the place of an OCI runtime, whose containers have no network unless they are given one.
        instead: bool,
    },
    /// An OCI runtime, and the layers that it runs on.
    Oci {
        runtime: OciRuntime,
        cache: LayerCache,
    },
}

impl Engine {
    /// The one that was asked for; else the daemon for an image that it has, an OCI runtime for any other, and the
    /// daemon if there is none.
    pub(crate) async fn choose(build: &Build<'_>, origin: &ImageOrigin) -> Result<Self, CliError> {
        match (&build.options.runtime, origin) {
            (Some(RuntimeChoice::Oci(name)), _) => {
                let runtime = find(build, Some(name.clone())).await?;
                Self::with_cache(build, runtime?).await
            }
            (None, ImageOrigin::Daemon { daemon, .. }) => Ok(Self::Docker {
                daemon: daemon.clone(),
                instead: false,
            }),
            (Some(RuntimeChoice::Docker), _) => {
                let daemon = build.unless_cancelled(Daemon::connect()).await?;
                Ok(Self::Docker {
                    daemon: Box::new(daemon?),
                    instead: false,
                })
            }
            (None, ImageOrigin::Stored(_)) => {
                match find(build, None).await? {
                    Ok(runtime) => Self::with_cache(build, runtime).await,
                    Err(RuntimeError::NoRuntime(why)) => {
                        match build.unless_cancelled(Daemon::connect()).await? {
                            Ok(daemon) => {
                                build.printer.warning(
                            format_args!("the Docker daemon runs the container: {why}"),
                            Some("use --runtime docker to choose the daemon, with its own network"),
                        );
                                Ok(Self::Docker {
                                    daemon: Box::new(daemon),
                                    instead: true,
                                })
                            }
                            Err(_) => Err(CliError::from(RuntimeError::NoRuntime(why))),
                        }
                    }
                    // What is broken is to be mended: an image must not run in another way than its user expects.
                    Err(broken) => Err(CliError::from(broken)),
                }
            }
        }
    }

    /// Opens the cache, and removes what killed runs left in it.
    async fn with_cache(build: &Build<'_>, runtime: OciRuntime) -> Result<Self, CliError> {
        let folder = match &build.options.cache_dir {
            Some(folder) => folder.clone(),
            None => LayerCache::default_folder(),
        };
        let bytes = build.options.limits.uncompressed;
        let open = move || -> Result<LayerCache, RuntimeError> {
            let cache = LayerCache::open(&folder)?.with_limits(UnpackLimits {
                bytes,
                ..UnpackLimits::default()
            });
            let swept = cache.sweep()?;
            if swept > 0 {
                tracing::info!(swept, "removed the leftovers of killed runs");
            }
            Ok(cache)
        };
        // What is removed can be large, and a runtime can hang.
        let opened = build.unless_cancelled(joined(spawn_blocking(open))).await?;
        let cache = opened?;
        Ok(Self::Oci { runtime, cache })
    }

    /// The options for the container: if the daemon stands in for an OCI runtime, no network unless one was asked for.
    pub(crate) fn run_options(&self, options: &RunOptions) -> RunOptions {
        let mut options = options.clone();
        if matches!(self, Self::Docker { instead: true, .. }) {
            options.network.get_or_insert_with(|| "none".to_owned());
        }
        options
    }

    /// The engine for the report: `docker` or the program's name and version.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Docker { daemon, .. } => format!("docker {}", daemon.info().server_version),
            Self::Oci { runtime, .. } => runtime.version().to_owned(),
        }
    }
}

/// Finds an OCI runtime and asks it for its version; a program that hangs is not waited for after a signal.
async fn find(
    build: &Build<'_>,
    name: Option<String>,
) -> Result<Result<OciRuntime, RuntimeError>, CliError> {
    let finding = spawn_blocking(move || OciRuntime::find(name.as_deref()));
    build.unless_cancelled(joined(finding)).await
}
