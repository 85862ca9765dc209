//! [`Auth`]: the `Authorization` field for one repository. Credentials are looked up when they are first needed; tokens
//! are kept until they expire.

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

/// The credentials for a registry, and its challenges.
pub(crate) struct Auth {
    registry: String,
    repository: String,
    credentials: OnceCell<Option<Credentials>>,
    state: Mutex<AuthState>,
}

#[derive(Default)]
struct AuthState {
    challenge: Option<Challenge>,
    /// Tokens by their scope.
    tokens: BTreeMap<String, BearerToken>,
    /// Scopes that the registry demanded, by the scope that we would ask for.
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

    /// Whether there are credentials; false before the first request that needs them.
    pub(crate) fn is_known(&self) -> bool {
        self.credentials.get().is_some_and(Option::is_some)
    }

    async fn credentials(&self, web: &RegistryWeb) -> Result<Option<&Credentials>, RegistryError> {
        let files = &web.options().credentials;
        let find = || files.find(&self.registry, &self.repository);
        Ok(self.credentials.get_or_try_init(find).await?.as_ref())
    }

    /// The field for a request with `scope` to the registry at `base`. `None` if the registry wants no credentials, or
    /// wants a password and there is none: the request then goes out without, and its answer says what is missing.
    pub(crate) async fn header(
        &self,
        web: &RegistryWeb,
        base: &Url,
        scope: &str,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        // Held while a token is fetched: several uploads start at once, and all of them need the same token.
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
        // Only now: a helper such as a key ring may ask the user, which public images do not need.
        let credentials = self.credentials(web).await?;
        // `registrytoken` is for the registry itself; no token server would take it.
        if let Some(Credentials::Token(token)) = credentials {
            return token::bearer(token)
                .map(Some)
                .ok_or_else(|| self.unusable("the token is malformed"));
        }
        let realm = self.check_realm(web, base, &realm)?;
        // Docker Hub's token server is another host, so this is no error, but worth a line with -v.
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

    /// Checks the URL of a token server. The server gets the password even if it is another host, as the specification
    /// demands and as containerd and go-containerregistry do. So the connection must be secure; plain HTTP is allowed
    /// only if the registry itself uses it and the server is insecure by the user's word or on this machine.
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
            .map_err(|_| error("the registry names a token server whose URL is malformed"))?;
        // The client would send credentials in the URL in place of ours.
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

    /// Takes note of an answer 401 to a request with `scope` and the field `used`. Returns whether another attempt
    /// makes sense.
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
            // The same password would fail again, and repeated failures can lock the account.
            Challenge::Basic => used.is_none() && state.challenge.as_ref() != Some(&challenge),
            Challenge::Bearer { scope: wanted, .. } => {
                // Unless another task has fetched a new one meanwhile.
                if state.tokens.get(scope).map(|token| &token.header) == used {
                    state.tokens.remove(scope);
                }
                // Registries may demand more than the spec says, such as `pull` for a push. Sorted and without
                // repetition, so that equal demands are equal texts.
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
