//! `WWW-Authenticate`: the authentication schemes that a registry supports (RFC 9110, 11.6.1).
//!
//! This module parses the header; the caller chooses a scheme.

/// One authentication scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// `bearer` or `basic`, lower case.
    pub(super) scheme: String,
    /// Lower-case names, and values without quotes.
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// All challenges of a header. Text that is not a challenge is skipped.
pub(super) fn challenges(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = header.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c == ',' || c.is_whitespace()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let after = after.trim_start();
        match after.strip_prefix('=') {
            Some(value) if !word.is_empty() => {
                let (value, after) = read_value(value.trim_start());
                if let Some(challenge) = found.last_mut() {
                    challenge.parameters.push((word.to_ascii_lowercase(), value));
                }
                rest = after;
            }
            _ => {
                if !word.is_empty() {
                    found.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
                }
                rest = after;
            }
        }
        rest = rest.trim_start_matches(|c: char| c == ',' || c == '=' || c.is_whitespace());
    }
    found
}

/// A token or a quoted text, and the rest.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        return (value.to_owned(), after);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_registries_send() {
        let hub = "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull,push\"";
        let found = challenges(hub);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].scheme, "bearer");
        assert_eq!(found[0].value("realm"), Some("https://auth.docker.io/token"));
        assert_eq!(found[0].value("service"), Some("registry.docker.io"));
        assert_eq!(found[0].value("scope"), Some("repository:a/b:pull,push"));

        let two = challenges("Basic realm=\"a \\\"b\\\"\" , BEARER realm = x, Service=y");
        assert_eq!(two.iter().map(|found| found.scheme.as_str()).collect::<Vec<_>>(), ["basic", "bearer"]);
        assert_eq!(two[0].value("realm"), Some("a \"b\""));
        assert_eq!((two[1].value("realm"), two[1].value("service")), (Some("x"), Some("y")));
    }

    #[test]
    fn invalid_text_is_skipped() {
        for text in ["", ",", "=", "=x", " , = ,", "\"", "a=\"b", "Basic", "Basic ,,", "Bearer realm=\"\\"] {
            assert!(challenges(text).len() < 2, "{text}");
        }
        assert_eq!(challenges("Negotiate")[0].scheme, "negotiate");
    }
}
