//! Driving a container so that it shows which files it needs: wait until it is ready, ask it what a user asks, stop it.
//!
//! Takes a started [`crate::runtime::Workload`] and a [`ProbePlan`]; gives a [`ProbeReport`]. Requests are sent from
//! inside the container's network namespace, so that 127.0.0.1 reaches the workload whatever it is bound to.

mod client;
mod command;
mod crawl;
mod customary;
mod detect;
#[cfg(test)]
mod docker_tests;
mod drive;
mod duration;
mod error;
mod expect;
mod file;
mod finish;
mod greeting;
mod health;
mod healthcheck;
mod html;
mod idle;
mod inside;
mod links;
mod listeners;
mod netns;
mod observer;
mod openapi;
mod plan;
mod ready;
mod report;
mod request;
mod session;
mod sock_diag;
mod sockets;
mod speaks;
mod tls;
mod unexercised;
mod web;

pub use drive::drive;
pub use duration::{DurationError, parse_duration};
pub use error::ProbeError;
pub use expect::{ExpectError, ExpectedStatus};
pub use file::{ProbeFileError, parse_probe_file};
pub use healthcheck::HealthCheck;
pub use links::links;
pub use observer::{Event, Observer};
pub use openapi::routes as openapi_routes;
pub use plan::{ContinueAfter, Crawl, CrawlLimits, Exposed, PlanError, ProbePlan, Step};
pub use report::{
    Answer, CrawlCut, PortReport, ProbeReport, Readiness, ReadyBy, Speaks, StepKind, StepResult,
};
pub use request::{HttpProbe, Scheme, parse_header, parse_http_probe};
pub use sockets::{Listener, Protocol};

// Parts of a report.
pub use crate::runtime::{ExitStatus, StopOutcome, Stopped};
