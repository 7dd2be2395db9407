//! The parts of a wheel's file name (binary distribution format, "File name convention").

use std::str::FromStr as _;

use imagespec::PackageName;
use pep440_rs::Version;

/// A parsed file name of a wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelName {
    /// The distribution.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Orders wheels of the same version.
    pub build: Option<BuildTag>,
    /// Such as `cp311`, or `py2` and `py3`.
    pub python: Vec<String>,
    /// Such as `cp311`, `abi3` or `none`.
    pub abi: Vec<String>,
    /// Such as `manylinux_2_17_x86_64` or `any`.
    pub platform: Vec<String>,
}

/// A build tag: digits, then anything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BuildTag(pub u64, pub String);

impl WheelName {
    /// Parses a file name; `None` if it is not a valid name of a wheel.
    #[must_use]
    pub fn parse(filename: &str) -> Option<Self> {
        let stem = filename.strip_suffix(".whl")?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version, build, [python, abi, platform]) = match *parts.as_slice() {
            [name, version, python, abi, platform] => (name, version, None, [python, abi, platform]),
            [name, version, build, python, abi, platform] => {
                (name, version, Some(BuildTag::parse(build)?), [python, abi, platform])
            }
            _ => return None,
        };
        let [python, abi, platform] = [python, abi, platform].map(tags);
        Some(Self {
            name: PackageName::new(name)?,
            version: Version::from_str(version).ok()?,
            build,
            python: python?,
            abi: abi?,
            platform: platform?,
        })
    }

    /// The file name in a URL or path, with escapes (`%2B`) decoded.
    pub(super) fn last_segment(place: &str) -> Option<String> {
        let path = match place.split_once("://") {
            Some((_, rest)) => rest.split(['?', '#']).next().unwrap_or_default(),
            None => place,
        };
        let last = path.rsplit('/').next().filter(|last| !last.is_empty())?;
        unescape(last)
    }
}

impl BuildTag {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, rest) = text.split_at_checked(digits)?;
        Some(Self(number.parse().ok()?, rest.to_owned()))
    }
}

/// A compressed tag set: `py2.py3`.
fn tags(text: &str) -> Option<Vec<String>> {
    let tags: Vec<String> = text.split('.').map(str::to_ascii_lowercase).collect();
    tags.iter().all(|tag| !tag.is_empty()).then_some(tags)
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let value = digit(rest.next())? * 16 + digit(rest.next())?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names() {
        let wheel = WheelName::parse("Zope.Interface-7.2-2a-cp37.cp38-abi3-manylinux1_x86_64.linux_x86_64.whl");
        let wheel = wheel.expect("a wheel");
        assert_eq!(wheel.name.as_str(), "zope-interface");
        assert_eq!(wheel.build, Some(BuildTag(2, "a".to_owned())));
        assert_eq!(wheel.python, ["cp37", "cp38"]);
        assert_eq!(wheel.platform, ["manylinux1_x86_64", "linux_x86_64"]);
    }

    #[test]
    fn refuses_other_names() {
        for bad in [
            "",
            ".whl",
            "a-1.0.tar.gz",
            "a-1.0-py3-none.whl",
            "a-1.0-x-py3-none-any.whl",
            "a-one-py3-none-any.whl",
            "a-1.0-py3..py2-none-any.whl",
        ] {
            assert_eq!(WheelName::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn finds_the_file_name_in_a_url() {
        let last = |place| WheelName::last_segment(place);
        assert_eq!(last("https://x/y/torch-2%2Bcpu.whl?a=/b#c/d").as_deref(), Some("torch-2+cpu.whl"));
        assert_eq!(last("wheels/a.whl").as_deref(), Some("a.whl"));
        assert_eq!(last("https://x/y/"), None);
        assert_eq!(last("https://x/%zz"), None);
    }
}
