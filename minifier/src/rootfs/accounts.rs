//! `/etc/passwd` and `/etc/group` of an image: who `USER` is.
//!
//! Source: moby/sys `user` (`GetExecUser`), which Docker resolves `USER` with; passwd(5), group(5). As there, a number is
//! never a name, a field that is missing or not a number is 0, and the first line that matches counts.

/// The largest database that Docker reads, in bytes.
pub const MAX_DATABASE: u64 = 10 << 20;

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account<'a> {
    /// Login name, as bytes; not always UTF-8.
    pub name: &'a [u8],
    /// User ID, in the container.
    pub uid: u32,
    /// ID of the primary group.
    pub gid: u32,
    /// Home directory as written; may be empty.
    pub home: &'a [u8],
}

/// Who a process runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecUser<'a> {
    /// User ID, in the container.
    pub uid: u32,
    /// ID of the primary group.
    pub gid: u32,
    /// Groups of `/etc/group` that the account is a member of, in the order of the file.
    pub others: Vec<u32>,
    /// Home directory as written; may be empty.
    pub home: &'a [u8],
}

/// Why nobody is of that name or number. Reads well after "unable to find".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// A name that is not in the database.
    #[error("{what} {name}: it is not in the image's {file}")]
    Unknown {
        /// `user` or `group`.
        what: &'static str,
        /// As `USER` has it.
        name: String,
        /// The path of the database in the image.
        file: &'static str,
    },
    /// A number that no user or group may have.
    #[error("{what} {number}: it is not a number from 0 to {}", i32::MAX)]
    Range {
        /// `user` or `group`.
        what: &'static str,
        /// As `USER` has it.
        number: String,
    },
}

/// Resolves `USER` (`name`, `uid`, `name:group`, `uid:gid`; empty is root) with the contents of both databases.
pub fn exec_user<'a>(
    user: &str,
    passwd: &'a [u8],
    group: &[u8],
) -> Result<ExecUser<'a>, AccountError> {
    let (user, of_group) = user.split_once(':').unwrap_or((user, ""));
    let wanted = WantedAccount::of("user", user)?;
    let wanted_group = WantedAccount::of("group", of_group)?;
    // An empty `USER` is whoever has uid 0, whose home and groups count too.
    let account = accounts(passwd).find(|account| wanted.is(account.name, account.uid));
    let (uid, mut gid, home) = match (&account, wanted) {
        (Some(account), _) => (account.uid, account.gid, account.home),
        (None, WantedAccount::Nothing) => (0, 0, &b""[..]),
        (None, WantedAccount::Id(uid)) => (uid, 0, &b""[..]),
        (None, WantedAccount::Name(name)) => return Err(unknown("user", name, "/etc/passwd")),
    };
    let mut others = Vec::new();
    match (wanted_group, account) {
        // With an explicit group, Docker gives no supplementary groups.
        (WantedAccount::Id(wanted), _) => gid = wanted,
        (WantedAccount::Name(wanted), _) => {
            let found = groups(group).find(|group| group.name == wanted.as_bytes());
            let found = found.ok_or_else(|| unknown("group", wanted, "/etc/group"))?;
            gid = found.gid;
        }
        (WantedAccount::Nothing, Some(account)) if !account.name.is_empty() => {
            let of_account = groups(group).filter(|group| group.has(account.name));
            others.extend(of_account.map(|group| group.gid));
        }
        (WantedAccount::Nothing, _) => {}
    }
    Ok(ExecUser {
        uid,
        gid,
        others,
        home,
    })
}

/// The account that `USER` names; what follows a colon is the group and not looked at.
pub fn find_account<'a>(passwd: &'a [u8], user: &str) -> Option<Account<'a>> {
    let user = user.split(':').next().unwrap_or_default();
    let wanted = WantedAccount::of("user", user).ok()?;
    accounts(passwd).find(|account| wanted.is(account.name, account.uid))
}

/// One half of `USER`.
#[derive(Clone, Copy)]
enum WantedAccount<'a> {
    Nothing,
    Id(u32),
    Name(&'a str),
}

impl<'a> WantedAccount<'a> {
    fn of(what: &'static str, text: &'a str) -> Result<Self, AccountError> {
        if text.is_empty() {
            return Ok(Self::Nothing);
        }
        match number(text.as_bytes()) {
            None => Ok(Self::Name(text)),
            Some(id) => match u32::try_from(id).ok().filter(|id| *id <= i32::MAX as u32) {
                Some(id) => Ok(Self::Id(id)),
                None => Err(AccountError::Range {
                    what,
                    number: text.to_owned(),
                }),
            },
        }
    }

    fn is(self, name: &[u8], id: u32) -> bool {
        match self {
            Self::Nothing => id == 0,
            Self::Id(wanted) => id == wanted,
            Self::Name(wanted) => name == wanted.as_bytes(),
        }
    }
}

fn unknown(what: &'static str, name: &str, file: &'static str) -> AccountError {
    AccountError::Unknown {
        what,
        name: name.to_owned(),
        file,
    }
}

/// Digits with an optional sign; what does not fit is the largest number or the smallest, as Go's `Atoi` has it.
fn number(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+"));
    let digits = digits.unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let limit = if text[0] == b'-' { i64::MIN } else { i64::MAX };
    Some(std::str::from_utf8(text).ok()?.parse().unwrap_or(limit))
}

