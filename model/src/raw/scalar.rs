//! What a plain YAML scalar is: the core schema of YAML 1.2.2, section 10.3.2.
//!
//! Not YAML 1.1: `yes`, `on`, `012`, `1_000` and `12:30` are text here.

use crate::raw::Kind;

/// The kind of an unquoted scalar; numbers and booleans keep their text.
pub(super) fn plain(value: String) -> Kind {
    match value.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Kind::Bool(value),
        _ if is_number(&value) => Kind::Number(value),
        _ => Kind::Text(value),
    }
}

fn is_number(value: &str) -> bool {
    if let Some(digits) = value.strip_prefix("0o") {
        return all(digits, |c| c.is_digit(8));
    }
    if let Some(digits) = value.strip_prefix("0x") {
        return all(digits, |c| c.is_ascii_hexdigit());
    }
    let unsigned = value.strip_prefix(['-', '+']).unwrap_or(value);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(value, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent_is_right = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        all(digits, |c| c.is_ascii_digit())
    });
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, part].concat();
    exponent_is_right && all(&digits, |c| c.is_ascii_digit())
}

fn all(text: &str, test: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(test)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expect: &str) {
        let kind = match plain(value.to_owned()) {
            Kind::Null => "null",
            Kind::Bool(_) => "bool",
            Kind::Number(_) => "number",
            Kind::Text(_) => "text",
            Kind::Date(_) | Kind::List(_) | Kind::Map(_) => "something else",
        };
        assert_eq!(kind, expect, "{value:?}");
    }

    #[test]
    fn follows_the_core_schema() {
        for value in ["", "~", "null", "NULL"] {
            check(value, "null");
        }
        for value in ["true", "False", "TRUE"] {
            check(value, "bool");
        }
        for value in ["0", "-12", "3.10", ".5", "1.", "1e3", "+1.5E-7", "0o17", "0xfF", "-.inf", ".nan"] {
            check(value, "number");
        }
        for value in
            ["yes", "on", "nUll", "3.10.1", "1_000", "12:30", "0o8", "0x", ".", "-", "e3", "1e", "-.nan", "v1", "1 2"]
        {
            check(value, "text");
        }
    }
}
