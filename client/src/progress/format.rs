//! Formats numbers for users, like Go's clients.

use std::time::Duration;

use super::event::Stamp;

/// `1.50MB`: decimal units, two decimal places (tonistiigi/units).
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

/// RFC 3339 in UTC without trailing zeros, as Go writes a time in JSON.
pub(super) fn rfc3339(stamp: Stamp) -> String {
    let days = stamp.seconds.div_euclid(86_400);
    let second = stamp.seconds.rem_euclid(86_400);
    let (year, month, day) = civil(days);
    let mut text =
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    if stamp.nanos > 0 {
        let nanos = format!("{:09}", stamp.nanos);
        text = format!("{text}.{}", nanos.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// Converts days since 1970 to a date of the Gregorian calendar, by counting 400-year cycles that start in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
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
    fn times_are_formatted_like_go() {
        let shown = |seconds, nanos| rfc3339(Stamp { seconds, nanos });
        assert_eq!(shown(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(1_709_210_096, 120_000_000), "2024-02-29T12:34:56.12Z");
        assert_eq!(shown(-62_135_596_800, 0), "0001-01-01T00:00:00Z");
        assert_eq!(shown(4_102_444_799, 1), "2099-12-31T23:59:59.000000001Z");
    }
}
