//! Converts build options to the compiler's settings. Every setting of ours can be set as a build argument, because buildx has no other
//! way to pass it.

use buildkit_gateway::{BuildOptions, NoCache, OptionError, SourceDateEpoch};
use buildkit_llb::{Platform, Proxy};
use buildkit_proto::keys::option;
use imagespec::Choice;
use imagespec_compile::{Avoided, CaBundle, LockUse, Settings};

/// The build argument with the id of the secret that contains the CA bundle (`--build-arg IMAGESPEC_CA_BUNDLE=<secret id>`).
pub const CA_BUNDLE_ARG: &str = "IMAGESPEC_CA_BUNDLE";

/// The build argument with values that replace the spec's, one per line (`--build-arg IMAGESPEC_SET=python_version=3.12`).
pub const SET_ARG: &str = "IMAGESPEC_SET";

/// The build argument with the image's id in Flytekit's flavor.
pub const IMAGE_ID_ARG: &str = "IMAGESPEC_IMAGE_ID";

/// The caller's choices for parsing the spec: `--target`, values that replace the spec's, and named contexts.
#[must_use]
pub fn choice(options: &BuildOptions) -> Choice {
    let set = options.build_args.get(SET_ARG).map(String::as_str).unwrap_or_default();
    let target = options.target.clone().filter(|target| !target.is_empty());
    let set = set.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    Choice { target, set, contexts: options.named_contexts.keys().cloned().collect() }
}

/// The compiler's settings of a build.
///
/// # Errors
/// A platform that images cannot be built for.
pub fn settings(options: &BuildOptions) -> Result<Settings, OptionError> {
    Ok(Settings {
        platforms: platforms(options)?,
        labels: options.labels.clone(),
        no_cache: match &options.no_cache {
            NoCache::Nothing => imagespec_compile::NoCache::Nothing,
            NoCache::Everything => imagespec_compile::NoCache::Everything,
            NoCache::Targets(names) => imagespec_compile::NoCache::Steps(names.clone()),
        },
        avoided: Avoided::Nothing,
        resolve_mode: options.resolve_mode,
        network: options.network,
        proxy: proxy(options),
        hosts: options.add_hosts.iter().map(|host| (host.host.clone(), host.ip.to_string())).collect(),
        hostname: options.hostname.clone(),
        cache_namespace: options.cache_mount_ns.clone(),
        ca_bundle: options
            .build_args
            .get(CA_BUNDLE_ARG)
            .filter(|id| !id.is_empty())
            .map(|id| CaBundle { secret_id: id.clone() }),
        image_id: options.build_args.get(IMAGE_ID_ARG).filter(|id| !id.is_empty()).cloned(),
        // Only the caller that runs the frontend sets it; it is not a build option.
        lock: LockUse::Read,
        source_date_epoch: options.source_date_epoch.as_ref().map(epoch).transpose()?,
    })
}

/// The time of a build in seconds. The names that stand for a time in BuildKit (`context`) have no meaning for a spec.
fn epoch(epoch: &SourceDateEpoch) -> Result<i64, OptionError> {
    /// The last second of the year 9999, after which times have no standard spelling.
    const MAX: i64 = 253_402_300_799;
    const KEY: &str = option::BUILD_ARG_SOURCE_DATE_EPOCH;
    const WANTED: &str =
        "SOURCE_DATE_EPOCH is a number of seconds since 1970, such as the output of `git log -1 --format=%ct`";
    match epoch {
        SourceDateEpoch::Seconds(seconds) if (0..=MAX).contains(seconds) => Ok(*seconds),
        SourceDateEpoch::Seconds(seconds) => Err(OptionError::new(KEY, seconds.to_string(), WANTED)),
        SourceDateEpoch::Of(text) => Err(OptionError::new(KEY, text, WANTED)),
    }
}

/// Parses platforms like those of a spec. BuildKit would also accept platforms that cannot be built for, and complete a single word
/// with the machine's own platform.
fn platforms(options: &BuildOptions) -> Result<Vec<Platform>, OptionError> {
    const KEY: &str = option::PLATFORM;
    let Some(value) = options.opts.get(KEY) else { return Ok(options.platforms.clone()) };
    let parse = |text| imagespec::parse_platform(text).map_err(|error| OptionError::new(KEY, value, error));
    value.split(',').filter(|text| !text.is_empty()).map(parse).collect()
}

/// The proxy build arguments that Docker's clients forward, in upper or lower case; they never become part of the environment.
fn proxy(options: &BuildOptions) -> Option<Proxy> {
    let arg = |name: &str| {
        let known = options.build_args.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        known.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let proxy = Proxy {
        http: arg("http_proxy"),
        https: arg("https_proxy"),
        ftp: arg("ftp_proxy"),
        no: arg("no_proxy"),
        all: arg("all_proxy"),
    };
    (proxy != Proxy::default()).then_some(proxy)
}
