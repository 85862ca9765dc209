//! `docker-registry` with passwords, tokens and TLS.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use minifier::transport::registry::RegistryError;
use minifier_tests::command::run;
use minifier_tests::registry::{
    Answer, Asked, Certificate, RegistryProcess, Settings, TinyServer, blobs_of, certificate,
    htpasswd, noise, stored,
};
use serde_json::{Value, json};

use crate::registry::access::logged_in;
use crate::registry::support::Client;

fn entry(user: &str, password: &str) -> String {
    format!(
        r#"{{"auth":"{}"}}"#,
        STANDARD.encode(format!("{user}:{password}"))
    )
}

#[test]
fn docker_registry_with_a_password_takes_the_right_one_only() {
    let folder = tempfile::tempdir().unwrap();
    let users = htpasswd(folder.path(), "me", "pässword");
    let registry = RegistryProcess::start(&Settings {
        htpasswd: Some(&users),
        ..Settings::default()
    });
    let (image, _) = stored(&[noise(1, 2_000_000)]);
    let name = format!("{}/a:1", registry.host());
    let (client, _folder) = logged_in(&registry.host(), &entry("me", "pässword"));
    client.push(&image, &name).unwrap();
    let pulled = client.pull(&name).unwrap();
    assert_eq!(blobs_of(&pulled).unwrap(), blobs_of(&image).unwrap());

    let (wrong, _folder) = logged_in(&registry.host(), &entry("me", "secretwrong"));
    for (client, was_known) in [(wrong, true), (Client::new(), false)] {
        for error in [
            client.pull(&name).unwrap_err(),
            client.push(&image, &name).unwrap_err(),
        ] {
            let known = match &error {
                RegistryError::Unauthorized { known, .. } => *known,
                _ => panic!("{error}"),
            };
            assert_eq!(known, was_known);
            let text = format!("{error} {error:?} {:?}", error.hint());
            assert!(text.contains("docker login 127.0.0.1:"), "{text}");
            assert!(text.contains("401 Unauthorized"), "{text}");
            assert!(!text.contains("secretwrong"), "{text}");
        }
    }
}

/// Puts the authority for `host` into a folder laid out as `certs.d`.
fn trust(folder: &Path, host: &str, authority: &Certificate) {
    let folder = folder.join(host);
    fs::create_dir_all(&folder).unwrap();
    fs::copy(&authority.certificate, folder.join("ca.crt")).unwrap();
}

#[test]
fn docker_registry_with_tls_is_verified_by_certs_d() {
    let folder = tempfile::tempdir().unwrap();
    let own = certificate(folder.path());
    let registry = RegistryProcess::start(&Settings {
        tls: Some(&own),
        ..Settings::default()
    });
    let (image, _) = stored(&[noise(2, 3_000_000)]);
    let name = format!("{}/a:1", registry.host());
    let trusted = folder.path().join("trusted");
    trust(&trusted, &registry.host(), &own);
    let mut client = Client::new();
    client.options.certificates = vec![folder.path().join("missing"), trusted];
    client.push(&image, &name).unwrap();
    let pulled = client.pull(&name).unwrap();
    assert_eq!(blobs_of(&pulled).unwrap(), blobs_of(&image).unwrap());
    assert!(registry.log().contains("HTTP/2.0"), "{}", registry.log());

    // Another authority: no connection, and no fall back to plain HTTP.
    let other = tempfile::tempdir().unwrap();
    let stranger = certificate(other.path());
    let trusted = other.path().join("trusted");
    trust(&trusted, &registry.host(), &stranger);
    let mut client = Client::new();
    client.options.certificates = vec![trusted];
    let error = client.pull(&name).unwrap_err();
    assert!(matches!(error, RegistryError::Tls { .. }), "{error}");
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("certs.d") && hint.contains("--insecure-registry"),
        "{hint}"
    );

    // Declared insecure, or on this machine without certificates: any certificate will do.
    client.options.insecure = vec![registry.host()];
    client.pull(&name).unwrap();
    Client::new().pull(&name).unwrap();
}

/// A token server for `docker-registry`: who has the password gets what is asked for, others may pull.
fn token_server(folder: &Path, certificate: &Certificate) -> TinyServer {
    let key = certificate.key.clone();
    let text = fs::read_to_string(&certificate.certificate).unwrap();
    let chain: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let scratch = folder.to_owned();
    TinyServer::start(move |asked| {
        let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [chain]});
        let claims = claims(asked);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let file = scratch.join(format!("{:?}", std::thread::current().id()));
        fs::write(&file, &signed).unwrap();
        let signature = run(Command::new("openssl")
            .args(["dgst", "-sha256", "-sign"])
            .arg(&key)
            .arg(&file));
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        Answer::new(200, json!({"token": token, "expires_in": 300}).to_string())
    })
}

fn claims(asked: &Asked) -> Value {
    let known = asked.header("authorization") == Some("Basic dXNlcjpwYXNz");
    let (_, query) = asked.path.split_once('?').unwrap_or_default();
    let scopes = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("scope="));
    let access: Vec<Value> = scopes
        .map(|scope| {
            let scope = scope
                .replace("%3A", ":")
                .replace("%2F", "/")
                .replace("%2C", ",");
            let parts: Vec<&str> = scope.split(':').collect();
            let actions = parts[2]
                .split(',')
                .filter(|action| known || *action == "pull");
            json!({"type": parts[0], "name": parts[1], "actions": actions.collect::<Vec<_>>()})
        })
        .collect();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    json!({"iss": "test", "sub": "user", "aud": "registry", "iat": now, "nbf": now - 10, "exp": now + 300,
        "jti": "1", "access": access})
}

#[test]
fn docker_registry_with_tokens_grants_what_the_token_says() {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (
        folder.path().join("key.pem"),
        folder.path().join("cert.pem"),
    );
    run(Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate));
    let certificate = Certificate { certificate, key };
    let tokens = token_server(folder.path(), &certificate);
    let registry = RegistryProcess::start(&Settings {
        further: format!(
            "auth:\n  token: {{realm: \"http://{}/token\", service: registry, issuer: test, rootcertbundle: {}}}",
            tokens.host(),
            certificate.certificate.display()
        ),
        ..Settings::default()
    });
    let (image, _) = stored(&[noise(3, 2_000_000), noise(4, 1000)]);
    let name = |repository: &str| format!("{}/{repository}:1", registry.host());
    let (client, _folder) = logged_in(&registry.host(), r#"{"auth":"dXNlcjpwYXNz"}"#);
    client.push(&image, &name("a/b")).unwrap();
    assert_eq!(tokens.asked().len(), 1, "{:?}", tokens.asked());
    let pulled = client.pull(&name("a/b")).unwrap();
    // Taking over needs a token for both repositories.
    let pushed = client.push(&pulled, &name("c")).unwrap();
    assert_eq!((pushed.mounted, pushed.sent), (3, 0));

    let anonymous = Client::new();
    let pulled = anonymous.pull(&name("c")).unwrap();
    assert_eq!(blobs_of(&pulled).unwrap(), blobs_of(&image).unwrap());
    let (other, _) = stored(&[noise(5, 10)]);
    let error = anonymous.push(&other, &name("d")).unwrap_err();
    assert!(
        matches!(error, RegistryError::Unauthorized { known: false, .. }),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("docker login"), "{error}");
}
