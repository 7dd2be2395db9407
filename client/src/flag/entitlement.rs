//! `--allow` (moby/buildkit: `util/entitlements`; docker/buildx: `util/buildflags/entitlements.go`).

use buildkit_proto::keys::entitlement::{DEVICE, NETWORK_HOST, SECURITY_INSECURE};

use super::{FlagError, fields, suggestion};

const FLAG: &str = "--allow";
const LOCAL_DELETE: &str = "buildx.local.delete";
const KNOWN: [&str; 4] = [NETWORK_HOST, SECURITY_INSECURE, DEVICE, LOCAL_DELETE];

/// The privileges that the user allows.
///
/// ```
/// use buildkit_client::flag::parse_allow;
///
/// let allowed = parse_allow(&["network.host".to_owned(), "buildx.local.delete".to_owned()])?;
/// assert_eq!((allowed.entitlements, allowed.local_delete), (vec!["network.host".to_owned()], true));
/// # Ok::<(), buildkit_client::flag::FlagError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allowed {
    /// Privileges for the build; the daemon has to allow them too.
    pub entitlements: Vec<String>,
    /// Whether an export may delete files in its directory. This is not sent to the daemon.
    pub local_delete: bool,
}

/// Parses values of `--allow`.
///
/// # Errors
/// A value is not an entitlement.
pub fn parse_allow(values: &[String]) -> Result<Allowed, FlagError> {
    let mut allowed = Allowed::default();
    for value in values.iter().filter(|value| !value.is_empty()) {
        let (name, rest) = value.split_once('=').map_or((value.as_str(), None), |(name, rest)| (name, Some(rest)));
        match (name, rest) {
            (LOCAL_DELETE, None) => allowed.local_delete = true,
            (NETWORK_HOST | SECURITY_INSECURE | DEVICE, None) => allowed.entitlements.push(value.clone()),
            (DEVICE, Some(device)) => {
                check_device(value, device)?;
                allowed.entitlements.push(value.clone());
            }
            (name, Some(_)) if KNOWN.contains(&name) => {
                return Err(FlagError::new(FLAG, value, format!("{name} takes no value")));
            }
            (name, _) => {
                let near = suggestion(name, KNOWN);
                return Err(FlagError::new(FLAG, value, format!("unknown entitlement {name:?}{near}")));
            }
        }
    }
    Ok(allowed)
}

/// `NAME[,alias=NAME]`.
fn check_device(value: &str, device: &str) -> Result<(), FlagError> {
    let fields = fields(device).map_err(|problem| FlagError::new(FLAG, value, problem))?;
    match fields.iter().skip(1).find(|field| !field.starts_with("alias=")) {
        None => Ok(()),
        Some(field) => Err(FlagError::new(FLAG, value, format!("{field:?} is not alias=NAME"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&str]) -> Result<Allowed, FlagError> {
        parse_allow(&values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn entitlements_pass_and_deletion_stays_here() {
        let allowed = parse(&["network.host", "", "device=vendor.com/gpu=0,alias=gpu", "buildx.local.delete"]);
        let expect = ["network.host", "device=vendor.com/gpu=0,alias=gpu"].map(str::to_owned).to_vec();
        assert_eq!(allowed, Ok(Allowed { entitlements: expect, local_delete: true }));
    }

    #[test]
    fn mistakes_are_reported() {
        for (value, problem) in [
            ("network.hots", "did you mean \"network.host\"?"),
            ("root", "unknown entitlement \"root\""),
            ("network.host=1", "takes no value"),
            ("device=a,b=c", "is not alias=NAME"),
        ] {
            let error = parse(&[value]).expect_err(value).to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
