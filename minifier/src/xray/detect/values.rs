//! Values in place of a secret: references to one, and defaults that everybody knows.

/// Values that products come with, or that documentation has in place of one.
const DEFAULTS: [&str; 34] = [
    "admin",
    "admin123",
    "administrator",
    "changeit",
    "default",
    "demo",
    "elastic",
    "example",
    "foobar",
    "grafana",
    "guest",
    "keycloak",
    "letmein",
    "localhost",
    "mariadb",
    "minio",
    "minio123",
    "minioadmin",
    "mongo",
    "mysql",
    "oracle",
    "pass",
    "passw0rd",
    "postgres",
    "postgresql",
    "qwerty",
    "rabbitmq",
    "redis",
    "root",
    "test",
    "test123",
    "tests",
    "user",
    "username",
];
/// Words of values that are to be replaced before anybody uses them.
pub(crate) const TO_CHANGE: [&str; 3] = ["changeme", "change_me", "change-me"];
/// Beginnings of values that say where the secret is.
const REFERENCES: [&str; 19] = [
    "arn:",
    "vault:",
    "ssm:",
    "secretsmanager:",
    "secretref:",
    "secret:",
    "op:",
    "env:",
    "env(",
    "file:",
    "keyvault:",
    "@microsoft.keyvault(",
    "!vault",
    "!ref",
    "!sub",
    "!env",
    "!secret",
    "enc(",
    "enc[",
];

/// Whether a value names the place of a secret in place of holding it.
pub(crate) fn is_reference(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let expression = [
        "${",
        "$(",
        "{{",
        "#{",
        "<%",
        "getenv",
        "environ",
        "process.env",
        "{cipher}",
    ];
    // Windows has its variables between percent signs, in files that are shared with Linux.
    let variable = value.len() > 2 && value.starts_with('%') && value.ends_with('%');
    // A path, a variable, a placeholder, an expression, a command: the value is made or found later.
    value.starts_with(['/', '$', '<', '{', '`'])
        || variable
        || REFERENCES.iter().any(|start| lower.starts_with(start))
        || expression.iter().any(|part| lower.contains(part))
        // `projects/NUMBER/secrets/NAME` of Google's Secret Manager.
        || lower.contains("/secrets/")
}

/// Whether everybody knows the value: it opens nothing that was meant to be closed.
pub(crate) fn is_default(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    DEFAULTS.contains(&&*lower) || TO_CHANGE.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_distinguished_from_secrets() {
        for value in [
            "arn:aws:secretsmanager:eu-west-1:1:secret:db",
            "vault:secret/data/db#password",
            "projects/1/secrets/db/versions/2",
            "${DB_PASSWORD}",
            "ENC(abc)",
            "@Microsoft.KeyVault(SecretUri=x)",
            "/run/secrets/db",
        ] {
            assert!(is_reference(value), "{value}");
        }
        for value in [
            "t7Gh2kLp9",
            "opal9-Trumpet",
            "vaulted4u",
            "!Qaz2wsx9",
            "@dm1nPass9",
            "%9fKq2Lm",
        ] {
            assert!(!is_reference(value), "{value}");
        }
        assert!(is_default("Postgres") && is_default("Change-me-1") && !is_default("postgres9"));
    }
}
