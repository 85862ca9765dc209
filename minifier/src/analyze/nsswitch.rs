//! `/etc/nsswitch.conf`: which modules glibc's look-ups load.
//!
//! Source: `nsswitch.conf(5)`.

use std::collections::BTreeSet;

/// The databases that programs other than login managers look up.
const DATABASES: [&str; 7] = [
    "passwd",
    "group",
    "initgroups",
    "hosts",
    "networks",
    "services",
    "protocols",
];

/// The services that `nsswitch.conf` names for the common databases; glibc's defaults where `conf` is none.
pub fn name_services(conf: Option<&[u8]>) -> BTreeSet<String> {
    let Some(conf) = conf else {
        return ["files", "dns"].map(String::from).into();
    };
    let mut services = BTreeSet::new();
    for line in String::from_utf8_lossy(conf).lines() {
        let line = line.split('#').next().unwrap_or_default();
        let Some((database, list)) = line.split_once(':') else {
            continue;
        };
        if DATABASES.contains(&database.trim()) {
            // `[NOTFOUND=return]` are actions; they may hold blanks.
            let mut action = false;
            for word in list.split_whitespace() {
                action |= word.starts_with('[');
                if !action && is_name(word) {
                    services.insert(word.to_owned());
                }
                action &= !word.ends_with(']');
            }
        }
    }
    services
}

/// A module's name becomes a part of a file name.
fn is_name(word: &str) -> bool {
    word.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn services_are_read_and_actions_passed_over() {
        let conf = b"# comment\npasswd: files systemd # nis\nhosts:\tfiles mdns4_minimal [ NOTFOUND=return ] dns\n\
            netgroup: nis\nservices: ../evil db\nnonsense\n";
        let services: Vec<_> = name_services(Some(conf)).into_iter().collect();
        assert_eq!(services, ["db", "dns", "files", "mdns4_minimal", "systemd"]);
    }

    #[test]
    fn without_a_file_the_defaults_hold() {
        assert_eq!(name_services(None).len(), 2);
    }

    proptest! {
        #[test]
        fn no_service_leaves_the_library_directory(conf in "(hosts|passwd|x)?[:# a-z./\\[\\]=\n]{0,60}") {
            let services = name_services(Some(conf.as_bytes()));
            prop_assert!(services.iter().all(|name| !name.contains(['/', '.'])));
        }
    }
}
