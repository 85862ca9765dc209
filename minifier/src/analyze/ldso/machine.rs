//! Differences between machines: directory names and dynamic string tokens.

use goblin::elf::header::{
    EM_386, EM_AARCH64, EM_ARM, EM_LOONGARCH, EM_MIPS, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64,
};

use crate::analyze::elf::Abi;

/// Names of one machine. Directories are relative to `/` and `/usr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Debian's multiarch directories below `lib`.
    pub(crate) triplets: &'static [&'static str],
    /// Library directories of other distributions, before plain `lib`.
    pub(crate) lib: &'static [&'static str],
    /// Values of `$PLATFORM` (`AT_PLATFORM`).
    pub(crate) platforms: &'static [&'static str],
}

/// Directories below a library directory in which glibc before 2.37 looks for variants, if the CPU has them.
pub(crate) const LEGACY_HWCAPS: [&str; 14] = [
    "atomics", "avx512_1", "haswell", "i586", "i686", "neon", "nosegneg", "power8", "sse2", "tls",
    "v7l", "vfp", "x86_64", "xeon_phi",
];

/// The names for an ABI; plain `lib` alone for machines that are not known.
pub(crate) fn machine(abi: Abi) -> Machine {
    let is_64 = abi.class == 2;
    let little = abi.data == 1;
    let (triplets, lib, platforms): (&[&str], &[&str], &[&str]) = match abi.machine {
        EM_X86_64 if is_64 => (
            &["x86_64-linux-gnu"],
            &["lib64"],
            &["x86_64", "haswell", "xeon_phi"],
        ),
        EM_X86_64 => (&["x86_64-linux-gnux32"], &["libx32"], &["x86_64"]),
        EM_386 => (
            &["i386-linux-gnu", "i686-linux-gnu"],
            &["lib32"],
            &["i686", "i586", "i486", "i386"],
        ),
        EM_AARCH64 => (&["aarch64-linux-gnu"], &["lib64"], &["aarch64"]),
        EM_ARM => (
            &["arm-linux-gnueabihf", "arm-linux-gnueabi"],
            &[],
            &["v7l", "v8l", "v6l", "v5l"],
        ),
        EM_PPC64 if little => (
            &["powerpc64le-linux-gnu"],
            &["lib64"],
            &["power8", "power9", "power10"],
        ),
        EM_PPC64 => (&["powerpc64-linux-gnu"], &["lib64"], &["power8"]),
        EM_S390 => (
            &["s390x-linux-gnu"],
            &["lib64"],
            &["z13", "z14", "z15", "z16"],
        ),
        EM_RISCV => (
            &["riscv64-linux-gnu"],
            &["lib64/lp64d", "lib64"],
            &["riscv64"],
        ),
        EM_LOONGARCH => (&["loongarch64-linux-gnu"], &["lib64"], &["loongarch64"]),
        EM_MIPS => (
            &[
                "mips64el-linux-gnuabi64",
                "mipsel-linux-gnu",
                "mips-linux-gnu",
            ],
            &["lib64"],
            &["mips"],
        ),
        _ => (&[], &[], &[]),
    };
    Machine {
        triplets,
        lib,
        platforms,
    }
}

impl Machine {
    /// The directories that a dynamic linker of this machine has built in, on any distribution.
    pub(crate) fn default_dirs(&self) -> Vec<Vec<u8>> {
        let multiarch = self
            .triplets
            .iter()
            .flat_map(|triplet| [format!("/lib/{triplet}"), format!("/usr/lib/{triplet}")]);
        let others = self
            .lib
            .iter()
            .flat_map(|lib| [format!("/{lib}"), format!("/usr/{lib}")]);
        multiarch
            .chain(others)
            .chain(["/lib".into(), "/usr/lib".into()])
            .map(String::into_bytes)
            .collect()
    }

    /// Values that `$LIB` has on one distribution or another.
    pub(crate) fn lib_tokens(&self) -> Vec<Vec<u8>> {
        let multiarch = self.triplets.iter().map(|triplet| format!("lib/{triplet}"));
        let others = self.lib.iter().map(|lib| (*lib).to_owned());
        multiarch
            .chain(others)
            .chain(["lib".into()])
            .map(String::into_bytes)
            .collect()
    }
}
