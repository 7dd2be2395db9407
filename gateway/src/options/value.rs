//! Reading single opts. Every error names the opt and its value.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use buildkit_proto::go::{csv_fields, parse_bool};
use oci_names::{ImageReference, Platform};
use serde::Deserialize;

use super::NetworkMode;
use super::types::{AddHost, LinuxResources, OptionError, Sbom, Ulimit};
use crate::bridge::{CacheImport, ResolveMode};
use crate::pong::Worker;
use buildkit_proto::keys::{attr, cache, option};

type Opts = BTreeMap<String, String>;

/// The scanner when none is named (`moby/buildkit: frontend/attestations/parse.go`).
const DEFAULT_SBOM_GENERATOR: &str = "docker/buildkit-syft-scanner:stable-1";
/// The highest CPU or memory node in a set (`moby/buildkit: util/cpuset/cpuset.go`).
const MAX_CPU: u32 = 8192;
/// Limits Linux has (`docker/go-units: ulimit.go`).
const ULIMITS: &[&str] = &[
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

fn error(key: &str, value: &str, problem: impl ToString) -> OptionError {
    OptionError::new(key, value, problem)
}

/// The value, if there is one that is not empty.
fn present<'a>(opts: &'a Opts, key: &str) -> Option<&'a str> {
    opts.get(key).map(String::as_str).filter(|value| !value.is_empty())
}

fn csv(key: &str, value: &str) -> Result<Vec<String>, OptionError> {
    csv_fields(value).map_err(|problem| error(key, value, problem))
}

/// Opts that upstream has removed; ignoring them would build something other than requested.
pub(super) fn refuse_removed(opts: &Opts) -> Result<(), OptionError> {
    for key in [option::OVERRIDE_COPY_IMAGE, option::GATEWAY_DEVEL] {
        if let Some(value) = present(opts, key) {
            return Err(error(key, value, "this option is no longer supported"));
        }
    }
    const FILEOP: &str = option::BUILD_ARG_BUILDKIT_DISABLE_FILEOP;
    match opts.get(FILEOP) {
        Some(value) if parse_bool(value) == Some(true) => {
            Err(error(FILEOP, value, "this option is no longer supported"))
        }
        _ => Ok(()),
    }
}

pub(super) fn boolean(opts: &Opts, key: &str) -> Result<Option<bool>, OptionError> {
    let Some(value) = present(opts, key) else {
        return Ok(None);
    };
    parse_bool(value).map(Some).ok_or_else(|| error(key, value, "expected true or false"))
}

pub(super) fn number<N: FromStr>(opts: &Opts, key: &str) -> Result<Option<N>, OptionError> {
    let Some(value) = present(opts, key) else {
        return Ok(None);
    };
    value.parse().map(Some).map_err(|_| error(key, value, "expected a whole number"))
}

pub(super) fn platforms(opts: &Opts) -> Result<Vec<Platform>, OptionError> {
    const KEY: &str = option::PLATFORM;
    let Some(value) = present(opts, KEY) else {
        return Ok(Vec::new());
    };
    value.split(',').map(|text| Platform::parse(text).map_err(|problem| error(KEY, value, problem))).collect()
}

/// The build arg wins over the opt.
pub(super) fn multi_platform(opts: &Opts, platforms: usize) -> Result<bool, OptionError> {
    const ARG: &str = option::BUILD_ARG_BUILDKIT_MULTI_PLATFORM;
    let key = if present(opts, ARG).is_some() { ARG } else { option::MULTI_PLATFORM };
    match boolean(opts, key)? {
        None => Ok(platforms > 1),
        Some(false) if platforms > 1 => Err(error(
            key,
            opts.get(key).map_or("", String::as_str),
            format!("it conflicts with {platforms} platforms asked for"),
        )),
        Some(wanted) => Ok(wanted),
    }
}

