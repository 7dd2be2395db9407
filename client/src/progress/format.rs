//! Numbers as people and Go's clients write them. Nothing here knows what they count.

use std::time::Duration;

use prost_types::Timestamp;

use super::event::Stamp;

/// `1.50MB`: decimal units, two places (tonistiigi/units).
pub(super) fn bytes(count: i64) -> String {
    let mut value = count as f64;
    if value.abs() < 1000.0 {
        return format!("{count}B");
    }
    let mut unit = "";
    // 64 bits end before the zettabytes begin.
    for name in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if value.abs() < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = name;
    }
    format!("{value:.2}{unit}")
}

pub(super) fn one_decimal(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}

/// Seconds in five characters: the more there are, the fewer places matter.
pub(super) fn seconds(time: Duration) -> String {
    let value = time.as_secs_f64();
    let places = if value < 10.0 {
        3
    } else if value < 100.0 {
        2
    } else {
        1
    };
    format!("{value:.places$}")
}

/// RFC 3339 with as many places as there are digits, in UTC, as Go writes a time into JSON.
pub(super) fn rfc3339(stamp: Stamp) -> String {
    let seconds = Timestamp { seconds: stamp.seconds, nanos: 0 }.to_string();
    if stamp.nanos == 0 {
        return seconds;
    }
    // Go drops trailing zeros, `Timestamp` writes three, six or nine digits.
    let nanos = format!("{:09}", stamp.nanos);
    format!("{}.{}Z", seconds.trim_end_matches('Z'), nanos.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_decimal_units() {
        let shown: Vec<String> = [0, 999, 1000, 1_500_000, 2_340_000_000, 5_000_000_000_000_000_000].map(bytes).into();
        assert_eq!(shown, ["0B", "999B", "1.00kB", "1.50MB", "2.34GB", "5.00EB"]);
    }

    #[test]
    fn seconds_keep_their_width() {
        let shown = [0, 9_999, 10_000, 99_990, 100_000].map(|millis| seconds(Duration::from_millis(millis)));
        assert_eq!(shown, ["0.000", "9.999", "10.00", "99.99", "100.0"]);
    }

    #[test]
    fn times_are_gos() {
        let shown = |seconds, nanos| rfc3339(Stamp { seconds, nanos });
        assert_eq!(shown(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(1_709_210_096, 120_000_000), "2024-02-29T12:34:56.12Z");
        assert_eq!(shown(-62_135_596_800, 0), "0001-01-01T00:00:00Z");
        assert_eq!(shown(4_102_444_799, 1), "2099-12-31T23:59:59.000000001Z");
    }
}
