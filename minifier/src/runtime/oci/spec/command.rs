//! [`ContainerCommand`]: a container's command, working directory, user and environment.

use crate::image::ImageConfig;
use crate::rootfs::DEFAULT_PATH;
use crate::runtime::error::RuntimeError;
use crate::runtime::options::RunOptions;

/// A command with its context, before the user is resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerCommand {
    pub(crate) args: Vec<String>,
    /// Absolute.
    pub(crate) cwd: String,
    pub(crate) user: String,
    /// Without `HOME`.
    pub(crate) env: Vec<String>,
}

impl ContainerCommand {
    pub(crate) fn new(
        config: &ImageConfig,
        options: &RunOptions,
        hostname: &str,
    ) -> Result<Self, RuntimeError> {
        let args = arguments(config, options);
        if args.is_empty() {
            return Err(RuntimeError::NoCommand);
        }
        let cwd = match &options.workdir {
            Some(cwd) if !cwd.starts_with('/') => {
                return Err(RuntimeError::Option {
                    option: format!("--workdir {cwd}"),
                    reason: "it must be an absolute path in the container".to_owned(),
                });
            }
            Some(cwd) => cwd.clone(),
            None if config.working_dir().starts_with('/') => config.working_dir().to_owned(),
            None => format!("/{}", config.working_dir()),
        };
        let user = options.user.as_deref().unwrap_or(config.user());
        Ok(Self {
            args,
            cwd,
            user: user.to_owned(),
            env: environment(
                vec![
                    format!("PATH={DEFAULT_PATH}"),
                    format!("HOSTNAME={hostname}"),
                ],
                &[&options.env, config.env()],
            ),
        })
    }
}

/// Entrypoint and command. An entrypoint of the options replaces the image's command too: its words would be arguments of
/// another program.
fn arguments(config: &ImageConfig, options: &RunOptions) -> Vec<String> {
    let (entrypoint, of_image) = match &options.entrypoint {
        Some(words) => (words.as_slice(), &[][..]),
        None => (config.entrypoint(), config.cmd()),
    };
    let cmd = options.cmd.as_deref().unwrap_or(of_image);
    [entrypoint, cmd].concat()
}

/// The variables of `base`, replaced and followed by those of `lists`; earlier lists win. A name without a value removes the
/// variable.
pub(crate) fn environment(mut base: Vec<String>, lists: &[&[String]]) -> Vec<String> {
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    let mut wanted: Vec<String> = Vec::new();
    for list in lists {
        let known: Vec<String> = wanted.iter().map(|variable| name(variable)).collect();
        let new = list
            .iter()
            .filter(|variable| !known.contains(&name(variable)));
        wanted.extend(new.cloned());
    }
    for variable in wanted {
        let place = base.iter().position(|known| name(known) == name(&variable));
        match (place, variable.contains('=')) {
            (Some(place), true) => base[place] = variable,
            (Some(place), false) => drop(base.remove(place)),
            (None, true) => base.push(variable),
            (None, false) => {}
        }
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(execution: serde_json::Value) -> ImageConfig {
        let config = serde_json::json!({
            "os": "linux", "architecture": "amd64", "config": execution,
            "rootfs": {"type": "layers", "diff_ids": []},
        });
        ImageConfig::parse(&serde_json::to_vec(&config).unwrap()).unwrap()
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn an_entrypoint_takes_the_images_command_away() {
        let image = config(serde_json::json!({"Entrypoint": ["/e"], "Cmd": ["c"]}));
        let run = |entrypoint: Option<&[&str]>, cmd: Option<&[&str]>| {
            let options = RunOptions {
                entrypoint: entrypoint.map(words),
                cmd: cmd.map(words),
                ..RunOptions::default()
            };
            ContainerCommand::new(&image, &options, "h").map(|command| command.args)
        };
        assert_eq!(run(None, None).unwrap(), ["/e", "c"]);
        assert_eq!(run(None, Some(&["d"])).unwrap(), ["/e", "d"]);
        assert_eq!(run(Some(&["/f"]), None).unwrap(), ["/f"]);
        assert_eq!(run(Some(&["/f"]), Some(&["g"])).unwrap(), ["/f", "g"]);
        assert_eq!(run(Some(&[]), Some(&["g"])).unwrap(), ["g"]);
        assert!(matches!(run(Some(&[]), None), Err(RuntimeError::NoCommand)));
    }

    #[test]
    fn variables_of_the_options_win_and_names_alone_remove() {
        let image = config(serde_json::json!({
            "Cmd": ["x"], "Env": ["PATH=/p", "A=1", "B=2", "B=3", "HOSTNAME=i"], "WorkingDir": "app"
        }));
        let options = RunOptions {
            env: words(&["A=9", "HOSTNAME", "C=", "GONE"]),
            ..RunOptions::default()
        };
        let command = ContainerCommand::new(&image, &options, "h").unwrap();
        assert_eq!(command.env, ["PATH=/p", "A=9", "C=", "B=3"]);
        assert_eq!(command.cwd, "/app");
        let bare = ContainerCommand::new(
            &config(serde_json::json!({"Cmd": ["x"]})),
            &RunOptions::default(),
            "h",
        );
        let bare = bare.unwrap();
        assert_eq!(
            (bare.env, bare.cwd),
            (
                vec![format!("PATH={DEFAULT_PATH}"), "HOSTNAME=h".to_owned()],
                "/".to_owned()
            )
        );
    }

    #[test]
    fn a_relative_working_directory_is_refused() {
        let options = RunOptions {
            workdir: Some("app".into()),
            ..RunOptions::default()
        };
        let image = config(serde_json::json!({"Cmd": ["x"]}));
        let error = ContainerCommand::new(&image, &options, "h").unwrap_err();
        assert!(error.to_string().contains("--workdir app"), "{error}");
    }
}
