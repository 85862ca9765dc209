//! The plan of driving a container, read from options, from a probe file and from the image's config.

mod duration;
mod error;
mod expect;
mod file;
mod healthcheck;
mod probe_plan;
mod request;

pub use duration::parse_duration;
pub use error::{DurationError, ExpectError, ProbeFileError, ProbePlanError};
pub use expect::ExpectedStatus;
pub use file::parse_probe_file;
pub use healthcheck::HealthCheck;
pub use probe_plan::{ContinueAfter, Crawl, CrawlLimits, Exposed, ProbePlan, Step};
pub use request::{HttpProbe, Scheme, parse_header, parse_http_probe};
