//! [`Arch`]: the machines that are emulated, and what differs between them.

use clap::ValueEnum;

/// A machine by Debian's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// aarch64.
    Arm64,
}

impl Arch {
    /// Debian's name.
    pub(crate) fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The compiler's name.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// Debian's package with its emulator, and the program in it.
    pub(crate) fn emulator(self) -> (&'static str, &'static str) {
        match self {
            Self::Amd64 => ("qemu-system-x86", "qemu-system-x86_64"),
            Self::Arm64 => ("qemu-system-arm", "qemu-system-aarch64"),
        }
    }

    /// The emulated machine.
    pub(crate) fn machine(self) -> &'static [&'static str] {
        match self {
            Self::Amd64 => &["-machine", "q35", "-cpu", "max"],
            // Authenticated pointers as the architecture defines them take most of the time when emulated.
            Self::Arm64 => &["-machine", "virt", "-cpu", "max,pauth-impdef=on"],
        }
    }

    /// The first serial line.
    pub(crate) fn console(self) -> &'static str {
        match self {
            Self::Amd64 => "ttyS0",
            Self::Arm64 => "ttyAMA0",
        }
    }

    /// The kernel series that are tried where none is named, oldest first. A series is the start of a version;
    /// `7` stands for the newest of them.
    pub(crate) fn series(self) -> &'static [&'static str] {
        match self {
            Self::Amd64 => &["5.10", "6.1", "6.12", "6.18", "7"],
            Self::Arm64 => &["6.1", "6.12"],
        }
    }

    /// The oldest and the newest of these.
    pub(crate) fn ends(self) -> [&'static str; 2] {
        let series = self.series();
        [series[0], series[series.len() - 1]]
    }
}
