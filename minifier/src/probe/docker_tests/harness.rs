//! What the tests share: starting, driving and removing a container.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::probe::*;
use crate::runtime::RunOptions;
use crate::runtime::testing::{config, image, runtime};

/// Long enough for a loaded machine; what is waited for comes much sooner.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Starts a container of an image, drives it and removes it.
pub(crate) async fn drive_image(
    image: &str,
    options: &RunOptions,
    plan: &ProbePlan,
) -> Result<ProbeReport, ProbeError> {
    let runtime = runtime().await;
    let container = runtime.create(image, options).await.unwrap();
    container.start().await.unwrap();
    let silent = |_: Event<'_>| {};
    let result = drive(&container, plan, &CancellationToken::new(), &silent).await;
    container.remove().await.unwrap();
    assert_eq!(runtime.sweep().await.unwrap(), 0);
    result
}

/// The same with busybox, a script and what its image asks for.
pub(crate) async fn drive_script(
    script: &str,
    dockerfile: &str,
    edit: impl FnOnce(&mut ProbePlan),
) -> Result<ProbeReport, ProbeError> {
    let image = image(dockerfile).await;
    let mut plan = ProbePlan::for_image(&config(&image).await);
    edit(&mut plan);
    drive_image(&image, &shell(script), &plan).await
}

/// Runs a script. Without a network, which is quicker; the tests with nginx have the usual one.
pub(crate) fn shell(script: &str) -> RunOptions {
    RunOptions {
        cmd: Some(vec!["/bin/sh".into(), "-c".into(), script.into()]),
        network: Some("none".into()),
        ..RunOptions::default()
    }
}

pub(crate) const HTTPD: &str = "exec httpd -f -vv -p 8080 -h /www";

/// `asked status` or `asked exit-code` per step.
pub(crate) fn answers(report: &ProbeReport) -> Vec<String> {
    lines(&report.steps.iter().collect::<Vec<_>>())
}

/// The same without what every site is asked.
pub(crate) fn own_answers(report: &ProbeReport) -> Vec<String> {
    let own = |step: &&StepResult| step.kind != StepKind::HttpCustomary;
    lines(&report.steps.iter().filter(own).collect::<Vec<_>>())
}

fn lines(steps: &[&StepResult]) -> Vec<String> {
    let line = |step: &&StepResult| match &step.answered {
        Some(Answer::Http { status, .. }) => format!("{} {status}", step.asked),
        Some(Answer::Command { exit_code, .. }) => {
            format!(
                "{} {}",
                step.asked,
                exit_code.map_or("killed".into(), |code| code.to_string())
            )
        }
        None => format!("{} -", step.asked),
    };
    steps.iter().map(line).collect()
}
