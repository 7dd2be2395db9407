//! Comma-separated fields with Go's quoting (tonistiigi/go-csvvalue): a field that holds a comma is put in double quotes,
//! a quote inside such a field is doubled, and a quote inside any other field is an error.

use std::collections::BTreeMap;

use super::FlagError;

/// Splits one line into its fields; an empty line has none.
pub(crate) fn fields(line: &str) -> Result<Vec<String>, &'static str> {
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
                    return Err("a quote in the middle of a field; put the whole field in quotes and double this one");
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

/// The text up to the closing quote, and what follows it.
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
            None => return Err("something follows a closing quote; only a comma may"),
        }
    }
}

/// `key=value` fields. Keys are lower-cased; the last one of a name counts.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pairs: BTreeMap<String, String>,
}

impl Pairs {
    pub(crate) fn parse(flag: &'static str, value: &str) -> Result<Self, FlagError> {
        let mut pairs = BTreeMap::new();
        for field in fields(value).map_err(|problem| FlagError::new(flag, value, problem))? {
            let (key, text) = field
                .split_once('=')
                .ok_or_else(|| FlagError::new(flag, value, format!("{field:?} is not KEY=VALUE")))?;
            pairs.insert(key.trim().to_lowercase(), text.to_owned());
        }
        Ok(Self { pairs })
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<String> {
        self.pairs.remove(key)
    }

    pub(crate) fn into_rest(self) -> BTreeMap<String, String> {
        self.pairs
    }

    /// Fails if a key is left that nobody took.
    pub(crate) fn finish(self, flag: &'static str, value: &str, known: &[&str]) -> Result<(), FlagError> {
        match self.pairs.keys().next() {
            None => Ok(()),
            Some(key) => {
                let suggestion = super::suggestion(key, known.iter().copied());
                Err(FlagError::new(flag, value, format!("key {key:?} is not known{suggestion}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: &[&str]) {
        assert_eq!(
            fields(line).as_deref(),
            Ok(expect.iter().map(|&field| field.to_owned()).collect::<Vec<_>>().as_slice())
        );
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
            assert!(fields(line).is_err(), "{line}");
        }
    }

    #[test]
    fn keys_have_no_case_and_the_last_one_counts() {
        let mut pairs = Pairs::parse("-o", "TYPE=local, dest =x,dest=y=z").expect("pairs");
        assert_eq!(pairs.take("type").as_deref(), Some("local"));
        assert_eq!(pairs.take("dest").as_deref(), Some("y=z"));
    }
}
