//! Users and groups as the image's own `/etc/passwd` and `/etc/group` have them.
//!
//! Source: moby/sys `user` (`GetExecUser`), which Docker resolves `USER` with; passwd(5), group(5).

use std::io;
use std::os::fd::AsFd;

use super::super::super::error::RuntimeError;
use super::super::tree::read_file;
use crate::rootfs::ImagePath;

/// The largest database that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// Ids that a process gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::runtime::oci) struct Ids {
    pub(in crate::runtime::oci) uid: u32,
    pub(in crate::runtime::oci) gid: u32,
    /// Supplementary groups, the primary one first.
    pub(in crate::runtime::oci) groups: Vec<u32>,
    /// The user's home folder.
    pub(in crate::runtime::oci) home: String,
}

/// Resolves `USER` (`name`, `uid`, `name:group`, `uid:gid`; empty is root) in the tree at `root`.
pub(in crate::runtime::oci) fn resolve(root: impl AsFd, user: &str) -> Result<Ids, RuntimeError> {
    let passwd = read(root.as_fd(), "etc/passwd")?;
    let group = read(root.as_fd(), "etc/group")?;
    ids(user, &passwd, &group)
}

/// A database of the image; empty where it is not there.
fn read(root: impl AsFd, path: &str) -> Result<Vec<u8>, RuntimeError> {
    match read_file(root, path.as_bytes(), LARGEST) {
        Err(error) if is_missing(&error) => Ok(Vec::new()),
        other => other.map_err(|source| RuntimeError::ImageFile {
            path: ImagePath::new(path),
            source,
        }),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// An id that the kernel takes; Docker draws the line there too.
fn id(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().filter(|id| *id <= i32::MAX as u32)
}

struct Account<'a> {
    name: &'a [u8],
    uid: u32,
    gid: u32,
    home: &'a [u8],
}

/// Lines that are no accounts are passed over.
fn accounts(passwd: &[u8]) -> impl Iterator<Item = Account<'_>> {
    lines(passwd).filter_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        let name = fields.next()?;
        let (uid, gid) = (id(fields.nth(1)?)?, id(fields.next()?)?);
        let home = fields.nth(1).unwrap_or_default();
        Some(Account {
            name,
            uid,
            gid,
            home,
        })
    })
}

/// Name, id and members.
fn groups(group: &[u8]) -> impl Iterator<Item = (&[u8], u32, &[u8])> {
    lines(group).filter_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        let name = fields.next()?;
        let gid = id(fields.nth(1)?)?;
        Some((name, gid, fields.next().unwrap_or_default()))
    })
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
}

fn ids(user: &str, passwd: &[u8], group: &[u8]) -> Result<Ids, RuntimeError> {
    let (user, of_group) = user.split_once(':').unwrap_or((user, ""));
    let unknown = |what: &str, name: &str, file: &str| {
        RuntimeError::NoUser(format!(
            "unable to find {what} {name}: it is not in the image's {file}"
        ))
    };
    let number = id(user.as_bytes());
    let account = accounts(passwd).find(|account| match number {
        _ if user.is_empty() => account.uid == 0,
        Some(number) => account.uid == number,
        None => account.name == user.as_bytes(),
    });
    let (uid, mut gid, home) = match (&account, number) {
        (Some(found), _) => (found.uid, found.gid, found.home),
        (None, Some(number)) => (number, 0, &b""[..]),
        (None, None) if user.is_empty() => (0, 0, &b""[..]),
        (None, None) => return Err(unknown("user", user, "/etc/passwd")),
    };
    let mut others = Vec::new();
    if !of_group.is_empty() {
        let number = id(of_group.as_bytes());
        let found = groups(group).find(|(name, gid, _)| match number {
            Some(number) => *gid == number,
            None => *name == of_group.as_bytes(),
        });
        gid = found
            .map(|(_, gid, _)| gid)
            .or(number)
            .ok_or_else(|| unknown("group", of_group, "/etc/group"))?;
    } else if let Some(account) = &account {
        let member = |members: &[u8]| members.split(|b| *b == b',').any(|m| m == account.name);
        others.extend(
            groups(group)
                .filter(|(_, _, members)| member(members))
                .map(|(_, gid, _)| gid),
        );
    }
    let mut groups = vec![gid];
    for other in others {
        if !groups.contains(&other) {
            groups.push(other);
        }
    }
    let home = String::from_utf8_lossy(home).into_owned();
    Ok(Ids {
        uid,
        gid,
        groups,
        home: if home.is_empty() {
            "/".to_owned()
        } else {
            home
        },
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n\n  web:x:1000:1001::/srv/web:/bin/false\n\
        1000:x:7:7::/odd:\n99:x:98:98::/n:\nbad:x:notanumber:0::/:\nshort:x:5\nbig:x:4294967295:0::/:\n\xff:x:3:3::/b:\n";
    const GROUP: &[u8] =
        b"root:x:0:\nweb:x:1001:\nlog:x:4:other,web\nadm:x:5:web,web\nx:x:-1:web\nhalf:x\n";

    fn of(user: &str) -> (u32, u32, Vec<u32>, String) {
        let ids = ids(user, PASSWD, GROUP).unwrap();
        (ids.uid, ids.gid, ids.groups, ids.home)
    }

    #[test]
    fn users_are_names_or_numbers_with_or_without_a_group() {
        assert_eq!(of(""), (0, 0, vec![0], "/root".into()));
        assert_eq!(of("web"), (1000, 1001, vec![1001, 4, 5], "/srv/web".into()));
        assert_eq!(
            of("1000"),
            (1000, 1001, vec![1001, 4, 5], "/srv/web".into()),
            "a number is an id"
        );
        assert_eq!(of("web:log"), (1000, 4, vec![4], "/srv/web".into()));
        assert_eq!(of("web:77"), (1000, 77, vec![77], "/srv/web".into()));
        assert_eq!(of("4242"), (4242, 0, vec![0], "/".into()));
        assert_eq!(of("4242:adm"), (4242, 5, vec![5], "/".into()));
    }

    #[test]
    fn odd_lines_are_no_accounts() {
        for user in ["bad", "short", "big", "nobody", "4294967295", "-1", "+x"] {
            let error = ids(user, PASSWD, GROUP).unwrap_err();
            assert!(matches!(error, RuntimeError::NoUser(_)), "{user}: {error}");
        }
        assert!(ids("web:nogroup", PASSWD, GROUP).is_err());
        assert_eq!(ids("", b"", b"").unwrap().groups, [0]);
    }

    #[test]
    fn a_database_is_read_inside_the_root_only() {
        let folder = tempfile::tempdir().unwrap();
        let root = File::open(folder.path()).unwrap();
        assert_eq!(read(&root, "etc/passwd").unwrap(), b"");
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("etc/passwd")).unwrap();
        assert_eq!(
            read(&root, "etc/passwd").unwrap(),
            b"",
            "a link to itself inside the root"
        );
        std::os::unix::fs::symlink("../../../../etc/hostname", folder.path().join("etc/group"))
            .unwrap();
        assert_eq!(read(&root, "etc/group").unwrap(), b"");
        std::fs::write(folder.path().join("etc/hostname"), "x:x:1:").unwrap();
        assert_eq!(read(&root, "etc/group").unwrap(), b"x:x:1:");
        std::fs::remove_file(folder.path().join("etc/passwd")).unwrap();
        std::fs::create_dir(folder.path().join("etc/passwd")).unwrap();
        let error = read(&root, "etc/passwd").unwrap_err().to_string();
        assert_eq!(
            error,
            "read /etc/passwd of the image: it is not a regular file"
        );
    }
}
