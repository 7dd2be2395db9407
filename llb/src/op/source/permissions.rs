//! Permission bits of the one file that a source makes.

use std::num::NonZeroU16;

/// The nine permission bits of a file, at least one of them set.
///
/// The wire has no word for a file without any permission: the daemon takes it for the default.
///
/// ```
/// use buildkit_llb::{HttpSource, Permissions};
///
/// let file = HttpSource { permissions: Permissions::new(0o644), ..HttpSource::new("https://example.com/file") };
/// assert_eq!(file.permissions.map(Permissions::bits), Some(0o644));
/// assert_eq!(Permissions::new(0o4755), None, "the daemon would drop the bit");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions(NonZeroU16);

impl Permissions {
    /// `None` for no bit at all and for bits outside `0o777`.
    #[must_use]
    pub fn new(bits: u32) -> Option<Self> {
        if bits > 0o777 {
            return None;
        }
        u16::try_from(bits).ok().and_then(NonZeroU16::new).map(Self)
    }

    /// The bits.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0.get().into()
    }
}
