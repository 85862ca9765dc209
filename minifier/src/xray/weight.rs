//! [`Weight`]: memory that is taken by what is kept of an image, so that it can be charged against its limit.

use super::detect::{ArchiveManifest, BuildInfo, Certificate, JavaArchive, Module, SecretMatch};
use super::model::PackageInfo;
use super::scan::{ElfFacts, Extra};
use crate::analyze::{Dlopen, ElfFile, PackageMetadata, RpmDatabase, RpmPackage};

/// Bytes that an allocation takes beyond its size, roughly.
const ALLOCATION: usize = 16;

/// A value that takes memory beyond its own size.
pub(crate) trait Weight {
    /// Bytes on the heap.
    fn weight(&self) -> usize;

    /// Bytes on the heap of several values together.
    fn of_all(all: &[Self]) -> usize
    where
        Self: Sized,
    {
        all.iter().map(Self::weight).sum()
    }
}

/// For types that are their own bytes only.
macro_rules! weightless {
    ($($type:ty),*) => {$(
        impl Weight for $type {
            fn weight(&self) -> usize {
                0
            }

            // A buffer of megabytes is not walked through byte by byte.
            fn of_all(_: &[Self]) -> usize {
                0
            }
        }
    )*};
}
weightless!(u8, u32, u64, usize);

/// For types that are the sum of their fields.
macro_rules! fields {
    ($($type:ty { $($field:ident),* })*) => {$(
        impl Weight for $type {
            fn weight(&self) -> usize {
                0 $(+ self.$field.weight())*
            }
        }
    )*};
}
fields! {
    JavaArchive { inside, artifacts, manifest, problem }
    ArchiveManifest { title, symbolic_name, module_name, version, vendor_id, vendor, licence }
    BuildInfo { compiler, modules }
    Certificate { subject, issuer }
    Dlopen { soname }
    ElfFile { interpreter, needed, soname, rpath, runpath, dlopen }
    ElfFacts { elf, built, ranges }
    PackageMetadata { name, version, licence, supplier, requires }
    Module { name, version, needs }
    PackageInfo {
        id, name, version, architecture, licence, source, supplier, download, checksums, depends_on, location
    }
    RpmDatabase { packages }
    RpmPackage {
        name, version, architecture, licence, vendor, source, header_sha256, directories, files, provides, requires
    }
    SecretMatch { masked }
    Extra { document, head, elf, secrets, certificates, metadata, archives, rpm }
}

fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        bytes => bytes + ALLOCATION,
    }
}

impl Weight for String {
    fn weight(&self) -> usize {
        // Capacity and not length: that is what was allocated.
        allocated(self.capacity())
    }
}

impl<T: Weight> Weight for Vec<T> {
    fn weight(&self) -> usize {
        allocated(self.capacity() * size_of::<T>()) + T::of_all(self)
    }
}

impl<T: Weight> Weight for Option<T> {
    fn weight(&self) -> usize {
        self.as_ref().map_or(0, T::weight)
    }
}

impl<T: Weight> Weight for Result<T, String> {
    fn weight(&self) -> usize {
        self.as_ref().map_or_else(String::weight, T::weight)
    }
}

impl<A: Weight, B: Weight> Weight for (A, B) {
    fn weight(&self) -> usize {
        self.0.weight() + self.1.weight()
    }
}

impl<A: Weight, B: Weight, C: Weight> Weight for (A, B, C) {
    fn weight(&self) -> usize {
        self.0.weight() + self.1.weight() + self.2.weight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_weighs_with_what_holds_it() {
        assert_eq!(String::new().weight(), 0);
        assert_eq!(vec![0u8; 100].weight(), 100 + ALLOCATION);
        let names = vec!["a".repeat(50), "b".repeat(7)];
        let expected = 2 * size_of::<String>() + 57 + 3 * ALLOCATION;
        assert_eq!(names.weight(), expected);
        let metadata = PackageMetadata {
            name: "n".repeat(9),
            requires: names,
            ..PackageMetadata::default()
        };
        assert_eq!(metadata.weight(), expected + 9 + ALLOCATION);
        assert_eq!(
            Some((metadata, String::new())).weight(),
            expected + 9 + ALLOCATION
        );
    }
}
