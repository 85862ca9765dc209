//! [`Credentials`]: a password or token for a registry, which no log and no error shows.

use std::fmt;

/// Credentials for a registry. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// Name and password.
    Password { user: String, password: String },
    /// A refresh token (OAuth2), which a token server exchanges for tokens.
    Identity(String),
    /// A token for the registry itself.
    Token(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Password(…)",
            Self::Identity(_) => "Identity(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}
