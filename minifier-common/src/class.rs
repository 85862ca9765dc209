//! [`Class`]: what the kernel side has to do when one system call returns, packed into 32 bits.
//!
//! The user side fills a table of these, indexed by system call number, for the machine it runs on: the eBPF object
//! knows neither numbers nor names of calls.

/// Length of the table; numbers from here on are of no interest (x86-64 and arm64 end below 480).
pub const TABLE: usize = 512;

/// The kind of a call's arguments, and of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Shape {
    /// Nothing to record.
    None = 0,
    /// A path, or two.
    Path = 1,
    /// A path; the result is a descriptor of the file that was reached.
    Open = 2,
    /// A descriptor alone, of the file that was reached.
    Descriptor = 3,
    /// A `struct sockaddr`; its length is the next argument.
    Socket = 4,
    /// A `struct msghdr` that may name a `struct sockaddr`.
    Message = 5,
    /// A path or nothing; on success the file that was reached is the working directory.
    WorkingDirectory = 6,
    /// A path; on success the file that was reached is the process's root.
    Root = 7,
}

/// Argument index that means "there is none" (of a `dirfd`: relative paths start in the working directory).
pub const NO_ARGUMENT: u32 = 15;

/// See the module.
///
/// | bits | |
/// |---|---|
/// | 0–3 | [`Shape`] |
/// | 4–7 | argument with the path, descriptor or address |
/// | 8–11 | argument with its `dirfd` |
/// | 12–15 | argument with the second path |
/// | 16–19 | argument with the second path's `dirfd` |
/// | 20–23 | argument with the flags |
/// | 24 | the flags are behind a pointer (`openat2`) |
/// | 25 | only failed calls are recorded (`execve`: its arguments are gone after success) |
/// | 26 | every call is recorded, also a repeated one |
/// | 31 | the call has not been seen yet |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Class(pub u32);

impl Class {
    /// Set until the call was seen once.
    pub const UNSEEN: u32 = 1 << 31;
    const FLAGS_BEHIND_POINTER: u32 = 1 << 24;
    const FAILURES_ONLY: u32 = 1 << 25;
    const EVERY_TIME: u32 = 1 << 26;

    /// A call of that shape whose first path, descriptor or address is argument `path`.
    pub const fn new(shape: Shape, path: u32) -> Self {
        Self(
            shape as u32
                | (path & 15) << 4
                | NO_ARGUMENT << 8
                | NO_ARGUMENT << 12
                | NO_ARGUMENT << 16
                | NO_ARGUMENT << 20,
        )
    }

    const fn with(self, shift: u32, argument: u32) -> Self {
        Self(self.0 & !(15 << shift) | (argument & 15) << shift)
    }

    /// The path is relative to the descriptor in that argument.
    pub const fn at(self, argument: u32) -> Self {
        self.with(8, argument)
    }

    /// There is a second path, relative to the working directory.
    pub const fn second(self, argument: u32) -> Self {
        self.with(12, argument)
    }

    /// The second path is relative to the descriptor in that argument.
    pub const fn second_at(self, argument: u32) -> Self {
        self.with(16, argument)
    }

    /// That argument holds flags.
    pub const fn flags(self, argument: u32) -> Self {
        self.with(20, argument)
    }

    /// That argument points to flags.
    pub const fn flags_behind(self, argument: u32) -> Self {
        let with = self.with(20, argument);
        Self(with.0 | Self::FLAGS_BEHIND_POINTER)
    }

    /// Only failed calls are recorded here.
    pub const fn failures_only(self) -> Self {
        Self(self.0 | Self::FAILURES_ONLY)
    }

    /// Repeated calls are recorded as well.
    pub const fn every_time(self) -> Self {
        Self(self.0 | Self::EVERY_TIME)
    }

    /// The bits of the [`Shape`].
    pub const fn shape(self) -> u32 {
        self.0 & 15
    }

    /// Argument with the path number `which` (0 or 1), [`NO_ARGUMENT`] if there is none.
    pub const fn path_argument(self, which: u32) -> u32 {
        if which == 0 {
            self.0 >> 4 & 15
        } else {
            self.0 >> 12 & 15
        }
    }

    /// Argument with the `dirfd` of path number `which`.
    pub const fn at_argument(self, which: u32) -> u32 {
        if which == 0 {
            self.0 >> 8 & 15
        } else {
            self.0 >> 16 & 15
        }
    }

    /// Argument with the flags.
    pub const fn flags_argument(self) -> u32 {
        self.0 >> 20 & 15
    }

    /// Whether the flags argument is a pointer.
    pub const fn flags_are_behind_pointer(self) -> bool {
        self.0 & Self::FLAGS_BEHIND_POINTER != 0
    }

    /// Whether a success is recorded elsewhere.
    pub const fn is_failures_only(self) -> bool {
        self.0 & Self::FAILURES_ONLY != 0
    }

    /// Whether repetitions are recorded.
    pub const fn is_every_time(self) -> bool {
        self.0 & Self::EVERY_TIME != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_back_as_given() {
        let class = Class::new(Shape::Path, 1)
            .at(0)
            .second(3)
            .second_at(2)
            .flags(4)
            .every_time();
        assert_eq!(class.shape(), Shape::Path as u32);
        assert_eq!([class.path_argument(0), class.at_argument(0)], [1, 0]);
        assert_eq!([class.path_argument(1), class.at_argument(1)], [3, 2]);
        assert_eq!(class.flags_argument(), 4);
        assert!(class.is_every_time() && !class.is_failures_only());
        assert!(!class.flags_are_behind_pointer());
        assert_eq!(class.0 & Class::UNSEEN, 0);
    }

    #[test]
    fn absent_arguments_are_marked() {
        let class = Class::new(Shape::Open, 0).flags_behind(2);
        assert_eq!(class.at_argument(0), NO_ARGUMENT);
        assert_eq!(class.path_argument(1), NO_ARGUMENT);
        assert!(class.flags_are_behind_pointer());
    }
}
