//! [`Credentials`]: a password or token for a registry, which no log and no error shows.

use std::fmt;

/// Who asks. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// Name and password.
    Password { user: String, password: String },
    /// What a token server takes in exchange for tokens (OAuth2's refresh token).
    Identity(String),
    /// A token that the registry itself takes.
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
