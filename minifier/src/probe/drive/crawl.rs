//! The default HTTP probe: `GET /`, what every site is asked, and the links of the same origin, breadth first, within
//! limits.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use url::Url;

use super::customary;
use super::customary::{Ask, customary};
use super::error::ProbeError;
use super::report::{CrawlCut, StepKind};
use super::session::{Exchange, ProbeSession};
use crate::probe::http::{Fetched, Target, WebClient};
use crate::probe::pages::{links, openapi_routes};
use crate::probe::plan::CrawlLimits;
use crate::runtime::Workload;
use crate::tasks::joined;

/// Asks one port for `/`, which must be answered with a status below 500 if `required`. Then asks what every site is asked,
/// and follows links; nothing is expected of these. Returns the limit that left links unfollowed, if there was one.
pub(crate) async fn crawl<W: Workload>(
    session: &mut ProbeSession<'_, W>,
    web: &WebClient<'_>,
    target: &Target,
    required: bool,
) -> Result<Option<CrawlCut>, ProbeError> {
    let (plan, workload) = (session.plan(), session.workload());
    let mut crawl = CrawlQueue::new(plan.crawl_limits);
    let root = match target.url("/") {
        Ok(root) => root,
        Err(reason) => unreachable!("an address makes a URL: {reason}"),
    };
    let mut next = Some(Ask::get(StepKind::HttpDefault, root, target.h2c, 0));
    while let Some(ask) = next {
        let first = ask.kind == StepKind::HttpDefault;
        let mut request = ask.request.clone();
        // Each request also ends when the time of the whole crawl is over.
        request.limit = match ask.kind {
            StepKind::HttpDefault => plan.http_timeout,
            StepKind::HttpCrawl => plan.http_timeout.min(crawl.left()),
            _ => customary::LIMIT.min(plan.http_timeout).min(crawl.left()),
        };
        session.started(ask.kind, &ask.asked);
        let (outcome, duration) = web
            .ask(&request, || first && required && workload.exit().is_none())
            .await;
        let exchange = Exchange {
            kind: ask.kind,
            asked: ask.asked.clone(),
            outcome,
            duration,
        };
        session
            .finished(exchange.judged(None, required && first))
            .await?;
        match exchange.outcome {
            // A gRPC server answers plain requests with an error page of this type, and has no pages.
            Ok(fetched) if first && is_grpc(&fetched) => {}
            Ok(fetched) if first => {
                session.reached.insert(target.port());
                crawl.first.extend(customary(target));
                crawl.answered(&ask, fetched, target).await;
            }
            Ok(fetched) => crawl.answered(&ask, fetched, target).await,
            Err(_) => crawl.unanswered(&ask),
        }
        next = crawl.next(target);
    }
    Ok(crawl.cut)
}

/// The requests that are still to be sent to one port.
struct CrawlQueue {
    limits: CrawlLimits,
    begin: Instant,
    /// Pages that were or will be asked.
    seen: BTreeSet<Url>,
    /// Requests that come before the links.
    first: VecDeque<Ask>,
    links: VecDeque<(Url, usize)>,
    asked: usize,
    bytes: u64,
    cut: Option<CrawlCut>,
}

impl CrawlQueue {
    fn new(limits: CrawlLimits) -> Self {
        Self {
            limits,
            begin: Instant::now(),
            seen: BTreeSet::new(),
            first: VecDeque::new(),
            links: VecDeque::new(),
            asked: 0,
            bytes: 0,
            cut: None,
        }
    }

    fn left(&self) -> Duration {
        self.limits.time.saturating_sub(self.begin.elapsed())
    }

    /// Counts an answer, and adds the links in it.
    async fn answered(&mut self, ask: &Ask, fetched: Fetched, target: &Target) {
        self.asked += 1;
        self.bytes += fetched.bytes;
        // The page that a redirection led to needs no request of its own.
        self.seen.insert(ask.request.url.clone());
        self.seen.insert(fetched.url.clone());
        if !ask.is_readable() {
            return;
        }
        // Only at the usual paths: any other JSON with such members is data of the application.
        let describes = ask.kind == StepKind::HttpCustomary && fetched.status == 200;
        let (found, routes) = read(fetched, describes).await;
        for route in routes {
            if self.seen.insert(route.clone()) {
                let ask = Ask::get(StepKind::HttpOpenapi, route, target.h2c, 0);
                self.first.push_back(ask);
            }
        }
        for link in found {
            if self.seen.contains(&link) {
                continue;
            }
            if ask.depth >= self.limits.depth {
                self.cut = Some(CrawlCut::Depth);
                break;
            }
            // A page can name any number of links. More than the limit will never be asked, and would only take memory.
            if self.asked + self.first.len() + self.links.len() >= self.limits.pages {
                self.cut = Some(CrawlCut::Pages);
                break;
            }
            self.seen.insert(link.clone());
            self.links.push_back((link, ask.depth + 1));
        }
    }

    fn unanswered(&mut self, ask: &Ask) {
        self.asked += 1;
        // Each of the others would wait as long for nothing.
        if ask.kind == StepKind::HttpCustomary {
            self.first.clear();
        }
    }

    /// The next request within the limits.
    fn next(&mut self, target: &Target) -> Option<Ask> {
        let next = match self.first.pop_front() {
            Some(ask) => ask,
            None => {
                let (url, depth) = self.links.pop_front()?;
                Ask::get(StepKind::HttpCrawl, url, target.h2c, depth)
            }
        };
        let over = match () {
            () if self.asked >= self.limits.pages => CrawlCut::Pages,
            () if self.bytes >= self.limits.bytes => CrawlCut::Bytes,
            () if self.left().is_zero() => CrawlCut::Time,
            () => return Some(next),
        };
        self.cut = Some(over);
        None
    }
}

fn is_grpc(fetched: &Fetched) -> bool {
    let kind = fetched.content_type.as_deref().unwrap_or_default();
    kind.starts_with("application/grpc")
}

/// The links in an answer, and the routes if it may describe an interface. In a thread of its own: parsing a body of 1 MiB
/// would hold up the connections.
async fn read(fetched: Fetched, describes: bool) -> (Vec<Url>, Vec<Url>) {
    let reading = spawn_blocking(move || {
        let (url, body) = (&fetched.url, &fetched.body);
        let routes = if describes {
            openapi_routes(url, body)
        } else {
            Vec::new()
        };
        (links(url, fetched.content_type.as_deref(), body), routes)
    });
    joined(reading).await
}
