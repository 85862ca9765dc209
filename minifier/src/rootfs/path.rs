//! [`ImagePath`]: a path inside an image. Bytes, absolute, normalised; never a host path by accident.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Directories of the system's, which container runtimes mount over: nobody sees what an image has below them.
pub const SYSTEM_MOUNTS: [&str; 3] = ["/dev", "/proc", "/sys"];

/// An absolute path inside an image: starts with `/`, has no empty, `.` or `..` component and no slash at the
/// end (but for the root itself). `..` above the root stays at the root, as in the kernel.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ImagePath(Arc<[u8]>);

impl ImagePath {
    /// The root of the image, `/`.
    pub fn root() -> Self {
        Self(Arc::from(&b"/"[..]))
    }

    /// Normalises `path` lexically, taking a relative one from the root. Links are not looked at:
    /// see [`super::RootFs::resolve`] for that.
    pub fn new(path: impl AsRef<[u8]>) -> Self {
        Self::root().join(path)
    }

    /// The path that [`fmt::Display`] wrote as `text`: the other way round of [`escape_bytes`].
    pub fn from_text(text: &str) -> Self {
        Self::new(unescape(text))
    }

    /// `path` taken from here: an absolute one replaces this one, `..` goes up lexically.
    #[must_use]
    pub fn join(&self, path: impl AsRef<[u8]>) -> Self {
        let path = path.as_ref();
        let mut out: Vec<u8> = if path.starts_with(b"/") || self.is_root() {
            Vec::new()
        } else {
            self.0.to_vec()
        };
        for part in path.split(|&b| b == b'/') {
            match part {
                b"" | b"." => {}
                b".." => {
                    // At the root there is nothing to cut, so that `/../a` is `/a`, as in the kernel.
                    let cut = out.iter().rposition(|&b| b == b'/').unwrap_or(0);
                    out.truncate(cut);
                }
                name => {
                    out.push(b'/');
                    out.extend_from_slice(name);
                }
            }
        }
        if out.is_empty() {
            out.push(b'/');
        }
        Self(out.into())
    }

    /// The bytes, with the leading slash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes without the leading slash: how tar names the entry; empty for the root.
    pub fn relative(&self) -> &[u8] {
        &self.0[1..]
    }

    /// Whether it is `/`.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// The directory that holds this; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let cut = self.0.iter().rposition(|&b| b == b'/').unwrap_or(0);
        Some(if cut == 0 {
            Self::root()
        } else {
            Self(self.0[..cut].into())
        })
    }

    /// The last component; empty for the root.
    pub fn file_name(&self) -> &[u8] {
        let cut = self.0.iter().rposition(|&b| b == b'/').unwrap_or(0);
        &self.0[cut + 1..]
    }

    /// The components from the root; none for the root itself.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|&b| b == b'/').filter(|part| !part.is_empty())
    }

    /// The directories above, nearest first, ending with the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// Whether this is `other` or lies below it.
    pub fn starts_with(&self, other: &Self) -> bool {
        other.is_root()
            || self
                .0
                .strip_prefix(&*other.0)
                .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }
}

/// Component-wise order: a directory comes right before what it holds.
impl Ord for ImagePath {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_paths(&self.0, &other.0)
    }
}

/// The order of [`ImagePath`]s, by their bytes.
pub fn compare_paths(a: &[u8], b: &[u8]) -> Ordering {
    // The same as to compare components, without taking the paths apart: a slash ends a component, so that it counts
    // less than any byte of a longer one.
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((b'/', _)) => Ordering::Less,
        Some((_, b'/')) => Ordering::Greater,
        Some((a, b)) => a.cmp(b),
        None => a.len().cmp(&b.len()),
    }
}

impl PartialOrd for ImagePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Text for people and for JSON, from which the bytes can be got back: control characters, backslashes and bytes
/// that are no UTF-8 are written `\xNN`.
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || c == '\\' {
                let mut buf = [0; 4];
                c.encode_utf8(&mut buf)
                    .bytes()
                    .for_each(|b| push_escaped(&mut out, b));
            } else {
                out.push(c);
            }
        }
        chunk
            .invalid()
            .iter()
            .for_each(|&b| push_escaped(&mut out, b));
    }
    out
}

/// Text with words of an image in it, for a message: what is long loses its middle.
pub fn shorten(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 1200;
    if text.len() <= LONGEST {
        return Cow::Borrowed(text);
    }
    let head = text.floor_char_boundary(LONGEST / 2);
    let tail = text.ceil_char_boundary(text.len() - LONGEST / 2);
    let left_out = tail - head;
    Cow::Owned(format!(
        "{}…[{left_out} bytes]…{}",
        &text[..head],
        &text[tail..]
    ))
}

/// Bytes at either end of what [`shown`] shortens.
const SHOWN_END: usize = 120;

