//! [`Location`]: the place to read an image from or write it to, in the user's notation: `oci:DIR:TAG`,
//! `docker-daemon:NAME`, …
//!
//! Source: containers-transports(5).

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::image::{Digest, ImageReference, TaggedName};

/// The place to read an image from or write it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    text: String,
    place: Place,
}

/// The kinds of places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A name without a transport; it refers to the Docker daemon if one answers.
    Plain(ImageReference),
    /// `docker-daemon:REF`
    DockerDaemon(ImageReference),
    /// `docker-archive:FILE[:REF]`
    DockerArchive {
        /// Path of the archive.
        file: PathBuf,
        /// The name of the image in the file.
        name: Option<TaggedName>,
    },
    /// `oci:DIR[:TAG]`, `oci:DIR[@DIGEST]`
    OciLayout {
        /// Path of the folder.
        dir: PathBuf,
        /// The image in the folder.
        image: Option<OciImage>,
    },
    /// `oci-archive:FILE[:TAG]`, `oci-archive:FILE[@DIGEST]`
    OciArchive {
        /// Path of the archive.
        file: PathBuf,
        /// The image in the file.
        image: Option<OciImage>,
    },
    /// `docker://REGISTRY/REPO[:TAG|@DIGEST]`
    Registry(ImageReference),
    /// `containers-storage:REF`
    ContainersStorage(ImageReference),
    /// `-`: standard input or output.
    Stdio,
}

/// An image in an OCI layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OciImage {
    /// Its name in `org.opencontainers.image.ref.name`, a tag or a full name.
    Tag(String),
    /// The digest of its manifest, for reading only.
    Digest(Digest),
}

/// The reason why a text is not a location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parse the location {text:?}: {what}")]
pub struct LocationError {
    /// The text that the user typed.
    pub text: String,
    /// The fault in it.
    pub what: String,
}

impl LocationError {
    /// A sentence that says what the user can do about it.
    pub fn hint(&self) -> &'static str {
        "use the name of an image, -, docker-daemon:REF, docker-archive:FILE[:REF], oci:DIR[:TAG], \
         oci-archive:FILE[:TAG], docker://REGISTRY/REPO[:TAG] or containers-storage:REF"
    }
}

impl Location {
    /// The kind of place.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The text that the user typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The location of an image of the Docker daemon, for a plain name.
    pub fn docker_daemon(reference: ImageReference) -> Self {
        Self {
            text: format!("docker-daemon:{reference}"),
            place: Place::DockerDaemon(reference),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Transports of other tools, so that a name such as `dir:/x` is not taken for a repository with a tag.
const FOREIGN: [&str; 7] = [
    "dir",
    "ostree",
    "sif",
    "tarball",
    "atomic",
    "containerd",
    "docker-registry",
];

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let place = parse(text).map_err(|what| LocationError {
            text: text.to_owned(),
            what,
        })?;
        Ok(Self {
            text: text.to_owned(),
            place,
        })
    }
}

fn parse(text: &str) -> Result<Place, String> {
    if text.is_empty() {
        return Err("it is empty".into());
    }
    if text == "-" {
        return Ok(Place::Stdio);
    }
    let Some((transport, rest)) = text.split_once(':') else {
        return reference(text).map(Place::Plain);
    };
    match transport {
        "docker-daemon" => reference(rest).map(Place::DockerDaemon),
        "docker-archive" => docker_archive(rest),
        "oci" => {
            let (dir, image) = oci(rest, "folder")?;
            Ok(Place::OciLayout { dir, image })
        }
        "oci-archive" => {
            let (file, image) = oci(rest, "file")?;
            Ok(Place::OciArchive { file, image })
        }
        "docker" => match rest.strip_prefix("//") {
            Some(rest) => registry(rest),
            None => Err("after docker: two slashes are expected, as in docker://app:1".into()),
        },
        "containers-storage" if rest.starts_with('[') => {
            Err("only the default storage is supported".into())
        }
        "containers-storage" => reference(rest).map(Place::ContainersStorage),
        // `ftp://x`: no image's name has two slashes after the colon.
        other if FOREIGN.contains(&other) || rest.starts_with("//") => {
            Err(format!("the transport {other} is not known"))
        }
        _ => reference(text).map(Place::Plain).map_err(|what| {
            // A tag cannot start with a slash or a dot, so this is a path after a misspelt transport.
            if rest.starts_with(['/', '.']) {
                format!("the transport {transport} is not known")
            } else {
                what
            }
        }),
    }
}

fn reference(text: &str) -> Result<ImageReference, String> {
    match text {
        "" => Err("the name of the image is missing".into()),
        text => text
            .parse()
            .map_err(|e: crate::image::ReferenceError| e.what),
    }
}

fn registry(text: &str) -> Result<Place, String> {
    let reference = reference(text)?;
    match reference.id() {
        Some(_) => Err("a registry cannot find an image by its ID".into()),
        None => Ok(Place::Registry(reference)),
    }
}

fn docker_archive(rest: &str) -> Result<Place, String> {
    let (file, name) = match rest.split_once(':') {
        Some((file, name)) => (file, Some(name)),
        None => (rest, None),
    };
    let name = match name {
        Some(name) if name.starts_with('@') => {
            // skopeo's `docker-archive:FILE:@INDEX`, whose numbers change whenever the archive is written anew.
            return Err("an image in an archive is chosen by its name, not by its number".into());
        }
        Some("") => return Err("the name after the file is empty".into()),
        Some(name) => Some(
            name.parse()
                .map_err(|e: crate::image::ReferenceError| e.what)?,
        ),
        None => None,
    };
    Ok(Place::DockerArchive {
        file: path(file, "file")?,
        name,
    })
}

fn oci(rest: &str, what: &str) -> Result<(PathBuf, Option<OciImage>), String> {
    // A folder's name may have an "@"; a digest has a colon after it, and a tag would come before.
    if let Some((dir, digest)) = rest.rsplit_once('@')
        && digest.contains(':')
        && !dir.contains(':')
    {
        let digest = digest.parse().map_err(|e| format!("{e}"))?;
        return Ok((path(dir, what)?, Some(OciImage::Digest(digest))));
    }
    match rest.split_once(':') {
        None => Ok((path(rest, what)?, None)),
        // The first colon ends the folder, as in skopeo: a tag may have colons (`reg:5000/app:1`), so the folder
        // cannot.
        Some((dir, tag)) if is_ref_name(tag) => {
            Ok((path(dir, what)?, Some(OciImage::Tag(tag.to_owned()))))
        }
        Some((_, "")) => Err(format!("the tag after the {what} is empty")),
        Some((_, tag)) => Err(format!("{tag:?} is not a valid tag of an OCI layout")),
    }
}

fn path(text: &str, what: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err(format!("the name of the {what} is missing")),
        text if text.contains('\0') => Err(format!("the name of the {what} contains a NUL")),
        text => Ok(text.into()),
    }
}

