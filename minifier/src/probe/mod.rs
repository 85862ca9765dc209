//! Driving a container so that it shows which files it needs: wait until it is ready, ask it what a user asks, stop it.
//!
//! Takes a started [`crate::runtime::Workload`] and a [`ProbePlan`]; gives a [`ProbeReport`]. Requests are sent from
//! inside the container's network namespace, so that 127.0.0.1 reaches the workload whatever it is bound to.

#[cfg(all(test, feature = "engines"))]
mod docker_tests;
#[cfg(feature = "engines")]
mod drive;
#[cfg(feature = "engines")]
mod http;
mod pages;
#[cfg(feature = "engines")]
mod plan;
#[cfg(feature = "engines")]
mod sockets;

#[cfg(feature = "engines")]
pub use drive::{
    Answer, CrawlCut, Event, Observer, PortReport, ProbeError, ProbeReport, Readiness, ReadyBy,
    StepKind, StepResult, drive,
};
#[cfg(feature = "engines")]
pub use http::Speaks;
pub use pages::{links, openapi_routes};
#[cfg(feature = "engines")]
pub use plan::{
    ContinueAfter, Crawl, CrawlLimits, DurationError, ExpectError, ExpectedStatus, Exposed,
    HealthCheck, HttpProbe, ProbeFileError, ProbePlan, ProbePlanError, Scheme, Step,
    parse_duration, parse_header, parse_http_probe, parse_probe_file,
};
#[cfg(feature = "engines")]
pub use sockets::{Listener, Protocol};

// Parts of a report.
#[cfg(feature = "engines")]
pub use crate::runtime::{ExitStatus, StopOutcome, Stopped};
