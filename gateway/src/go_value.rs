//! Values as Go programs write them into opts: booleans, comma-separated fields.
//!
//! Knows no keys; the callers name the key a bad value belongs to.

/// Go's `strconv.ParseBool`: nothing else is a boolean.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// One line of CSV with `"` quoting (`tonistiigi/go-csvvalue`); a final line break is allowed.
pub(crate) fn csv_fields(line: &str) -> Result<Vec<String>, &'static str> {
    let line = line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (field, after) = quoted_field(quoted)?;
            fields.push(field);
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None if after.is_empty() => return Ok(fields),
                None => return Err("text follows a closing quote"),
            }
            continue;
        }
        let (field, next) = match rest.split_once(',') {
            Some((field, next)) => (field, Some(next)),
            None => (rest, None),
        };
        if field.contains('"') {
            return Err("a quote stands inside an unquoted field");
        }
        fields.push(field.to_owned());
        match next {
            Some(next) => rest = next,
            None => return Ok(fields),
        }
    }
}

/// Reads up to the closing quote, doubled quotes being quotes.
fn quoted_field(mut rest: &str) -> Result<(String, &str), &'static str> {
    let mut field = String::new();
    loop {
        let (text, after) = rest.split_once('"').ok_or("a quote is not closed")?;
        field.push_str(text);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Ok((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans() {
        assert_eq!(
            (parse_bool("T"), parse_bool("0"), parse_bool("yes"), parse_bool("")),
            (Some(true), Some(false), None, None)
        );
    }

    #[test]
    fn fields() {
        assert_eq!(csv_fields("a,b=c,").unwrap(), ["a", "b=c", ""]);
        assert_eq!(csv_fields("\"a,b\",\"c\"\"d\"\r\n").unwrap(), ["a,b", "c\"d"]);
        for broken in ["a\"b", "\"a", "\"a\"b"] {
            assert!(csv_fields(broken).is_err(), "{broken}");
        }
    }
}
