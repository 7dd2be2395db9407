//! `--attest`, `--sbom`, `--provenance`: what the daemon is to attest, as frontend options (docker/buildx: `util/buildflags/attests.go`).

use std::collections::BTreeMap;

use buildkit_proto::keys::option;

use crate::args::OutputArgs;
use crate::error::CliError;

/// Adds `attest:TYPE` options. The shorthands win over `--attest`.
pub(crate) fn add(opts: &mut BTreeMap<String, String>, args: &OutputArgs) -> Result<(), CliError> {
    for text in &args.attest {
        let (kind, rest) = split(text)?;
        set(opts, kind, rest);
    }
    for (kind, value) in [("sbom", &args.sbom), ("provenance", &args.provenance)] {
        let rest = match value.as_deref() {
            None => continue,
            Some("true" | "1" | "") => String::new(),
            Some("false" | "0") => "disabled=true".to_owned(),
            Some(rest) => rest.to_owned(),
        };
        set(opts, kind, rest);
    }
    Ok(())
}

/// Whether anything is attested; images then become lists, which not every store can hold.
pub(crate) fn any(opts: &BTreeMap<String, String>) -> bool {
    opts.keys().any(|key| key.starts_with(option::ATTEST_PREFIX))
}

fn set(opts: &mut BTreeMap<String, String>, kind: &str, rest: String) {
    let key = format!("{}{kind}", option::ATTEST_PREFIX);
    if rest.split(',').any(|field| field == "disabled=true") {
        opts.remove(&key);
    } else {
        opts.insert(key, rest);
    }
}

fn split(text: &str) -> Result<(&'static str, String), CliError> {
    let (mut kind, mut rest) = (None, Vec::new());
    for field in text.split(',') {
        match field.split_once('=') {
            Some(("type", "sbom")) => kind = Some("sbom"),
            Some(("type", "provenance")) => kind = Some("provenance"),
            Some(("type", other)) => {
                return Err(CliError::Input(format!("--attest type {other:?} is neither sbom nor provenance")));
            }
            _ => rest.push(field),
        }
    }
    match kind {
        Some(kind) => Ok((kind, rest.join(","))),
        None => Err(CliError::Input(format!("--attest {text:?} needs type=sbom or type=provenance"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{any, set, split};
    use std::collections::BTreeMap;

    #[test]
    fn forms() {
        assert_eq!(split("type=sbom,generator=x").unwrap(), ("sbom", "generator=x".to_owned()));
        assert_eq!(split("mode=max,type=provenance").unwrap(), ("provenance", "mode=max".to_owned()));
        assert!(split("type=other").is_err());
        assert!(split("mode=max").is_err());
    }

    #[test]
    fn disabled_ones_are_not_sent() {
        let mut opts = BTreeMap::new();
        set(&mut opts, "sbom", String::new());
        assert!(any(&opts));
        set(&mut opts, "sbom", "disabled=true".to_owned());
        assert!(!any(&opts));
    }
}
