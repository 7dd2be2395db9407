//! `key=value` pairs in comma-separated fields with Go's quoting ([`buildkit_proto::go::csv_fields`]).

use std::collections::BTreeMap;

pub(crate) use buildkit_proto::go::csv_fields as fields;

use super::FlagError;

/// `key=value` fields. Keys are lower-cased; the last field with a key wins.
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

    /// Fails if a key is left that was not taken.
    pub(crate) fn finish(self, flag: &'static str, value: &str, known: &[&str]) -> Result<(), FlagError> {
        match self.pairs.keys().next() {
            None => Ok(()),
            Some(key) => {
                let suggestion = super::suggestion(key, known.iter().copied());
                Err(FlagError::new(flag, value, format!("unknown key {key:?}{suggestion}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_no_case_and_the_last_one_counts() {
        let mut pairs = Pairs::parse("-o", "TYPE=local, dest =x,dest=y=z").expect("pairs");
        assert_eq!(pairs.take("type").as_deref(), Some("local"));
        assert_eq!(pairs.take("dest").as_deref(), Some("y=z"));
    }
}
