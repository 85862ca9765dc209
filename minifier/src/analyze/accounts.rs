//! `/etc/passwd`: who a container runs as.

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: Vec<u8>,
    /// Home directory as written; may be empty.
    pub home: Vec<u8>,
}

/// Finds the account that `USER` names, by name or number; what follows a colon is the group and not looked at.
/// An empty `user` is root. Lines that are not of seven fields are passed over.
pub fn find_account(passwd: &[u8], user: &str) -> Option<Account> {
    let user = user.split(':').next().unwrap_or_default().trim();
    let wanted = if user.is_empty() { "0" } else { user };
    let accounts = || {
        passwd.split(|&b| b == b'\n').filter_map(|line| {
            let fields: Vec<&[u8]> = line.split(|&b| b == b':').collect();
            (fields.len() == 7).then_some(fields)
        })
    };
    // A name that looks like a number is looked up as a name first, as container runtimes do.
    accounts()
        .find(|fields| fields[0] == wanted.as_bytes())
        .or_else(|| accounts().find(|fields| fields[2] == wanted.as_bytes()))
        .map(|fields| Account {
            name: fields[0].to_vec(),
            home: fields[5].to_vec(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accounts_are_found_by_name_and_number() {
        let passwd =
            b"root:x:0:0:root:/root:/bin/sh\nbroken:x\n\napp:x:1000:1000::/home/app:/bin/false";
        let home = |user| find_account(passwd, user).map(|a| String::from_utf8(a.home).unwrap());
        assert_eq!(home("").as_deref(), Some("/root"));
        assert_eq!(home("app:www").as_deref(), Some("/home/app"));
        assert_eq!(home("1000:0").as_deref(), Some("/home/app"));
        assert_eq!(home("65534"), None);
        assert_eq!(home("broken"), None);
    }

    proptest! {
        #[test]
        fn any_file_is_read(passwd in "[a0:/\n]{0,80}", user in "[a0:]{0,3}") {
            find_account(passwd.as_bytes(), &user);
        }
    }
}
