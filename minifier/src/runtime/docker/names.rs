//! The names by which a run finds again what it has made in a Docker daemon.

use bollard::models::ContainerSummary;

/// Label of every container that is created; its value is the [`RunId`](crate::runtime::RunId).
pub const RUN_LABEL: &str = "org.minifier.run";

/// Repository of the images that are loaded to be run; the tag is the [`RunId`](crate::runtime::RunId).
pub const RUN_REPOSITORY: &str = "minifier-run";

/// Name of a run's container with that number.
pub(crate) fn container_name(run: &str, number: u32) -> String {
    format!("minifier-{run}-{number}")
}

/// Whether a container has a name of this run. The label alone is not enough: `LABEL` in an image puts it on every container
/// of the image, but an image cannot name its containers.
pub(crate) fn is_named_after(container: &ContainerSummary, run: &str) -> bool {
    let names = container.names.iter().flatten();
    names
        .filter_map(|name| name.strip_prefix("/minifier-")?.rsplit_once('-'))
        .any(|(of, _)| of == run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str) -> ContainerSummary {
        ContainerSummary {
            names: Some(vec![format!("/{name}")]),
            ..ContainerSummary::default()
        }
    }

    #[test]
    fn a_container_that_only_bears_the_label_of_a_run_is_nobodys_to_remove() {
        let run = "000000000000-1-1-1-00000000";
        assert!(is_named_after(
            &container(&format!("minifier-{run}-0")),
            run
        ));
        for name in ["web-1", "minifier-web", &format!("minifier-{run}"), run] {
            assert!(!is_named_after(&container(name), run), "{name}");
        }
    }
}
