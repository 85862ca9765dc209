//! Who we are: credentials, tokens, and where they must not go.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use minifier::transport::registry::{CredentialFiles, RegistryError};
use minifier_tests::registry::{
    Answer, Asked, FakeRegistry, TinyServer, blobs_of, noise, options, stored,
};
use tempfile::TempDir;

use crate::registry::support::Client;

/// A client that finds this entry for `host` in a Docker config file.
pub(crate) fn logged_in(host: &str, entry: &str) -> (Client, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    fs::write(&file, format!(r#"{{"auths":{{"{host}":{entry}}}}}"#)).unwrap();
    let mut options = options();
    options.credentials = CredentialFiles::new(vec![file]);
    (Client::with(options), folder)
}

const USER: &str = r#"{"auth":"dXNlcjpwYXNz"}"#;
const BASIC: &str = "Basic dXNlcjpwYXNz";

fn asks_for_password() -> Answer {
    Answer::new(
        401,
        r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
    )
    .with("WWW-Authenticate", "Basic realm=\"test\"")
}

/// A registry behind a password that leads to another host for manifests and blobs.
fn leading_to(other: String) -> TinyServer {
    TinyServer::start(move |asked| match asked.header("authorization") {
        Some(BASIC) if asked.path == "/v2/" => Answer::new(200, "{}"),
        Some(BASIC) => {
            Answer::new(307, "").with("Location", format!("http://{other}{}", asked.path))
        }
        _ => asks_for_password(),
    })
}

#[test]
fn credentials_do_not_follow_a_redirection_to_another_host() {
    let (image, blobs) = stored(&[noise(1, 1000)]);
    let fake = FakeRegistry::new();
    blobs.blobs.values().for_each(|blob| fake.add_blob(blob));
    fake.add_manifest("1", image.manifest.media_type(), image.manifest.bytes());
    let elsewhere = TinyServer::start(move |asked| fake.answer(asked));
    let server = leading_to(elsewhere.host());
    let (client, _folder) = logged_in(&server.host(), USER);
    let pulled = client.pull(&format!("{}/a:1", server.host())).unwrap();
    assert_eq!(blobs_of(&pulled).unwrap(), blobs_of(&image).unwrap());
    let asked = elsewhere.asked();
    assert_eq!(asked.len(), 4);
    let leaked = |asked: &Asked| {
        asked
            .headers
            .iter()
            .any(|(_, value)| value.contains("dXNl"))
    };
    assert!(!asked.iter().any(leaked), "{asked:?}");
}

#[test]
fn credentials_do_not_follow_an_upload_to_another_host() {
    let (image, _) = stored(&[noise(2, 1000)]);
    let storage = Arc::new(FakeRegistry::new());
    let inner = storage.clone();
    let elsewhere = TinyServer::start(move |asked| inner.answer(asked));
    let other = elsewhere.host();
    let server = TinyServer::start(move |asked| match asked.header("authorization") {
        Some(BASIC) => {
            let mut answer = storage.answer(asked);
            for (name, value) in &mut answer.headers {
                if name == "Location" {
                    *value = format!("http://{other}{value}");
                }
            }
            answer
        }
        _ => asks_for_password(),
    });
    let (client, _folder) = logged_in(&server.host(), USER);
    client
        .push(&image, &format!("{}/a:1", server.host()))
        .unwrap();
    let asked = elsewhere.asked();
    // Two blobs, each sent and finished there.
    assert_eq!(asked.len(), 4);
    assert!(
        asked
            .iter()
            .all(|asked| asked.header("authorization").is_none()),
        "{asked:?}"
    );
}

/// A registry that wants tokens from `realm` and takes `good`.
fn wanting_tokens(
    realm: impl Into<String>,
    good: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> TinyServer {
    let (fake, realm) = (FakeRegistry::new(), realm.into());
    TinyServer::start(move |asked| match asked.header("authorization") {
        Some(token) if good(token) => fake.answer(asked),
        _ => {
            let scope = r#"scope="repository:a:pull,push""#;
            let challenge = format!(r#"Bearer realm="{realm}",service="test",{scope}"#);
            Answer::new(401, "").with("WWW-Authenticate", challenge)
        }
    })
}

#[test]
fn a_token_is_fetched_once_and_anew_when_it_runs_out() {
    let number = AtomicU32::new(0);
    let tokens = TinyServer::start(move |_| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        Answer::new(200, format!(r#"{{"token":"t{number}","expires_in":300}}"#))
    });
    let uses = Arc::new(AtomicU32::new(0));
    let count = uses.clone();
    let registry = wanting_tokens(format!("http://{}/token", tokens.host()), move |token| {
        // The first is no longer good after ten requests.
        token != "Bearer t0" || count.fetch_add(1, Ordering::Relaxed) < 10
    });
    let (mut client, _folder) = logged_in(&registry.host(), USER);
    client.options.parallel = 1;
    let layers: Vec<Vec<u8>> = (0..6).map(|seed| noise(seed, 1000)).collect();
    let (image, _) = stored(&layers);
    client
        .push(&image, &format!("{}/a:1", registry.host()))
        .unwrap();
    let asked = tokens.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!(asked[0].header("authorization"), Some(BASIC));
    let line = asked[0].line();
    for part in [
        "service=test",
        "scope=repository%3Aa%3Apull%2Cpush",
        "account=user",
    ] {
        assert!(line.contains(part), "{line}");
    }
    assert!(uses.load(Ordering::Relaxed) > 10);
    let sent = registry.asked();
    assert!(
        !sent
            .iter()
            .any(|asked| asked.header("authorization") == Some(BASIC))
    );
}

#[test]
fn an_identity_token_is_exchanged() {
    let tokens = TinyServer::start(|_| Answer::new(200, r#"{"access_token":"good"}"#));
    let realm = format!("http://{}/token", tokens.host());
    let registry = wanting_tokens(realm, |token| token == "Bearer good");
    let (client, _folder) = logged_in(&registry.host(), r#"{"identitytoken":"refresh&me"}"#);
    let (image, _) = stored(&[noise(3, 10)]);
    client
        .push(&image, &format!("{}/a:1", registry.host()))
        .unwrap();
    let asked = tokens.asked();
    assert_eq!(asked[0].method, "POST");
    let form = String::from_utf8(asked[0].body.clone()).unwrap();
    for part in [
        "grant_type=refresh_token",
        "refresh_token=refresh%26me",
        "service=test",
    ] {
        assert!(form.contains(part), "{form}");
    }
}

#[test]
fn a_password_goes_to_no_token_server_without_tls() {
    // It has a name of its own, so that it is not this machine.
    let registry = wanting_tokens("http://tokens.example:1/", |_| false);
    let (client, _folder) = logged_in(&registry.host(), USER);
    let error = client
        .pull(&format!("{}/a:1", registry.host()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("would not be secure"), "{error}");
}

#[test]
fn a_token_server_that_refuses_is_quoted() {
    let tokens = TinyServer::start(|_| {
        Answer::new(
            401,
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}"#,
        )
    });
    let registry = wanting_tokens(format!("http://{}/token", tokens.host()), |_| false);
    let (client, _folder) = logged_in(&registry.host(), USER);
    let error = client
        .pull(&format!("{}/a:1", registry.host()))
        .unwrap_err();
    assert!(
        matches!(error, RegistryError::Unauthorized { known: true, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("wrong password"), "{error}");
    assert_eq!(tokens.asked().len(), 1);
}

#[test]
fn a_token_that_is_never_good_ends() {
    let tokens = TinyServer::start(|_| Answer::new(200, r#"{"token":"bad"}"#));
    let registry = wanting_tokens(format!("http://{}/token", tokens.host()), |_| false);
    let client = Client::new();
    let error = client
        .pull(&format!("{}/a:1", registry.host()))
        .unwrap_err();
    assert!(
        matches!(error, RegistryError::Unauthorized { known: false, .. }),
        "{error}"
    );
    assert!(
        error.hint().unwrap().contains("docker login 127.0.0.1"),
        "{error:?}"
    );
    assert!(tokens.asked().len() <= 2, "{:?}", tokens.asked());
}

#[test]
fn a_proxy_is_used_for_other_machines_only() {
    const NAME: &str = "registry::access::a_proxy_is_used_for_other_machines_only";
    const HERE: &str = "MINIFIER_TEST_LOCAL_REGISTRY";
    // The environment holds for a whole process, so that this test runs itself in one of its own.
    if let Ok(here) = std::env::var(HERE) {
        let client = Client::new();
        client.pull("registry.example/a:1").unwrap_err();
        client.pull(&format!("{here}/a:1")).unwrap_err();
        return;
    }
    let proxy = TinyServer::start(|_| Answer::new(502, ""));
    let here = TinyServer::start(|_| Answer::new(404, ""));
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env("HTTPS_PROXY", format!("http://{}", proxy.host()))
        .env("HTTP_PROXY", format!("http://{}", proxy.host()))
        .env(HERE, here.host())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<String> = proxy.asked().iter().map(Asked::line).collect();
    assert_eq!(lines, ["CONNECT registry.example:443"]);
    assert_eq!(here.asked().len(), 1);
}

/// Addresses that a registry on this machine has nothing to do with.
const METADATA: &str = "https://169.254.169.254/latest/meta-data";

#[test]
fn a_registry_does_not_lead_to_addresses_of_another_network() {
    let is_refused = |error: RegistryError| {
        let text = error.to_string();
        assert!(matches!(error, RegistryError::LeadsInside { .. }), "{text}");
        assert!(
            text.contains("169.254.169.254") && text.contains("link-local"),
            "{text}"
        );
    };
    let (image, blobs) = stored(&[noise(3, 1000)]);
    // By its token server, where the password would go.
    let registry = wanting_tokens(format!("{METADATA}/token"), |_| false);
    let (client, _folder) = logged_in(&registry.host(), USER);
    is_refused(
        client
            .pull(&format!("{}/a:1", registry.host()))
            .unwrap_err(),
    );
    // By a redirection of a manifest.
    let registry = TinyServer::start(|asked| match asked.path.as_str() {
        "/v2/" => Answer::new(200, "{}"),
        _ => Answer::new(307, "").with("Location", METADATA),
    });
    is_refused(
        Client::new()
            .pull(&format!("{}/a:1", registry.host()))
            .unwrap_err(),
    );
    // By a redirection of a blob.
    let fake = FakeRegistry::new();
    blobs.blobs.values().for_each(|blob| fake.add_blob(blob));
    fake.add_manifest("1", image.manifest.media_type(), image.manifest.bytes());
    let registry = TinyServer::start(move |asked| {
        if asked.path.contains("/blobs/") {
            Answer::new(307, "").with("Location", METADATA)
        } else {
            fake.answer(asked)
        }
    });
    is_refused(
        Client::new()
            .pull(&format!("{}/a:1", registry.host()))
            .unwrap_err(),
    );
    // By the place for an upload.
    let fake = FakeRegistry::new();
    let registry = TinyServer::start(move |asked| match asked.method.as_str() {
        "POST" => Answer::new(202, "").with("Location", METADATA),
        _ => fake.answer(asked),
    });
    let pushed = Client::new().push(&image, &format!("{}/a:1", registry.host()));
    is_refused(pushed.unwrap_err());
}

#[test]
fn where_the_password_goes_is_told_with_v() {
    let tokens = TinyServer::start(|_| Answer::new(200, r#"{"token":"t"}"#));
    let port = tokens.host().rsplit_once(':').unwrap().1.to_owned();
    let registry = wanting_tokens(format!("http://localhost:{port}/token"), |_| false);
    let folder = tempfile::tempdir().unwrap();
    let config = format!(r#"{{"auths":{{"{}":{USER}}}}}"#, registry.host());
    fs::write(folder.path().join("config.json"), config).unwrap();
    let run = |options: &[&str]| {
        let minifier = minifier_tests::Minifier::find().unwrap();
        let mut command = minifier.command(folder.path());
        command
            .env("DOCKER_CONFIG", folder.path())
            .args(options)
            .args(["validate", &format!("docker://{}/a:1", registry.host())]);
        let output = minifier_tests::command::output(&mut command);
        String::from_utf8(output.stderr).unwrap()
    };
    let told = format!(
        "the credentials for {} go to its token server localhost:{port}",
        registry.host()
    );
    let loud = run(&["-v"]);
    assert!(loud.contains(&told), "{loud}");
    assert!(!run(&[]).contains("token server localhost"));
    assert!(
        tokens
            .asked()
            .iter()
            .any(|asked| asked.header("authorization") == Some(BASIC))
    );
}