/// The id in a field, 0 if it is not a number; `None` if no process can have it.
fn id(field: Option<&[u8]>) -> Option<u32> {
    let id = field.and_then(number).unwrap_or(0);
    // The largest number means "do not change" to the kernel.
    u32::try_from(id).ok().filter(|id| *id != u32::MAX)
}

/// Accounts with an id that no process can have are passed over.
fn accounts(passwd: &[u8]) -> impl Iterator<Item = Account<'_>> {
    lines(passwd).filter_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        Some(Account {
            name: fields.next()?,
            uid: id(fields.nth(1))?,
            gid: id(fields.next())?,
            home: fields.nth(1).unwrap_or_default(),
        })
    })
}

struct AccountGroup<'a> {
    name: &'a [u8],
    gid: u32,
    members: &'a [u8],
}

impl AccountGroup<'_> {
    fn has(&self, name: &[u8]) -> bool {
        self.members.split(|b| *b == b',').any(|m| m == name)
    }
}

/// Groups with an id that no process can have are passed over.
fn groups(group: &[u8]) -> impl Iterator<Item = AccountGroup<'_>> {
    let lines = lines(group).filter(|line| line[0] != b'#');
    lines.filter_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        Some(AccountGroup {
            name: fields.next()?,
            gid: id(fields.nth(1))?,
            members: fields.next().unwrap_or_default(),
        })
    })
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n\n  web:x:1000:1001::/srv/web:/bin/false\n\
        1000:x:7:7::/odd:\n99:x:98:98::/n:\nbad:x:notanumber:0::/bad:\nshort:x:5\nbig:x:4294967295:0::/:\n\
        minus:x:-1:0::/:\n:x:6:6::/nameless:\n\xff:x:3:3::/b:\n";
    const GROUP: &[u8] =
        b"root:x:0:\nweb:x:1001:\nlog:x:4:other,web\n#web:x:9:web\nadm:x:5:web,web\nx:x:-1:web\n\
        half:x\nten:x:10:root\n";

    fn of(user: &str) -> (u32, u32, Vec<u32>, &'static str) {
        let user = exec_user(user, PASSWD, GROUP).unwrap();
        let home = std::str::from_utf8(user.home).unwrap();
        (user.uid, user.gid, user.others, home)
    }

    #[test]
    fn users_are_names_or_numbers_with_or_without_a_group() {
        assert_eq!(of(""), (0, 0, vec![10], "/root"));
        assert_eq!(of("web"), (1000, 1001, vec![4, 5], "/srv/web"));
        assert_eq!(of("web:log"), (1000, 4, vec![], "/srv/web"));
        assert_eq!(of("web:77"), (1000, 77, vec![], "/srv/web"));
        assert_eq!(of("4242"), (4242, 0, vec![], ""));
        assert_eq!(of("4242:adm"), (4242, 5, vec![], ""));
        assert_eq!(of(":adm"), (0, 5, vec![], "/root"));
        assert_eq!(
            exec_user("", b"", b"x:x:1:").unwrap(),
            ExecUser {
                uid: 0,
                gid: 0,
                others: vec![],
                home: b""
            }
        );
    }

    #[test]
    fn a_number_is_an_id_even_if_an_account_is_named_like_it() {
        assert_eq!(of("1000"), (1000, 1001, vec![4, 5], "/srv/web"));
        assert_eq!(of("99"), (99, 0, vec![], ""));
        assert_eq!(find_account(PASSWD, "1000").unwrap().name, b"web");
        assert_eq!(find_account(PASSWD, "99:web"), None);
    }

    #[test]
    fn fields_that_are_missing_or_no_numbers_are_zero_as_docker_has_them() {
        assert_eq!(of("bad"), (0, 0, vec![], "/bad"));
        assert_eq!(of("short"), (5, 0, vec![], ""));
        assert_eq!(of("web:half"), (1000, 0, vec![], "/srv/web"));
        assert_eq!(of("6"), (6, 6, vec![], "/nameless"));
    }

    #[test]
    fn names_that_are_not_there_and_numbers_out_of_range_are_refused() {
        for user in ["big", "minus", "nobody", "web:x", "web:#web", " web", "1_0"] {
            let error = exec_user(user, PASSWD, GROUP).unwrap_err();
            assert!(
                matches!(error, AccountError::Unknown { .. }),
                "{user}: {error}"
            );
        }
        for user in [
            "4294967295",
            "2147483648",
            "-1",
            "99999999999999999999",
            "0:-1",
        ] {
            let error = exec_user(user, PASSWD, GROUP).unwrap_err();
            assert!(
                matches!(error, AccountError::Range { .. }),
                "{user}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_file_is_read_and_both_readers_agree(
            passwd in "([a01:#/-]{0,12}\n){0,6}", group in "([a01:,#]{0,12}\n){0,6}", user in "[a01:-]{0,4}"
        ) {
            let account = find_account(passwd.as_bytes(), &user);
            if let (Some(account), Ok(user)) =
                (account, exec_user(&user, passwd.as_bytes(), group.as_bytes()))
            {
                assert_eq!((account.uid, account.home), (user.uid, user.home));
            }
        }
    }
}
