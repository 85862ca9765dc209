//! Users and groups, by the image's own `/etc/passwd` and `/etc/group`.

use std::os::fd::AsFd;

use crate::rootfs::{ImagePath, accounts};
use crate::runtime::error::RuntimeError;
use crate::runtime::oci::tree::{is_missing, read_file};

/// The ids and the home of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Supplementary groups, the primary one first.
    pub(crate) groups: Vec<u32>,
    /// The user's home folder.
    pub(crate) home: String,
}

/// Resolves `USER` (`name`, `uid`, `name:group`, `uid:gid`; empty is root) in the tree at `root`.
pub(crate) fn resolve(root: impl AsFd, user: &str) -> Result<Ids, RuntimeError> {
    let passwd = read(root.as_fd(), "etc/passwd")?;
    let group = read(root.as_fd(), "etc/group")?;
    ids(user, &passwd, &group)
}

/// A database of the image; empty if the file does not exist.
fn read(root: impl AsFd, path: &str) -> Result<Vec<u8>, RuntimeError> {
    match read_file(root, path.as_bytes(), accounts::MAX_DATABASE) {
        Err(error) if is_missing(&error) => Ok(Vec::new()),
        other => other.map_err(|source| RuntimeError::ImageFile {
            path: ImagePath::new(path),
            source,
        }),
    }
}

fn ids(user: &str, passwd: &[u8], group: &[u8]) -> Result<Ids, RuntimeError> {
    let user = accounts::exec_user(user, passwd, group)
        .map_err(|error| RuntimeError::NoUser(format!("unable to find {error}")))?;
    // The primary group is a supplementary one too, as in Docker since CVE-2022-36109: a process that changes its group
    // must not lose access rules that deny this one.
    let mut groups = vec![user.gid];
    for other in user.others {
        if !groups.contains(&other) {
            groups.push(other);
        }
    }
    Ok(Ids {
        uid: user.uid,
        gid: user.gid,
        groups,
        home: match user.home {
            b"" => "/".to_owned(),
            home => String::from_utf8_lossy(home).into_owned(),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn the_primary_group_comes_first_and_each_group_once() {
        let passwd = b"web:x:1000:1001::/srv/web:/bin/false\n";
        let group = b"web:x:1001:web\nlog:x:4:other,web\nadm:x:5:web,web\nlog:x:4:web\n";
        let web = ids("web", passwd, group).unwrap();
        assert_eq!((web.gid, web.groups), (1001, vec![1001, 4, 5]));
        assert_eq!(web.home, "/srv/web");
        let other = ids("4242:adm", passwd, group).unwrap();
        assert_eq!((other.groups, other.home.as_str()), (vec![5], "/"));
        let error = ids("nobody", passwd, group).unwrap_err();
        assert!(
            matches!(&error, RuntimeError::NoUser(reason)
                if reason == "unable to find user nobody: it is not in the image's /etc/passwd"),
            "{error}"
        );
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
