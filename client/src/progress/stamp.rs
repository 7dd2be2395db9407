//! Points in time, as the daemon reports them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;
use serde::{Serialize, Serializer};

/// A point in time with nanoseconds, since the daemon's clock and its precision are not ours.
///
/// ```
/// use std::time::Duration;
///
/// use buildkit_client::progress::Stamp;
///
/// let (early, late) = (Stamp { seconds: 1, nanos: 0 }, Stamp { seconds: 2, nanos: 500_000_000 });
/// assert_eq!(late.since(early), Duration::from_millis(1500));
/// assert_eq!(early.since(late), Duration::ZERO);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp {
    /// Since 1970.
    pub seconds: i64,
    /// Below one second.
    pub nanos: u32,
}

impl Stamp {
    /// The time as this machine has it.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanos: since.subsec_nanos() }
    }

    /// How much later this is, zero if it isn't.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::try_from_secs_f64((self.as_nanos() - earlier.as_nanos()) as f64 / 1e9).unwrap_or_default()
    }

    /// Moves the stamp by nanoseconds.
    #[must_use]
    pub(crate) fn shifted(self, nanos: i128) -> Self {
        let total = self.as_nanos() + nanos;
        Self {
            seconds: i64::try_from(total.div_euclid(1_000_000_000)).unwrap_or(i64::MAX),
            nanos: u32::try_from(total.rem_euclid(1_000_000_000)).unwrap_or(0),
        }
    }

    pub(crate) fn as_nanos(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }
}

impl fmt::Display for Stamp {
    /// RFC 3339, in UTC, as Go writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = Timestamp { seconds: self.seconds, nanos: 0 }.to_string();
        if self.nanos == 0 {
            return f.write_str(&seconds);
        }
        // Go drops trailing zeros, `Timestamp` writes three, six or nine digits.
        let nanos = format!("{:09}", self.nanos);
        write!(f, "{}.{}Z", seconds.trim_end_matches('Z'), nanos.trim_end_matches('0'))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_gos() {
        let shown = |seconds, nanos| Stamp { seconds, nanos }.to_string();
        assert_eq!(shown(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(1_709_210_096, 120_000_000), "2024-02-29T12:34:56.12Z");
        assert_eq!(shown(-62_135_596_800, 0), "0001-01-01T00:00:00Z");
        assert_eq!(shown(4_102_444_799, 1), "2099-12-31T23:59:59.000000001Z");
    }
}
