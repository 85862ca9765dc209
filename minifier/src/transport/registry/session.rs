//! [`RegistrySession`]: requests to one repository of one registry, with credentials, redirections and further
//! attempts.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Body, Method, Response, StatusCode};
use url::Url;

use super::answer;
use super::auth::Auth;
use super::challenge::Challenge;
use super::error::RegistryError;
use super::options::RegistryOptions;
use super::reach::Reach;
use super::remote::Remote;
use super::retry::{Backoff, may_pass, retry_after};
use super::web::{Failure, RegistryWeb, nothing_sent};

/// Maximum number of redirections.
const REDIRECTS: usize = 10;

/// A request, which can be sent several times.
#[derive(Debug, Clone)]
pub(crate) struct RegistryCall {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// A body that can be sent again.
    pub(crate) body: Option<Vec<u8>>,
    /// The scope that a token needs.
    pub(crate) scope: Arc<str>,
    /// For errors: a fragment that names the object.
    pub(crate) doing: String,
}

/// One repository of one registry.
pub(crate) struct RegistrySession {
    web: RegistryWeb,
    remote: Remote,
    base: Url,
    auth: Auth,
}

impl RegistrySession {
    /// Finds out whether the registry speaks HTTPS or, if it may, plain HTTP, and how it wants credentials.
    pub(crate) async fn open(
        remote: &Remote,
        options: &RegistryOptions,
    ) -> Result<Self, RegistryError> {
        let base = |scheme: &str| {
            let url = format!("{scheme}://{}/", remote.host());
            url.parse::<Url>().map_err(|e| RegistryError::Reference {
                reference: remote.to_string(),
                what: e.to_string(),
            })
        };
        let secure = base("https")?;
        let web = RegistryWeb::new(options.clone(), Reach::of(&secure).await)?;
        let (base, challenge) = match ping(&web, &secure).await {
            Ok(challenge) => (secure, challenge),
            // As Docker does it: HTTPS first, also for insecure registries, and plain HTTP only for those.
            Err(Unreached::Connection(error)) if web.is_insecure(&secure) => {
                let plain = base("http")?;
                match ping(&web, &plain).await {
                    Ok(challenge) => (plain, challenge),
                    // Neither works: a server that speaks TLS badly is the likelier case, so its error is reported.
                    Err(_) if matches!(error, RegistryError::Tls { .. }) => return Err(error),
                    Err(unreached) => return Err(unreached.into()),
                }
            }
            Err(unreached) => return Err(unreached.into()),
        };
        let auth = Auth::new(remote.registry(), remote.repository(), challenge);
        Ok(Self {
            web,
            remote: remote.clone(),
            base,
            auth,
        })
    }

    pub(crate) fn remote(&self) -> &Remote {
        &self.remote
    }

    pub(crate) fn options(&self) -> &RegistryOptions {
        self.web.options()
    }

    /// The URL of something in the repository: `manifests/latest`.
    pub(crate) fn url(&self, rest: &str) -> Url {
        let mut url = self.base.clone();
        // A reference holds no characters that a path would have to escape, see `ImageReference`.
        url.set_path(&format!("/v2/{}/{rest}", self.remote.repository()));
        url
    }

    /// The scope of a token for the repository.
    pub(crate) fn scope(&self, actions: &str) -> Arc<str> {
        format!("repository:{}:{actions}", self.remote.repository()).into()
    }

    /// Sends a request until there is a final answer, which can be an error; at most as often as the options allow.
    pub(crate) async fn send(&self, call: &RegistryCall) -> Result<Response, RegistryError> {
        let mut backoff = Backoff::new(self.options().attempts);
        loop {
            match self
                .attempt(call, None, self.options().stall, &nothing_sent())
                .await
            {
                Ok(response) => return Ok(response),
                Err(failure) => self.again(&mut backoff, &call.doing, failure).await?,
            }
        }
    }

    /// Waits before the next attempt; fails if that was the last one.
    pub(crate) async fn again(
        &self,
        backoff: &mut Backoff,
        doing: &str,
        failure: Failure,
    ) -> Result<(), RegistryError> {
        match failure {
            Failure::Final(error) => Err(error),
            Failure::Passing { what, after, .. } => {
                tracing::debug!("{doing}: {what}");
                if backoff.again(after).await {
                    Ok(())
                } else {
                    Err(RegistryError::Broken {
                        doing: doing.to_owned(),
                        what,
                        attempts: backoff.failed(),
                    })
                }
            }
        }
    }

