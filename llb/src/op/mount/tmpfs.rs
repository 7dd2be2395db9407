//! Tmpfs mounts: memory.

/// Memory that is gone when the process ends.
///
/// ```
/// use buildkit_llb::Mount;
///
/// let memory = Mount::tmpfs("/tmp").with_size(64 << 20);
/// assert_eq!(memory.size(), 67_108_864);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TmpfsMount {
    pub(super) dest: String,
    pub(crate) size: i64,
}

impl TmpfsMount {
    /// The maximum size in bytes; needs the capability `exec.mount.tmpfs.size`. 0 is unlimited.
    #[must_use]
    pub fn with_size(mut self, bytes: i64) -> Self {
        self.size = bytes;
        self
    }

    /// Where it is mounted.
    #[must_use]
    pub fn dest(&self) -> &str {
        &self.dest
    }

    /// The maximum size in bytes; 0 is unlimited.
    #[must_use]
    pub fn size(&self) -> i64 {
        self.size
    }
}
