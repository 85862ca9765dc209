//! Driving a container by a [`ProbePlan`](super::ProbePlan): [`drive`] waits until it is ready, asks it, and stops it.

mod command;
mod crawl;
mod customary;
mod error;
mod finish;
mod health;
mod idle;
mod observer;
mod ready;
mod report;
mod run;
mod session;
mod unexercised;

pub use error::ProbeError;
pub use observer::{Event, Observer};
pub use report::{
    Answer, CrawlCut, PortReport, ProbeReport, Readiness, ReadyBy, StepKind, StepResult,
};
pub use run::drive;
