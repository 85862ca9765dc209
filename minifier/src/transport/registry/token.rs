//! Fetching tokens from a token server.
//!
//! Source: distribution, "Token Authentication Specification" and "OAuth2 Token Authentication".

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::answer;
use super::error::RegistryError;
use super::retry::{Backoff, may_pass, retry_after};
use super::secret::Credentials;
use super::web::{Failure, RegistryWeb, nothing_sent};

/// Our name in requests to a token server, which OAuth2 demands.
const CLIENT_ID: &str = "minifier";
/// Longest answer that is read.
const MAX_ANSWER: u64 = 1 << 20;
/// Life of a token whose server does not say, in seconds; also the shortest that the specification allows.
const SHORTEST_LIFE: u64 = 60;
/// Longest life that is believed, in seconds.
const LONGEST_LIFE: u64 = 3600;

/// A token. It has no `Debug`, so that nothing prints it.
pub(crate) struct BearerToken {
    /// The field that carries it.
    pub(crate) header: HeaderValue,
    /// The time from which on it is not used any more.
    pub(crate) until: Instant,
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// A request to a token server.
pub(crate) struct TokenRequest<'a> {
    /// The registry as references name it.
    pub(crate) registry: &'a str,
    /// URL of the token server.
    pub(crate) realm: &'a Url,
    /// The token server's name for the registry.
    pub(crate) service: Option<&'a str>,
    /// The scopes of the token, separated by spaces.
    pub(crate) scope: &'a str,
    pub(crate) credentials: Option<&'a Credentials>,
}

impl TokenRequest<'_> {
    fn doing(&self) -> String {
        format!(
            "get a token for {} from {}",
            self.registry,
            super::remote::host(self.realm)
        )
    }

    /// Sends the request, several times if that may help.
    pub(crate) async fn send(&self, web: &RegistryWeb) -> Result<BearerToken, RegistryError> {
        let mut backoff = Backoff::new(web.options().attempts);
        loop {
            let (what, after) = match self.attempt(web).await {
                Ok(token) => return Ok(token),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing { what, after, .. }) => (what, after),
            };
            if !backoff.again(after).await {
                return Err(RegistryError::Broken {
                    doing: self.doing(),
                    what,
                    attempts: backoff.failed(),
                });
            }
        }
    }

    async fn attempt(&self, web: &RegistryWeb) -> Result<BearerToken, Failure> {
        let client = web.client(self.realm)?;
        let request = match self.credentials {
            // A refresh token goes into a POST: a GET would put it into the server's log.
            Some(Credentials::Identity(token)) => client
                .post(self.realm.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(self.form(token)),
            other => {
                let request = client.get(self.url());
                match other {
                    Some(Credentials::Password { user, password }) => {
                        request.header(AUTHORIZATION, basic(user, password))
                    }
                    _ => request,
                }
            }
        };
        let request = request.header(ACCEPT, "application/json");
        let patience = web.options().stall;
        let response = web
            .exchange(self.realm, request, patience, &nothing_sent())
            .await?;
        let response = self.accepted(response, patience).await?;
        let too_long = || self.nonsense("answered with too many bytes").into();
        let body = answer::body(response, MAX_ANSWER, patience, too_long).await?;
        Ok(self.read(&body)?)
    }

    async fn accepted(&self, response: Response, patience: Duration) -> Result<Response, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let after = retry_after(response.headers());
        let said = answer::said(response, patience).await;
        if may_pass(status) {
            return Err(Failure::Passing {
                what: format!("the token server answered {said}"),
                after,
                connect: false,
            });
        }
        let (doing, registry) = (self.doing(), self.registry.to_owned());
        let known = self.credentials.is_some();
        // Some servers answer 400 to an identity token that has expired (RFC 6749, 5.2: `invalid_grant`).
        let refused = status == StatusCode::BAD_REQUEST && known;
        Err(Failure::Final(match status {
            StatusCode::FORBIDDEN => RegistryError::Denied {
                doing,
                registry,
                said,
                known,
            },
            _ if status == StatusCode::UNAUTHORIZED || refused => RegistryError::Unauthorized {
                doing,
                registry,
                said,
                known,
            },
            _ => RegistryError::Answer { doing, said },
        }))
    }

    fn read(&self, body: &[u8]) -> Result<BearerToken, RegistryError> {
        // serde's message could quote the token.
        let answer: TokenAnswer =
            serde_json::from_slice(body).map_err(|_| self.nonsense("its answer is malformed"))?;
        let filled = |token: Option<String>| token.filter(|token| !token.is_empty());
        // The spec has two names for it; Docker's server fills both, others one.
        let token = filled(answer.token)
            .or(filled(answer.access_token))
            .ok_or_else(|| self.nonsense("there is no token in its answer"))?;
        let life = answer.expires_in.unwrap_or(SHORTEST_LIFE);
        let life = life.clamp(SHORTEST_LIFE, LONGEST_LIFE);
        Ok(BearerToken {
            header: bearer(&token).ok_or_else(|| self.nonsense("its token is malformed"))?,
            // A tenth earlier: its life began when the server made it, and a long request must not see it expire.
            until: Instant::now() + Duration::from_secs(life * 9 / 10),
        })
    }

    fn nonsense(&self, what: &str) -> RegistryError {
        RegistryError::Protocol {
            doing: self.doing(),
            what: what.to_owned(),
        }
    }

    fn url(&self) -> Url {
        let mut url = self.realm.clone();
        let mut query = url.query_pairs_mut();
        if let Some(service) = self.service {
            query.append_pair("service", service);
        }
        // One parameter for each scope, as the token specification has it; the form below takes them in one.
        for scope in self.scope.split_whitespace() {
            query.append_pair("scope", scope);
        }
        if let Some(Credentials::Password { user, .. }) = self.credentials {
            query.append_pair("account", user);
        }
        drop(query);
        url
    }

    fn form(&self, identity: &str) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token");
        form.append_pair("client_id", CLIENT_ID);
        if let Some(service) = self.service {
            form.append_pair("service", service);
        }
        form.append_pair("scope", self.scope);
        form.append_pair("refresh_token", identity);
        form.finish()
    }
}

