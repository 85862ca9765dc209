//! Files as the tools write them, and files that nobody should have written.

use std::fs;

use proptest::prelude::*;

use super::*;

fn password(user: &str, password: &str) -> Option<Credentials> {
    Some(Credentials::Password {
        user: user.into(),
        password: password.into(),
    })
}

fn find_in(
    files: &[&str],
    registry: &str,
    repository: &str,
) -> Result<Option<Credentials>, RegistryError> {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = vec![folder.path().join("missing.json")];
    for (number, text) in files.iter().enumerate() {
        let path = folder.path().join(format!("{number}.json"));
        fs::write(&path, text).unwrap();
        paths.push(path);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(CredentialFiles::new(paths).find(registry, repository))
}

fn find(text: &str, registry: &str) -> Option<Credentials> {
    find_in(&[text], registry, "a/b").unwrap()
}

#[test]
fn entries_are_found_however_the_registry_is_written() {
    let auth = BASE64.encode("user:pass:word");
    for key in [
        "r.example:5000",
        "https://r.example:5000",
        "http://r.example:5000/v2/",
    ] {
        let text = format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#);
        assert_eq!(
            find(&text, "r.example:5000"),
            password("user", "pass:word"),
            "{key}"
        );
        assert_eq!(find(&text, "r.example"), None);
    }
    let hub = format!(r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{auth}"}}}}}}"#);
    assert_eq!(find(&hub, "docker.io"), password("user", "pass:word"));
}

#[test]
fn every_kind_of_entry_is_read() {
    let entry = |fields: &str| find(&format!(r#"{{"auths":{{"r":{{{fields}}}}}}}"#), "r");
    assert_eq!(
        entry(r#""username":"u","password":"p""#),
        password("u", "p")
    );
    assert_eq!(
        entry(r#""auth":"dTpw","identitytoken":"t""#),
        Some(Credentials::Identity("t".into()))
    );
    assert_eq!(
        entry(r#""registrytoken":"t""#),
        Some(Credentials::Token("t".into()))
    );
    // Without padding, and with the NUL that old clients added.
    assert_eq!(entry(r#""auth":"dTpwAA""#), password("u", "p"));
    assert_eq!(entry(""), None);
}

#[test]
fn the_closest_namespace_goes_first() {
    let text =
        r#"{"auths":{"r":{"username":"all"},"r/a":{"username":"a"},"r/x":{"username":"x"}}}"#;
    assert_eq!(find(text, "r"), password("a", ""));
    assert_eq!(find_in(&[text], "r", "b").unwrap(), password("all", ""));
}

#[test]
fn a_later_file_is_asked_when_an_earlier_one_does_not_know() {
    let first = r#"{"auths":{"other":{"username":"o"},"r":{}}}"#;
    let second = r#"{"auths":{"r":{"username":"u"}}}"#;
    assert_eq!(
        find_in(&[first, second], "r", "a").unwrap(),
        password("u", "")
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_not_quoted() {
    for text in [
        r#"{"auths":{"r":{"auth":"c2VjcmV0"}}}"#,
        r#"{"auths":{"r":{"auth":["secret"]}}}"#,
        r#"{"auths":"secret"#,
    ] {
        let error = find_in(&[text], "r", "a").unwrap_err().to_string();
        assert!(
            error.contains("0.json") && !error.contains("secret"),
            "{error}"
        );
    }
}

#[test]
fn a_missing_helper_is_an_error() {
    let text = r#"{"credsStore":"minifier-test-none"}"#;
    let error = find_in(&[text], "r", "a").unwrap_err().to_string();
    assert!(
        error.contains("docker-credential-minifier-test-none"),
        "{error}"
    );
}

#[test]
fn credentials_are_not_shown() {
    let shown = format!(
        "{:?} {:?}",
        password("u", "hidden"),
        Credentials::Identity("hidden".into())
    );
    assert!(!shown.contains("hidden"), "{shown}");
}

proptest! {
    #[test]
    fn any_file_gives_an_answer(text in ".{0,120}", key in ".{0,30}") {
        let _ = find_in(&[&text], "r", "a");
        let _ = registry_of(&key);
        let entry = AuthEntry { auth: text, ..AuthEntry::default() };
        let _ = entry.credentials();
    }
}