pub(super) fn resolve_mode(opts: &Opts) -> Result<ResolveMode, OptionError> {
    const KEY: &str = option::IMAGE_RESOLVE_MODE;
    match present(opts, KEY) {
        None | Some(attr::IMAGE_RESOLVEMODE_DEFAULT) => Ok(ResolveMode::Default),
        Some(attr::IMAGE_RESOLVEMODE_PULL) => Ok(ResolveMode::Pull),
        Some(attr::IMAGE_RESOLVEMODE_LOCAL) => Ok(ResolveMode::Local),
        Some(value) => Err(error(KEY, value, "expected default, pull or local")),
    }
}

pub(super) fn network(opts: &Opts) -> Result<NetworkMode, OptionError> {
    const KEY: &str = option::FORCE_NETWORK_MODE;
    match present(opts, KEY) {
        None | Some("sandbox") => Ok(NetworkMode::Sandbox),
        Some("host") => Ok(NetworkMode::Host),
        Some("none") => Ok(NetworkMode::None),
        Some(value) => Err(error(KEY, value, "expected none, host or sandbox")),
    }
}

pub(super) fn add_hosts(opts: &Opts) -> Result<Vec<AddHost>, OptionError> {
    const KEY: &str = option::ADD_HOSTS;
    let Some(value) = present(opts, KEY) else {
        return Ok(Vec::new());
    };
    csv(KEY, value)?
        .iter()
        .map(|field| {
            let field = field.to_lowercase();
            let (host, ip) =
                field.split_once('=').ok_or_else(|| error(KEY, value, format!("{field:?} is not host=ip")))?;
            let ip = ip.parse().map_err(|_| error(KEY, value, format!("{ip:?} is not an IP address")))?;
            Ok(AddHost { host: host.to_owned(), ip })
        })
        .collect()
}

pub(super) fn ulimits(opts: &Opts) -> Result<Vec<Ulimit>, OptionError> {
    const KEY: &str = option::ULIMIT;
    let Some(value) = present(opts, KEY) else {
        return Ok(Vec::new());
    };
    csv(KEY, value)?.iter().map(|field| ulimit(field).map_err(|problem| error(KEY, value, problem))).collect()
}

/// `name=soft[:hard]`; hard is soft when left out.
fn ulimit(field: &str) -> Result<Ulimit, String> {
    let (name, limits) = field.split_once('=').ok_or_else(|| format!("{field:?} is not name=soft[:hard]"))?;
    if !ULIMITS.contains(&name) {
        return Err(format!("{name:?} is not a limit of Linux"));
    }
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let parse = |text: &str| text.parse::<i64>().map_err(|_| format!("{text:?} is not a whole number"));
    let (soft, hard) = (parse(soft)?, parse(hard)?);
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(format!("the soft limit {soft} of {name} is above the hard limit {hard}"));
    }
    Ok(Ulimit { name: name.to_owned(), soft, hard })
}

pub(super) fn linux_resources(opts: &Opts) -> Result<LinuxResources, OptionError> {
    Ok(LinuxResources {
        memory: limited(opts, option::MEMORY, |bytes: &i64| *bytes > 0, "expected more than 0")?,
        memory_swap: limited(
            opts,
            option::MEMSWAP,
            |bytes: &i64| *bytes == -1 || *bytes > 0,
            "expected -1 (unlimited) or more than 0",
        )?,
        cpu_shares: limited(opts, option::CPUSHARES, |shares: &u64| *shares > 0, "expected more than 0")?,
        cpu_period: limited(opts, option::CPUPERIOD, |period: &u64| *period > 0, "expected more than 0")?,
        cpu_quota: limited(opts, option::CPUQUOTA, |quota: &i64| *quota > 0, "expected more than 0")?,
        cpuset_cpus: cpu_set(opts, option::CPUSETCPUS)?,
        cpuset_mems: cpu_set(opts, option::CPUSETMEMS)?,
    })
}

fn limited<N: FromStr>(
    opts: &Opts,
    key: &str,
    holds: impl Fn(&N) -> bool,
    problem: &str,
) -> Result<Option<N>, OptionError> {
    match number(opts, key)? {
        Some(number) if !holds(&number) => Err(error(key, opts.get(key).map_or("", String::as_str), problem)),
        number => Ok(number),
    }
}

