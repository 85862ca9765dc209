//! [`Auth`]: the `Authorization` field for one repository: credentials looked up when they are first needed, tokens
//! kept until they run out.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::header::HeaderValue;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;
use url::Url;

use super::challenge::Challenge;
use super::error::RegistryError;
use super::secret::Credentials;
use super::token::{self, BearerToken};
use super::web::RegistryWeb;

/// Who we are to a registry, and what it said about that.
pub(crate) struct Auth {
    registry: String,
    repository: String,
    credentials: OnceCell<Option<Credentials>>,
    state: Mutex<AuthState>,
}

#[derive(Default)]
struct AuthState {
    challenge: Option<Challenge>,
    /// Tokens by what they are for.
    tokens: BTreeMap<String, BearerToken>,
    /// What the registry wanted beyond what we ask for.
    wider: BTreeMap<String, String>,
}

impl Auth {
    pub(crate) fn new(registry: &str, repository: &str, challenge: Option<Challenge>) -> Self {
        Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            credentials: OnceCell::new(),
            state: Mutex::new(AuthState {
                challenge,
                ..AuthState::default()
            }),
        }
    }

    /// Whether there are credentials; false if nobody asked for them yet.
    pub(crate) fn is_known(&self) -> bool {
        self.credentials.get().is_some_and(Option::is_some)
    }

    async fn credentials(&self, web: &RegistryWeb) -> Result<Option<&Credentials>, RegistryError> {
        let files = &web.options().credentials;
        let find = || files.find(&self.registry, &self.repository);
        Ok(self.credentials.get_or_try_init(find).await?.as_ref())
    }

    /// The field for a request that needs `scope`, to a registry at `base`; `None` if it wants none, or wants a
    /// password and we have none.
    pub(crate) async fn header(
        &self,
        web: &RegistryWeb,
        base: &Url,
        scope: &str,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        // Held while a token is fetched: all who wait want the same one.
        let mut state = self.state.lock().await;
        let (realm, service) = match &state.challenge {
            None => return Ok(None),
            Some(Challenge::Basic) => return self.basic(web).await,
            Some(Challenge::Bearer { realm, service, .. }) => (realm.clone(), service.clone()),
        };
        if let Some(token) = state.tokens.get(scope)
            && token.until > Instant::now()
        {
            return Ok(Some(token.header.clone()));
        }
        let credentials = self.credentials(web).await?;
        if let Some(Credentials::Token(token)) = credentials {
            return token::bearer(token)
                .map(Some)
                .ok_or_else(|| self.unusable("the token is malformed"));
        }
        let realm = self.check_realm(web, base, &realm)?;
        if credentials.is_some() && realm.host_str() != base.host_str() {
            tracing::info!(
                "the credentials for {} go to its token server {}",
                self.registry,
                super::remote::host(&realm)
            );
        }
        let request = token::TokenRequest {
            registry: &self.registry,
            realm: &realm,
            service: service.as_deref(),
            scope: state.wider.get(scope).map_or(scope, String::as_str),
            credentials,
        };
        let token = request.send(web).await?;
        let header = token.header.clone();
        state.tokens.insert(scope.to_owned(), token);
        Ok(Some(header))
    }

    async fn basic(&self, web: &RegistryWeb) -> Result<Option<HeaderValue>, RegistryError> {
        match self.credentials(web).await? {
            Some(Credentials::Password { user, password }) => {
                Ok(Some(token::basic(user, password)))
            }
            Some(_) => Err(self.unusable("there is a token, and the registry wants a password")),
            None => Ok(None),
        }
    }

    fn unusable(&self, what: &str) -> RegistryError {
        RegistryError::Credentials {
            registry: self.registry.clone(),
            from: "the files that hold them".into(),
            what: what.to_owned(),
        }
    }

    /// A token server gets the password, also where it is another host: that is how the specification has it, and what
    /// containerd and go-containerregistry do. So it must be one that a secure connection leads to; plain HTTP only if
    /// the registry itself is spoken to like that, and the server may be.
    fn check_realm(
        &self,
        web: &RegistryWeb,
        base: &Url,
        realm: &str,
    ) -> Result<Url, RegistryError> {
        let error = |what: &str| RegistryError::Protocol {
            doing: format!("get a token for {}", self.registry),
            what: what.to_owned(),
        };
        let url: Url = realm
            .parse()
            .map_err(|_| error("the registry names a token server by something that is no URL"))?;
        if !url.username().is_empty() || url.password().is_some() || !url.has_host() {
            return Err(error("the URL of its token server is not a plain one"));
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if base.scheme() == "http" && web.is_insecure(&url) => Ok(url),
            _ => Err(error(
                "the connection to its token server would not be secure",
            )),
        }
    }

    /// After an answer 401 to a request that needs `scope` and had `used`: true where another try may do.
    pub(crate) async fn refused(
        &self,
        scope: &str,
        used: Option<&HeaderValue>,
        challenge: Option<Challenge>,
    ) -> bool {
        let Some(challenge) = challenge else {
            return false;
        };
        let mut state = self.state.lock().await;
        let again = match &challenge {
            // The same password again is of no use.
            Challenge::Basic => used.is_none() && state.challenge.as_ref() != Some(&challenge),
            Challenge::Bearer { scope: wanted, .. } => {
                // Unless somebody else has fetched a new one meanwhile.
                if state.tokens.get(scope).map(|token| &token.header) == used {
                    state.tokens.remove(scope);
                }
                let wanted = wanted.as_deref().unwrap_or_default();
                let both: BTreeSet<&str> = scope
                    .split_whitespace()
                    .chain(wanted.split_whitespace())
                    .collect();
                let both = both.into_iter().collect::<Vec<_>>().join(" ");
                state.wider.insert(scope.to_owned(), both);
                true
            }
        };
        state.challenge = Some(challenge);
        again
    }
}
