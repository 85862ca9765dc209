//! [`XrayError`]: why there is no analysis at all. What only part of it lacks is in `problems`.

/// Why an image cannot be analysed.
#[derive(Debug, thiserror::Error)]
pub enum XrayError {
    /// A listing that is made to exhaust memory.
    #[error(
        "analyse {image}: its layers have more than {entries} entries and directories, or more than {names} bytes of names"
    )]
    TooManyEntries {
        /// The reference as given.
        image: String,
        /// The limit of entries.
        entries: u64,
        /// The limit of bytes of their names.
        names: u64,
    },
}