    /// Sends a request once, following redirections. `stream` takes precedence over the call's own body, and cannot be
    /// sent again. Answers that a later attempt may not get are failures.
    pub(crate) async fn attempt(
        &self,
        call: &RegistryCall,
        mut stream: Option<Body>,
        patience: Duration,
        sent: &AtomicU64,
    ) -> Result<Response, Failure> {
        let streamed = stream.is_some();
        let (mut url, mut redirects, mut refused) = (call.url.clone(), 0, false);
        loop {
            // Blobs are often redirected to a store of objects, with a signature in the URL. Our credentials are none
            // of its business, and some stores refuse requests with two kinds of them.
            let ours = url.origin() == self.base.origin();
            let header = if ours {
                self.auth.header(&self.web, &self.base, &call.scope).await?
            } else {
                None
            };
            let client = self.web.client(&url)?;
            let mut request = client
                .request(call.method.clone(), url.clone())
                .headers(call.headers.clone());
            if let Some(header) = &header {
                request = request.header(AUTHORIZATION, header.clone());
            }
            if let Some(body) = stream.take().or_else(|| call.body.clone().map(Body::from)) {
                request = request.body(body);
            }
            let response = self.web.exchange(&url, request, patience, sent).await?;
            let status = response.status();
            // Once: a token may have expired, or the scope may not suffice. Twice means no.
            if status == StatusCode::UNAUTHORIZED && ours && !refused {
                refused = true;
                let challenge = challenge(&response);
                let again = self.auth.refused(&call.scope, header.as_ref(), challenge);
                match again.await {
                    true if streamed => return Err(Failure::broken("the token ran out")),
                    true => continue,
                    false => return Ok(response),
                }
            }
            if let Some(target) = self.redirection(call, &response)? {
                redirects += 1;
                if redirects > REDIRECTS {
                    return Err(self.protocol(call, "too many redirections"));
                }
                url = target;
                continue;
            }
            if may_pass(status) {
                let after = retry_after(response.headers());
                let said = answer::said(response, self.options().stall).await;
                return Err(Failure::Passing {
                    what: format!("the registry answered {said}"),
                    after,
                    connect: false,
                });
            }
            return Ok(response);
        }
    }

    /// The target of a redirection. Only GET and HEAD follow one: a body must not go to a host that nobody named.
    fn redirection(
        &self,
        call: &RegistryCall,
        response: &Response,
    ) -> Result<Option<Url>, Failure> {
        let status = response.status().as_u16();
        let reading = matches!(call.method, Method::GET | Method::HEAD);
        if !matches!(status, 301 | 302 | 303 | 307 | 308) || !reading {
            return Ok(None);
        }
        let target = answer::location(response.url(), response.headers())
            .ok_or_else(|| self.protocol(call, "the registry redirects to no web address"))?;
        self.check_target(call, &target)?;
        Ok(Some(target))
    }

    /// Refuses to go from a secure connection to an insecure one: the path may hold a signature, the answer is trusted.
    pub(crate) fn check_target(
        &self,
        call: &RegistryCall,
        target: &Url,
    ) -> Result<(), RegistryError> {
        if target.scheme() == "https" || self.base.scheme() == "http" {
            Ok(())
        } else {
            Err(RegistryError::Protocol {
                doing: call.doing.clone(),
                what: format!(
                    "the registry redirects to {} over plain HTTP",
                    super::remote::host(target)
                ),
            })
        }
    }

    fn protocol(&self, call: &RegistryCall, what: &str) -> Failure {
        Failure::Final(RegistryError::Protocol {
            doing: call.doing.clone(),
            what: what.to_owned(),
        })
    }

    /// The error for an answer that is not what the request is for.
    pub(crate) async fn refusal(&self, call: &RegistryCall, response: Response) -> RegistryError {
        let status = response.status();
        let said = answer::said(response, self.options().stall).await;
        let (doing, registry) = (call.doing.clone(), self.remote.registry().to_owned());
        let known = self.auth.is_known();
        match status {
            StatusCode::UNAUTHORIZED => RegistryError::Unauthorized {
                doing,
                registry,
                said,
                known,
            },
            StatusCode::FORBIDDEN => RegistryError::Denied {
                doing,
                registry,
                said,
                known,
            },
            _ => RegistryError::Answer { doing, said },
        }
    }
}

/// The challenge in an answer.
fn challenge(response: &Response) -> Option<Challenge> {
    let fields = response.headers().get_all(WWW_AUTHENTICATE);
    Challenge::choose(fields.iter().filter_map(|field| field.to_str().ok()))
}

/// The reason why a registry does not answer at one of its addresses.
enum Unreached {
    /// No connection of this kind can be made: the other kind may work.
    Connection(RegistryError),
    /// Something answered, but not as a registry does.
    Other(RegistryError),
}

impl From<Unreached> for RegistryError {
    fn from(unreached: Unreached) -> Self {
        match unreached {
            Unreached::Connection(error) | Unreached::Other(error) => error,
        }
    }
}

/// Asks whether there is a registry, and how it wants credentials (distribution spec, "Determining Support").
async fn ping(web: &RegistryWeb, base: &Url) -> Result<Option<Challenge>, Unreached> {
    let host = super::remote::host(base);
    let doing = format!("ask the registry at {host} for its version");
    let mut url = base.clone();
    url.set_path("/v2/");
    let patience = web.options().stall;
    let mut backoff = Backoff::new(web.options().attempts);
    loop {
        let client = web.client(&url).map_err(Unreached::Other)?;
        let nothing = nothing_sent();
        let answer = web.exchange(&url, client.get(url.clone()), patience, &nothing);
        let (what, after) = match answer.await {
            Ok(response) => match response.status() {
                StatusCode::OK => return Ok(None),
                StatusCode::UNAUTHORIZED => return Ok(challenge(&response)),
                status => {
                    let after = retry_after(response.headers());
                    let said = answer::said(response, patience).await;
                    if !may_pass(status) {
                        return Err(Unreached::Other(RegistryError::Answer { doing, said }));
                    }
                    (format!("the registry answered {said}"), after)
                }
            },
            Err(Failure::Final(error)) => return Err(Unreached::Connection(error)),
            Err(Failure::Passing {
                what,
                connect: true,
                ..
            }) => {
                return Err(Unreached::Connection(RegistryError::Connect { host, what }));
            }
            Err(Failure::Passing { what, after, .. }) => (what, after),
        };
        if !backoff.again(after).await {
            return Err(Unreached::Other(RegistryError::Broken {
                doing,
                what,
                attempts: backoff.failed(),
            }));
        }
    }
}
