//! The time of a bill of materials.

use jiff::Timestamp;
use thiserror::Error;

use crate::xray::model::Xray;

/// `SOURCE_DATE_EPOCH` is not a number of seconds that the calendar has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("parse SOURCE_DATE_EPOCH {0:?}: expected seconds since 1970")]
pub struct SbomTimeError(String);

/// The time of `source_date_epoch` (the variable `SOURCE_DATE_EPOCH` of reproducible-builds.org), else that of the
/// image's creation, else 1970: never the clock's, so that the same image gives the same document.
///
/// # Errors
///
/// If `source_date_epoch` is given and is not a number of seconds.
pub fn sbom_time(xray: &Xray, source_date_epoch: Option<&str>) -> Result<Timestamp, SbomTimeError> {
    if let Some(text) = source_date_epoch {
        return text
            .trim()
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .ok_or_else(|| SbomTimeError(text.to_owned()));
    }
    let created = xray.image.created.as_deref();
    Ok(created
        .and_then(|created| created.parse().ok())
        .unwrap_or(Timestamp::UNIX_EPOCH))
}

/// `2026-05-04T10:20:30Z`: both formats want whole seconds of UTC.
pub(crate) fn text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
