//! Attestations that the daemon should add, as frontend options (docker/buildx: `util/buildflags/attests.go`).

use std::collections::BTreeMap;

use buildkit_proto::keys::option;

/// A kind of attestation.
const KINDS: [&str; 2] = ["sbom", "provenance"];

/// A flag that requests no known attestation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttestError {
    /// It has no type.
    #[error("--attest {0:?} needs type=sbom or type=provenance")]
    NoType(String),
    /// It has an unknown type.
    #[error("--attest type {0:?} is not supported, only sbom and provenance")]
    UnknownType(String),
}

/// Attestations by type, with their options.
///
/// ```
/// use imagespec_driver::Attestations;
///
/// let mut wanted = Attestations::default();
/// wanted.add("type=provenance,mode=max")?;
/// wanted.set("sbom", "true");
/// assert_eq!(wanted.options().collect::<Vec<_>>(), [
///     ("attest:provenance".to_owned(), "mode=max".to_owned()),
///     ("attest:sbom".to_owned(), String::new()),
/// ]);
/// wanted.set("sbom", "false");
/// assert_eq!(wanted.options().count(), 1);
/// # Ok::<(), imagespec_driver::AttestError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attestations(BTreeMap<&'static str, String>);

impl Attestations {
    /// Adds the attestation of a value of `--attest`.
    ///
    /// # Errors
    /// The value has no known type.
    pub fn add(&mut self, text: &str) -> Result<(), AttestError> {
        let (types, rest): (Vec<&str>, Vec<&str>) = text.split(',').partition(|field| field.starts_with("type="));
        let kind = types.last().and_then(|field| field.strip_prefix("type="));
        let kind = kind.ok_or_else(|| AttestError::NoType(text.to_owned()))?;
        let known = KINDS.into_iter().find(|known| *known == kind);
        self.put(known.ok_or_else(|| AttestError::UnknownType(kind.to_owned()))?, rest.join(","));
        Ok(())
    }

    /// Sets the attestation of `--sbom` or `--provenance`: yes, no, or options. Other kinds are ignored.
    pub fn set(&mut self, kind: &str, value: &str) {
        let options = match value {
            "true" | "1" => "",
            "false" | "0" => "disabled=true",
            options => options,
        };
        if let Some(kind) = KINDS.into_iter().find(|known| *known == kind) {
            self.put(kind, options.to_owned());
        }
    }

    /// Whether there are no attestations. With attestations an image becomes an index, which some image stores do not support.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The frontend's options.
    pub fn options(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|(kind, options)| (format!("{}{kind}", option::ATTEST_PREFIX), options.clone()))
    }

    fn put(&mut self, kind: &'static str, options: String) {
        if options.split(',').any(|field| field == "disabled=true") {
            self.0.remove(kind);
        } else {
            self.0.insert(kind, options);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let options = |text: &str| {
            let mut wanted = Attestations::default();
            wanted.add(text).map(|()| wanted.options().collect::<Vec<_>>())
        };
        assert_eq!(options("type=sbom,generator=x").unwrap(), [("attest:sbom".to_owned(), "generator=x".to_owned())]);
        assert_eq!(
            options("mode=max,type=provenance").unwrap(),
            [("attest:provenance".to_owned(), "mode=max".to_owned())]
        );
        assert_eq!(options("type=other"), Err(AttestError::UnknownType("other".to_owned())));
        assert_eq!(options("mode=max"), Err(AttestError::NoType("mode=max".to_owned())));
        assert_eq!(options("type=sbom,disabled=true").unwrap(), []);
    }
}
