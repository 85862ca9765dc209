//! [`Room`]: what may still be copied into volumes.

/// What may still be copied; holes count as what they pretend to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

impl Room {
    /// Takes one entry of that many bytes.
    ///
    /// # Errors
    ///
    /// `bytes` or `entries`, whichever there is no room for.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<(), &'static str> {
        self.entries = self.entries.checked_sub(1).ok_or("entries")?;
        self.bytes = self.bytes.checked_sub(bytes).ok_or("bytes")?;
        Ok(())
    }
}