/// The grammar of `org.opencontainers.image.ref.name`: OCI image spec, `annotations.md`.
fn is_ref_name(text: &str) -> bool {
    let is_separator = |b: u8| b"-._:@+".contains(&b);
    let is_component = |component: &str| {
        let bytes = component.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        let good_ends = ends
            .iter()
            .all(|b| b.is_some_and(|b| b.is_ascii_alphanumeric()));
        good_ends
            && bytes
                .iter()
                .all(|&b| b.is_ascii_alphanumeric() || is_separator(b))
            && bytes
                .windows(2)
                .all(|pair| pair == b"--" || !(is_separator(pair[0]) && is_separator(pair[1])))
    };
    text.split('/').all(is_component)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        text.parse::<Location>().unwrap().place
    }

    fn tag(text: &str) -> Option<OciImage> {
        Some(OciImage::Tag(text.to_owned()))
    }

    #[test]
    fn every_transport_is_read() {
        assert_eq!(place("-"), Place::Stdio);
        assert_eq!(place("app:1"), Place::Plain("app:1".parse().unwrap()));
        assert_eq!(
            place("localhost:5000/app"),
            Place::Plain("localhost:5000/app".parse().unwrap())
        );
        assert_eq!(
            place("docker-daemon:app:1"),
            Place::DockerDaemon("app:1".parse().unwrap())
        );
        assert_eq!(
            place("docker://reg.io/a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000"),
            Place::Registry("reg.io/a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000".parse().unwrap())
        );
        assert_eq!(
            place("containers-storage:app"),
            Place::ContainersStorage("app".parse().unwrap())
        );
        assert_eq!(
            place("docker-archive:a/b.tar:reg.io:5000/app:1"),
            Place::DockerArchive {
                file: "a/b.tar".into(),
                name: "reg.io:5000/app:1".parse().ok()
            }
        );
        for (text, dir, image) in [
            ("oci:/d", "/d", None),
            ("oci:d:v1.0", "d", tag("v1.0")),
            ("oci:d:reg.io:5000/app:1", "d", tag("reg.io:5000/app:1")),
        ] {
            let expected = Place::OciLayout {
                dir: dir.into(),
                image,
            };
            assert_eq!(place(text), expected, "{text}");
        }
        let digest = Digest::of(b"x");
        assert_eq!(
            place(&format!("oci-archive:f.tar@{digest}")),
            Place::OciArchive {
                file: "f.tar".into(),
                image: Some(OciImage::Digest(digest))
            }
        );
    }

    #[test]
    fn other_texts_are_named_in_the_error() {
        for (text, what) in [
            ("", "empty"),
            ("oci:", "name of the folder is missing"),
            ("oci::tag", "name of the folder is missing"),
            ("oci:d:", "tag after the folder is empty"),
            ("oci:d:a b", "not a valid tag"),
            ("oci:d:-a", "not a valid tag"),
            ("oci:d@sha512:00", "does not start with"),
            ("docker-archive:", "name of the file is missing"),
            ("docker-archive:f:", "name after the file is empty"),
            ("docker-archive:f:@0", "not by its number"),
            ("docker-archive:f:App", "lower-case"),
            ("docker:app", "two slashes"),
            ("docker://", "name of the image is missing"),
            ("docker-daemon:", "name of the image is missing"),
            ("dir:/x", "transport dir is not known"),
            ("ftp://x", "transport ftp is not known"),
            ("tar:./x", "transport tar is not known"),
            (
                "containers-storage:[overlay@/x]app",
                "only the default storage",
            ),
            ("App", "lower-case"),
        ] {
            let error = text.parse::<Location>().unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_location_or_an_error(text in ".*", transport in "(oci|oci-archive|docker-archive|docker|docker-daemon):") {
            let _ = text.parse::<Location>();
            let _ = format!("{transport}{text}").parse::<Location>();
        }
    }
}
