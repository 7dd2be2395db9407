//! How Go programs write values into text: booleans, comma-separated fields, paths, escapes.
//!
//! BuildKit's options and flags use these formats, so parsers of them need the same rules.

/// Go's `strconv.ParseBool`; `None` for any other text.
///
/// ```
/// use buildkit_proto::go::parse_bool;
/// assert_eq!((parse_bool("T"), parse_bool("0"), parse_bool("yes")), (Some(true), Some(false), None));
/// ```
#[must_use]
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Parses one line of comma-separated fields (`tonistiigi/go-csvvalue`). A field that contains a comma is enclosed in double
/// quotes, and a quote inside such a field is doubled. A quote inside any other field is an error. A final line break is
/// allowed; an empty line has no fields.
///
/// ```
/// use buildkit_proto::go::csv_fields;
/// assert_eq!(csv_fields("\"a,b\",c=d")?, ["a,b", "c=d"]);
/// # Ok::<(), &str>(())
/// ```
///
/// # Errors
/// The quotes are invalid; the text describes the problem.
pub fn csv_fields(line: &str) -> Result<Vec<String>, &'static str> {
    let line = line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
    let mut fields = Vec::new();
    if line.is_empty() {
        return Ok(fields);
    }
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (field, after) = rest.split_at(end);
                if field.contains('"') {
                    return Err(
                        "a quote in the middle of a field; enclose the whole field in quotes and double this one",
                    );
                }
                (field.to_owned(), after)
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok(fields),
        }
    }
}

/// The text up to the closing quote, and the rest.
fn quoted_field(mut rest: &str) -> Result<(String, &str), &'static str> {
    let mut field = String::new();
    loop {
        let (text, after) = rest.split_once('"').ok_or("a quote is not closed")?;
        field.push_str(text);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None if after.is_empty() || after.starts_with(',') => return Ok((field, after)),
            None => return Err("only a comma may follow a closing quote"),
        }
    }
}

/// Go's `path.Clean`, which is `filepath.Clean` if `/` is the separator: removes `.` and `//`, resolves `..` lexically, and is
/// never empty.
///
/// ```
/// use buildkit_proto::go::clean_path;
/// assert_eq!((clean_path("a/../../b/"), clean_path("/../c"), clean_path("")), ("../b".into(), "/c".into(), ".".into()));
/// ```
#[must_use]
pub fn clean_path(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Undoes percent-encoding (Go: `net/url`, `PathUnescape`). `None` if two hexadecimal digits do not follow a `%`.
///
/// ```
/// use buildkit_proto::go::percent_decode;
///
/// assert_eq!(percent_decode("a%2Fb+c").as_deref(), Some(b"a/b+c".as_slice()));
/// assert_eq!(percent_decode("100%"), None);
/// ```
#[must_use]
pub fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.as_bytes().split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        bytes.extend_from_slice(rest);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: &[&str]) {
        assert_eq!(csv_fields(line).unwrap(), expect, "{line:?}");
    }

    #[test]
    fn fields_are_gos() {
        check("", &[]);
        check("a", &["a"]);
        check("a,b=c,", &["a", "b=c", ""]);
        check(",", &["", ""]);
        check(r#""name=a,b",push=true"#, &["name=a,b", "push=true"]);
        check(r#""say ""hi""","#, &["say \"hi\"", ""]);
        check("\"\"", &[""]);
        check("a\r\n", &["a"]);
    }

    #[test]
    fn wrong_quotes_are_errors() {
        for line in ["a\"b", "\"a", "\"a\"b", "\"a\" ,b", "x=\"a,b\""] {
            assert!(csv_fields(line).is_err(), "{line}");
        }
    }

    #[test]
    fn cleaning() {
        for (path, clean) in [
            ("", "."),
            ("/", "/"),
            ("/..", "/"),
            ("a/../..", ".."),
            ("../../a", "../../a"),
            ("/a/./b/", "/a/b"),
            ("a/..", "."),
        ] {
            assert_eq!(clean_path(path), clean, "{path}");
        }
    }

    #[test]
    fn escapes() {
        for (text, bytes) in
            [("", b"".as_slice()), ("a%20b%ff", b"a b\xff"), ("%41%e4", b"A\xe4"), ("%25ä", "%ä".as_bytes())]
        {
            assert_eq!(percent_decode(text).as_deref(), Some(bytes), "{text}");
        }
        for broken in ["%", "a%2", "%zz", "%+1", "%ä"] {
            assert_eq!(percent_decode(broken), None, "{broken}");
        }
    }
}
