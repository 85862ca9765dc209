//! Driving a container so that it shows which files it needs: wait until it is ready, ask it what a user asks, stop it.
//!
//! Takes a started [`crate::runtime::Workload`] and a [`ProbePlan`]; gives a [`ProbeReport`]. Requests are sent from
//! inside the container's network namespace, so that 127.0.0.1 reaches the workload whatever it is bound to.

#[cfg(feature = "engines")]
mod client;
#[cfg(feature = "engines")]
mod command;
#[cfg(feature = "engines")]
mod crawl;
#[cfg(feature = "engines")]
mod customary;
#[cfg(feature = "engines")]
mod detect;
#[cfg(all(test, feature = "engines"))]
mod docker_tests;
#[cfg(feature = "engines")]
mod drive;
#[cfg(feature = "engines")]
mod duration;
#[cfg(feature = "engines")]
mod error;
#[cfg(feature = "engines")]
mod expect;
#[cfg(feature = "engines")]
mod file;
#[cfg(feature = "engines")]
mod finish;
#[cfg(feature = "engines")]
mod greeting;
#[cfg(feature = "engines")]
mod health;
#[cfg(feature = "engines")]
mod healthcheck;
mod html;
#[cfg(feature = "engines")]
mod idle;
#[cfg(feature = "engines")]
mod inside;
mod links;
#[cfg(feature = "engines")]
mod listeners;
#[cfg(feature = "engines")]
mod netns;
#[cfg(feature = "engines")]
mod observer;
mod openapi;
mod origin;
#[cfg(feature = "engines")]
mod plan;
#[cfg(feature = "engines")]
mod ready;
#[cfg(feature = "engines")]
mod report;
#[cfg(feature = "engines")]
mod request;
#[cfg(feature = "engines")]
mod session;
#[cfg(feature = "engines")]
mod sock_diag;
#[cfg(feature = "engines")]
mod sockets;
#[cfg(feature = "engines")]
mod speaks;
#[cfg(feature = "engines")]
mod tls;
#[cfg(feature = "engines")]
mod unexercised;
#[cfg(feature = "engines")]
mod web;

#[cfg(feature = "engines")]
pub use drive::drive;
#[cfg(feature = "engines")]
pub use duration::{DurationError, parse_duration};
#[cfg(feature = "engines")]
pub use error::ProbeError;
#[cfg(feature = "engines")]
pub use expect::{ExpectError, ExpectedStatus};
#[cfg(feature = "engines")]
pub use file::{ProbeFileError, parse_probe_file};
#[cfg(feature = "engines")]
pub use healthcheck::HealthCheck;
pub use links::links;
#[cfg(feature = "engines")]
pub use observer::{Event, Observer};
pub use openapi::routes as openapi_routes;
#[cfg(feature = "engines")]
pub use plan::{ContinueAfter, Crawl, CrawlLimits, Exposed, PlanError, ProbePlan, Step};
#[cfg(feature = "engines")]
pub use report::{
    Answer, CrawlCut, PortReport, ProbeReport, Readiness, ReadyBy, Speaks, StepKind, StepResult,
};
#[cfg(feature = "engines")]
pub use request::{HttpProbe, Scheme, parse_header, parse_http_probe};
#[cfg(feature = "engines")]
pub use sockets::{Listener, Protocol};

// Parts of a report.
#[cfg(feature = "engines")]
pub use crate::runtime::{ExitStatus, StopOutcome, Stopped};
