//! The default HTTP probe: `GET /`, then the links of the same origin, breadth first, within limits.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use super::client::Request;
use super::error::ProbeError;
use super::links::links;
use super::plan::ProbePlan;
use super::report::{CrawlCut, StepKind};
use super::session::{Session, http_result};
use super::web::{Target, Web};
use crate::runtime::Workload;

/// Asks one port for `/`, which must be answered with less than 500 where `required`, and follows its links, of which
/// nothing is expected. Says which limit left links unfollowed.
pub(super) async fn crawl<W: Workload>(
    session: &mut Session<'_, W>,
    web: &Web<'_>,
    target: &Target,
    required: bool,
) -> Result<Option<CrawlCut>, ProbeError> {
    let plan: &ProbePlan = session.plan();
    let workload = session.workload();
    let limits = plan.crawl_limits;
    let begin = Instant::now();
    let root = match target.url("/") {
        Ok(root) => root,
        Err(reason) => unreachable!("an address makes a URL: {reason}"),
    };
    let mut seen = BTreeSet::from([root.clone()]);
    let mut queue = VecDeque::from([(root, 0)]);
    let (mut bytes, mut pages, mut cut) = (0, 0, None);
    while let Some((url, depth)) = queue.pop_front() {
        let first = pages == 0;
        let left = limits.time.saturating_sub(begin.elapsed());
        if !first {
            cut = match () {
                () if pages >= limits.pages => Some(CrawlCut::Pages),
                () if bytes >= limits.bytes => Some(CrawlCut::Bytes),
                () if left.is_zero() => Some(CrawlCut::Time),
                () => cut,
            };
            if matches!(
                cut,
                Some(CrawlCut::Pages | CrawlCut::Bytes | CrawlCut::Time)
            ) {
                break;
            }
        }
        let kind = if first {
            StepKind::HttpDefault
        } else {
            StepKind::HttpCrawl
        };
        let limit = if first {
            plan.http_timeout
        } else {
            plan.http_timeout.min(left)
        };
        let request = Request::get(url, target.h2c, limit);
        let asked = format!("GET {}", request.url);
        session.started(kind, &asked);
        let (outcome, duration) = web
            .ask(&request, || first && required && workload.exit().is_none())
            .await;
        pages += 1;
        let result = http_result(kind, asked, &outcome, None, required && first, duration);
        session.finished(result).await?;
        let Ok(fetched) = outcome else { continue };
        bytes += fetched.bytes;
        // The page that a redirection led to needs no request of its own.
        seen.insert(fetched.url.clone());
        let kind = fetched.content_type.as_deref().unwrap_or_default();
        for link in links(&fetched.url, kind, &fetched.body) {
            if seen.contains(&link) {
                continue;
            }
            if depth >= limits.depth {
                cut = Some(CrawlCut::Depth);
                break;
            }
            seen.insert(link.clone());
            queue.push_back((link, depth + 1));
        }
    }
    Ok(cut)
}