/// `0-3,5`.
fn cpu_set(opts: &Opts, key: &str) -> Result<Option<String>, OptionError> {
    let Some(value) = present(opts, key) else {
        return Ok(None);
    };
    let parse = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number <= MAX_CPU);
    let is_part = |part: &str| match part.split_once('-') {
        None => parse(part).is_some(),
        Some((low, high)) => {
            matches!((parse(low), parse(high)), (Some(low), Some(high)) if low <= high)
        }
    };
    let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
    match parts.clone().find(|part| !is_part(part)) {
        Some(part) => Err(error(key, value, format!("{part:?} is neither a number nor a range up to {MAX_CPU}"))),
        None => Ok(Some(value.to_owned())),
    }
}

/// `cache-imports` is JSON with Go's capitalisation; `cache-from` is what older clients send.
pub(super) fn cache_imports(opts: &Opts) -> Result<Vec<CacheImport>, OptionError> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "PascalCase", default)]
    struct Entry {
        r#type: String,
        attrs: Option<BTreeMap<String, String>>,
    }
    const KEY: &str = option::CACHE_IMPORTS;
    let mut imports = Vec::new();
    if let Some(value) = present(opts, KEY) {
        let entries: Option<Vec<Entry>> = serde_json::from_str(value).map_err(|problem| error(KEY, value, problem))?;
        let import = |Entry { r#type, attrs }| CacheImport { kind: r#type, attrs: attrs.unwrap_or_default() };
        imports.extend(entries.unwrap_or_default().into_iter().map(import));
    }
    if let Some(value) = present(opts, option::CACHE_FROM) {
        imports.extend(value.split(',').map(|reference| CacheImport {
            kind: cache::REGISTRY.to_owned(),
            attrs: BTreeMap::from([(cache::REF.to_owned(), reference.to_owned())]),
        }));
    }
    Ok(imports)
}

/// `attest:sbom` and `attest:provenance`, also as build args; provenance is the daemon's, anything else is unknown.
pub(super) fn sbom(opts: &Opts) -> Result<Option<Sbom>, OptionError> {
    let mut sbom = None;
    for (key, value) in opts {
        let kind = key.strip_prefix(option::ATTEST_PREFIX);
        let Some(kind) = kind.or_else(|| key.strip_prefix(option::BUILD_ARG_BUILDKIT_ATTEST_PREFIX)) else {
            continue;
        };
        match kind.to_lowercase().as_str() {
            "sbom" => sbom = Some(sbom_of(key, value)?),
            "provenance" => {}
            _ => {
                return Err(error(key, value, "expected an attestation of type sbom or provenance"));
            }
        }
    }
    Ok(sbom)
}

fn sbom_of(key: &str, value: &str) -> Result<Sbom, OptionError> {
    let mut generator = DEFAULT_SBOM_GENERATOR.to_owned();
    let mut parameters = BTreeMap::new();
    let fields = if value.is_empty() { Vec::new() } else { csv(key, value)? };
    for field in fields {
        match field.split_once('=').unwrap_or((&field, "")) {
            ("generator", image) => generator = image.to_owned(),
            (name, value) => {
                parameters.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    let generator =
        ImageReference::parse(&generator).map_err(|problem| error(key, value, problem))?.with_default_tag().to_string();
    Ok(Sbom { generator, parameters })
}

/// Names without `+` suffixes, sorted, each once: `+forward` speaks to the builtin frontend, not to us.
pub(super) fn frontend_caps(opts: &Opts) -> Vec<String> {
    let caps = opts.get(option::FRONTEND_CAPS).map_or("", String::as_str);
    let names: BTreeSet<&str> = caps
        .split(',')
        .map(|cap| cap.split_once('+').map_or(cap, |(name, _)| name))
        .filter(|name| !name.is_empty())
        .collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The JSON of `BUILDKIT_WORKERS`; Go writes empty lists as null.
pub(super) fn workers(variable: &str, json: &str) -> Result<Vec<Worker>, OptionError> {
    if json.is_empty() {
        return Ok(Vec::new());
    }
    let workers: Option<_> = serde_json::from_str(json).map_err(|problem| error(variable, json, problem))?;
    Ok(workers.unwrap_or_default())
}