/// The field for a token; `None` if a field cannot hold it.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    // Kept out of logs and of the compression tables of HTTP/2.
    value.set_sensitive(true);
    Some(value)
}

/// The field for name and password.
pub(crate) fn basic(user: &str, password: &str) -> HeaderValue {
    let text = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let mut value =
        HeaderValue::from_str(&text).unwrap_or_else(|e| unreachable!("base64 fits a field: {e}"));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>(realm: &'a Url, credentials: Option<&'a Credentials>) -> TokenRequest<'a> {
        TokenRequest {
            registry: "r.example",
            realm,
            service: Some("a service"),
            scope: "repository:a/b:pull,push repository:c:pull",
            credentials,
        }
    }

    #[test]
    fn scopes_go_one_by_one_into_the_url_and_together_into_the_form() {
        let realm = "https://t.example/token?x=1".parse().unwrap();
        let url = request(&realm, None).url();
        let pairs: Vec<_> = url.query_pairs().collect();
        let expected = [
            ("x", "1"),
            ("service", "a service"),
            ("scope", "repository:a/b:pull,push"),
            ("scope", "repository:c:pull"),
        ];
        assert!(
            pairs.iter().map(|(k, v)| (&**k, &**v)).eq(expected),
            "{url}"
        );
        let form = request(&realm, None).form("secret&");
        assert!(form.contains("refresh_token=secret%26"), "{form}");
        assert!(
            form.contains("scope=repository%3Aa%2Fb%3Apull%2Cpush+repository"),
            "{form}"
        );
    }

    #[test]
    fn answers_of_both_forms_are_read() {
        let realm = "https://t.example/".parse().unwrap();
        let request = request(&realm, None);
        for body in [
            r#"{"token":"t"}"#,
            r#"{"token":"","access_token":"t","expires_in":0}"#,
        ] {
            let token = request.read(body.as_bytes()).unwrap();
            assert_eq!(token.header, "Bearer t");
            assert!(token.header.is_sensitive() && token.until > Instant::now());
        }
        for body in [
            "",
            "[]",
            "{}",
            r#"{"token":"a\nb"}"#,
            r#"{"token":["secret"]}"#,
        ] {
            let error = request.read(body.as_bytes()).err().unwrap().to_string();
            assert!(
                error.contains("t.example") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
