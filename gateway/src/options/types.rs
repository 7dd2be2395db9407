//! The types of single options. They are read in `value`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::status::from_mistake;

/// An opt with an invalid value.
///
/// ```
/// use buildkit_gateway::BuildOptions;
///
/// let opts = [("shm-size".to_owned(), "64m".to_owned())].into();
/// let error = BuildOptions::new(opts, String::new(), Vec::new(), String::new()).expect_err("bytes are a number");
/// assert_eq!((error.key.as_str(), error.value.as_str()), ("shm-size", "64m"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid option {key}={value:?}: {problem}")]
#[non_exhaustive]
pub struct OptionError {
    /// The opt.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What is wrong with it.
    pub problem: String,
}

from_mistake!(OptionError);

impl OptionError {
    /// A value that a frontend refuses.
    ///
    /// ```
    /// let error = buildkit_gateway::OptionError::new("platform", "beos/386", "unknown operating system");
    /// assert_eq!(error.to_string(), "invalid option platform=\"beos/386\": unknown operating system");
    /// ```
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<String>, problem: impl ToString) -> Self {
        Self { key: key.into(), value: value.into(), problem: problem.to_string() }
    }
}

/// What to build without cache.
///
/// ```
/// use buildkit_gateway::BuildOptions;
///
/// let opts = [("no-cache".to_owned(), "base,Tools".to_owned())].into();
/// let options = BuildOptions::new(opts, String::new(), Vec::new(), String::new())?;
/// assert!(options.no_cache.applies_to("tools") && !options.no_cache.applies_to("app"));
/// # Ok::<(), buildkit_gateway::OptionError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NoCache {
    /// Nothing.
    #[default]
    Nothing,
    /// Everything.
    Everything,
    /// These targets; letter case means nothing.
    Targets(Vec<String>),
}

impl NoCache {
    /// Present and empty means everything.
    pub(super) fn parse(value: Option<&str>) -> Self {
        match value {
            None => Self::Nothing,
            Some("") => Self::Everything,
            Some(targets) => Self::Targets(targets.split(',').map(str::to_owned).collect()),
        }
    }

    /// Whether a target is to be built without cache.
    #[must_use]
    pub fn applies_to(&self, target: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Targets(targets) => targets.iter().any(|name| name.to_lowercase() == target.to_lowercase()),
        }
    }
}

/// A line of `/etc/hosts`.
///
/// ```
/// use buildkit_gateway::BuildOptions;
///
/// let opts = [("add-hosts".to_owned(), "Mirror=10.0.0.1".to_owned())].into();
/// let options = BuildOptions::new(opts, String::new(), Vec::new(), String::new())?;
/// assert_eq!((options.add_hosts[0].host.as_str(), options.add_hosts[0].ip.is_ipv4()), ("mirror", true));
/// # Ok::<(), buildkit_gateway::OptionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddHost {
    /// The name, lower-case.
    pub host: String,
    /// Its address.
    pub ip: IpAddr,
}

/// A resource limit of an exec.
///
/// ```
/// use buildkit_gateway::{BuildOptions, Ulimit};
///
/// let opts = [("ulimit".to_owned(), "nofile=1024:2048".to_owned())].into();
/// let options = BuildOptions::new(opts, String::new(), Vec::new(), String::new())?;
/// assert_eq!(options.ulimits, [Ulimit { name: "nofile".to_owned(), soft: 1024, hard: 2048 }]);
/// # Ok::<(), buildkit_gateway::OptionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// `nofile` and the like.
    pub name: String,
    /// The limit; −1 for none.
    pub soft: i64,
    /// What the process may raise it to; −1 for none.
    pub hard: i64,
}

/// cgroup limits of execs; unset ones are not limited.
///
/// ```
/// use buildkit_gateway::BuildOptions;
///
/// let opts = [("cpuquota".to_owned(), "50000".to_owned())].into();
/// let options = BuildOptions::new(opts, String::new(), Vec::new(), String::new())?;
/// assert_eq!(options.linux_resources.cpu_quota, Some(50_000));
/// assert!(options.linux_resources.memory.is_none() && !options.linux_resources.is_empty());
/// # Ok::<(), buildkit_gateway::OptionError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinuxResources {
    /// Bytes.
    pub memory: Option<i64>,
    /// Bytes of memory and swap together; −1 for no limit.
    pub memory_swap: Option<i64>,
    /// Relative weight.
    pub cpu_shares: Option<u64>,
    /// Microseconds.
    pub cpu_period: Option<u64>,
    /// Microseconds.
    pub cpu_quota: Option<i64>,
    /// `0-3,5`.
    pub cpuset_cpus: Option<String>,
    /// Likewise, memory nodes.
    pub cpuset_mems: Option<String>,
}

impl LinuxResources {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The time to stamp on everything.
///
/// ```
/// use buildkit_gateway::BuildOptions;
///
/// let opts = [("build-arg:SOURCE_DATE_EPOCH".to_owned(), "1700000000".to_owned())].into();
/// let options = BuildOptions::new(opts, String::new(), Vec::new(), String::new())?;
/// assert_eq!(options.source_date_epoch.and_then(|epoch| epoch.seconds()), Some(1_700_000_000));
/// # Ok::<(), buildkit_gateway::OptionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceDateEpoch {
    /// Seconds since 1970.
    Seconds(i64),
    /// The time of something else: `context`, or a named context.
    Of(String),
}

impl SourceDateEpoch {
    pub(super) fn parse(text: String) -> Self {
        text.parse().map_or(Self::Of(text), Self::Seconds)
    }

    /// The seconds, if they are given as such.
    #[must_use]
    pub fn seconds(&self) -> Option<i64> {
        match self {
            Self::Seconds(seconds) => Some(*seconds),
            Self::Of(_) => None,
        }
    }
}

/// The SBOM to make.
///
/// ```
/// use buildkit_gateway::BuildOptions;
///
/// let opts = [("attest:sbom".to_owned(), "generator=example.com/scanner:1,depth=2".to_owned())].into();
/// let options = BuildOptions::new(opts, String::new(), Vec::new(), String::new())?;
/// let sbom = options.sbom.expect("asked for");
/// assert_eq!((sbom.generator.as_str(), sbom.parameters["depth"].as_str()), ("example.com/scanner:1", "2"));
/// # Ok::<(), buildkit_gateway::OptionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sbom {
    /// Full reference of the scanner image.
    pub generator: String,
    /// Parameters of the scanner.
    pub parameters: BTreeMap<String, String>,
}
