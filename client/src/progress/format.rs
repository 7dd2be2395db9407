//! Formats numbers for users, like Go's clients.

use std::time::Duration;

/// `1.50MB`: decimal units, two places (tonistiigi/units).
pub(super) fn bytes(count: i64) -> String {
    let mut value = count as f64;
    if value.abs() < 1000.0 {
        return format!("{count}B");
    }
    let mut unit = "";
    // 64-bit numbers are less than a zettabyte.
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

/// Seconds in five characters, with fewer decimal places for larger numbers.
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
}