/// [`escape_bytes`] for messages: what is long loses its middle, so that the last component of a path stays.
pub fn shown(bytes: &[u8]) -> String {
    if bytes.len() <= 2 * SHOWN_END + 40 {
        return escape_bytes(bytes);
    }
    let starts_character = |at: &usize| bytes[*at] & 0xc0 != 0x80;
    // A character of UTF-8 has at most three bytes that do not start one; anything else is escaped either way.
    let near = |from: usize| (from..from + 4).find(starts_character).unwrap_or(from);
    let (head, tail) = (near(SHOWN_END), near(bytes.len() - SHOWN_END));
    format!(
        "{}…[{} bytes]…{}",
        escape_bytes(&bytes[..head]),
        tail - head,
        escape_bytes(&bytes[tail..])
    )
}

fn push_escaped(out: &mut String, byte: u8) {
    use fmt::Write as _;
    let _ = write!(out, "\\x{byte:02x}");
}

/// The bytes that [`escape_bytes`] wrote as `text`; what it never writes stays as it is.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = escaped(rest).unwrap_or((first, after));
        out.push(byte);
        rest = after;
    }
    out
}

/// The byte that `text` begins with if it is written `\xNN`, and what follows.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, after) = text.strip_prefix(b"\\x")?.split_at_checked(2)?;
    let digits = std::str::from_utf8(digits).ok()?;
    // A sign would be taken too.
    digits
        .bytes()
        .all(|b| b.is_ascii_hexdigit())
        .then_some(())?;
    Some((u8::from_str_radix(digits, 16).ok()?, after))
}

/// The whole path; `{:#}` is [`shown`], for messages.
impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            f.write_str(&shown(&self.0))
        } else {
            f.pad(&escape_bytes(&self.0))
        }
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", escape_bytes(&self.0))
    }
}

impl Serialize for ImagePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<&str> for ImagePath {
    fn from(path: &str) -> Self {
        Self::new(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_and_stay_below_the_root() {
        for (given, expected) in [
            ("", "/"),
            ("/", "/"),
            ("./usr//bin/.", "/usr/bin"),
            ("../../etc/passwd", "/etc/passwd"),
            ("/a/b/../c/..", "/a"),
            ("a/../..", "/"),
        ] {
            assert_eq!(
                ImagePath::new(given).as_bytes(),
                expected.as_bytes(),
                "{given}"
            );
        }
    }

    #[test]
    fn an_absolute_path_replaces_on_join() {
        let base = ImagePath::from("/usr/lib");
        assert_eq!(base.join("/etc"), ImagePath::from("/etc"));
        assert_eq!(base.join("../bin"), ImagePath::from("/usr/bin"));
    }

    #[test]
    fn a_directory_sorts_right_before_what_it_holds() {
        let mut paths: Vec<ImagePath> = ["/a.b", "/a/x", "/a"].map(ImagePath::from).to_vec();
        paths.sort();
        assert_eq!(paths, ["/a", "/a/x", "/a.b"].map(ImagePath::from));
    }

    proptest::proptest! {
        #[test]
        fn the_order_is_that_of_the_components(a in "[/.a\u{0}]{0,8}", b in "[/.a\u{0}]{0,8}") {
            let (a, b) = (ImagePath::new(a), ImagePath::new(b));
            proptest::prop_assert_eq!(a.cmp(&b), a.components().cmp(b.components()));
        }
    }

    #[test]
    fn text_is_unambiguous_for_any_bytes() {
        let path = ImagePath::new(b"/n\xff\\x\n\xc3\xa9");
        assert_eq!(path.to_string(), "/n\\xff\\x5cx\\x0aé");
    }

    proptest::proptest! {
        #[test]
        fn the_path_comes_back_from_its_text(bytes: Vec<u8>, like in "[\\\\x5cf/é]{0,12}") {
            for path in [ImagePath::new(bytes), ImagePath::new(like)] {
                proptest::prop_assert_eq!(&ImagePath::from_text(&path.to_string()), &path);
            }
        }
    }

    #[test]
    fn long_paths_lose_their_middle_in_messages() {
        let long = ImagePath::new(format!("/é{}/last\n", "é".repeat(450_000)));
        let text = format!("{long:#}");
        assert!(text.len() < 500, "{text}");
        assert!(
            text.starts_with("/éé") && text.ends_with("é/last\\x0a"),
            "{text}"
        );
        assert!(
            text.contains("bytes]…") && !text.contains("\\xc3"),
            "{text}"
        );
        assert_eq!(format!("{:#}", ImagePath::from("/a b")), "/a b");
        assert_eq!(shorten("/a b"), "/a b");
        let text = shorten(std::str::from_utf8(long.as_bytes()).unwrap()).into_owned();
        assert!(text.len() < 1300 && text.ends_with("é/last\n"), "{text}");
    }

    #[test]
    fn prefixes_end_at_component_borders() {
        assert!(ImagePath::from("/usr/lib").starts_with(&"/usr".into()));
        assert!(!ImagePath::from("/usrlocal").starts_with(&"/usr".into()));
        assert!(ImagePath::from("/usr").starts_with(&ImagePath::root()));
    }
}
