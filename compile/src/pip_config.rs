//! The indexes in a configuration file of pip (pip: `docs/html/topics/configuration.md`; Python: `configparser`).
//!
//! Only the two settings that name indexes are read. A library for such files would read and write files, which this crate cannot.

/// Indexes that a configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PipIndexes {
    /// Replaces PyPI.
    pub(crate) default: Option<String>,
    /// Are asked, too.
    pub(crate) extra: Vec<String>,
}

impl PipIndexes {
    /// The indexes in the values of `PIP_INDEX_URL` and `PIP_EXTRA_INDEX_URL`, which override a file.
    pub(crate) fn from_variables(default: Option<&str>, extra: Option<&str>) -> Self {
        let extra = extra.unwrap_or_default().split_whitespace().map(str::to_owned);
        Self {
            default: default.map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned),
            extra: extra.collect(),
        }
    }

    /// The indexes in a file. Settings for `install` override those for all commands.
    pub(crate) fn from_file(text: &str) -> Self {
        let (mut default, mut extra) = ([None, None], [None, None]);
        let (mut section, mut key, mut value) = (String::new(), String::new(), String::new());
        let mut settle = |section: &str, key: &str, value: &str| {
            let place = match section {
                "global" => 0,
                "install" => 1,
                _ => return,
            };
            match key {
                "index-url" => default[place] = Some(value.trim().to_owned()),
                "extra-index-url" => extra[place] = Some(value.to_owned()),
                _ => {}
            }
        };
        for line in text.lines() {
            let bare = line.trim();
            if bare.starts_with(['#', ';']) {
                continue;
            }
            // A value goes on in indented lines.
            if line.starts_with([' ', '\t']) && !key.is_empty() {
                value.push('\n');
                value.push_str(bare);
                continue;
            }
            settle(&section, &key, &value);
            key.clear();
            if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name.trim().to_owned();
            } else if let Some((name, rest)) = bare.split_once(['=', ':']) {
                key = name.trim().to_ascii_lowercase().replace('_', "-");
                value = rest.trim().to_owned();
            }
        }
        settle(&section, &key, &value);
        let ([of_all, of_install], [extra_of_all, extra_of_install]) = (default, extra);
        let extra = extra_of_install.or(extra_of_all);
        Self::from_variables(of_install.or(of_all).as_deref(), extra.as_deref())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.default.is_none() && self.extra.is_empty()
    }

    /// All URLs.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        self.default.iter().chain(&self.extra).map(String::as_str)
    }

    /// The same as arguments of uv.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let extra = self.extra.iter().flat_map(|url| ["--extra-index-url".to_owned(), url.clone()]);
        extra.chain(self.default.iter().flat_map(|url| ["--index-url".to_owned(), url.clone()])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        let check = |text: &str, default: Option<&str>, extra: &[&str]| {
            let found = PipIndexes::from_file(text);
            assert_eq!(
                (found.default.as_deref(), found.extra),
                (default, extra.iter().map(|url| (*url).to_owned()).collect()),
                "{text}"
            );
        };
        check("[global]\nindex-url = https://m/simple\n", Some("https://m/simple"), &[]);
        check("[global]\nINDEX_URL: https://m/simple\n", Some("https://m/simple"), &[]);
        check("[global]\nindex-url = a\n[install]\nindex-url = b\n# index-url = c\n", Some("b"), &[]);
        check(
            "[global]\nextra-index-url =\n  https://a\n  https://b\ntimeout = 5\n",
            None,
            &["https://a", "https://b"],
        );
        check("[list]\nindex-url = a\n", None, &[]);
        check("[global]\ntrusted-host = m\n", None, &[]);
        check("index-url = a\nnonsense\n[", None, &[]);
        assert!(PipIndexes::from_file("").is_empty());
    }

    #[test]
    fn arguments_of_uv() {
        let found = PipIndexes::from_variables(Some("https://m/simple"), Some(" https://a  https://b "));
        let expect =
            ["--extra-index-url", "https://a", "--extra-index-url", "https://b", "--index-url", "https://m/simple"];
        assert_eq!(found.arguments(), expect);
        assert_eq!(found.urls().count(), 3);
    }
}
