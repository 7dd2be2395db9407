//! Converts flags to frontend options. The keys are those that buildx sends, so that every way to build gives the same options.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use buildkit_gateway::BuildOptions;
use buildkit_proto::keys::{attr, option};
use imagespec_frontend::{CA_BUNDLE_ARG, SET_ARG};
use oci_names::ImageReference;

use crate::args::BuildOptionArgs;
use crate::error::CliError;
use crate::proxies::has_password;
use crate::spec_file::SpecFile;

/// The id of the secret that holds the CA bundle; the compiler's default id.
pub(crate) const CA_BUNDLE_ID: &str = imagespec_compile::CaBundle::DEFAULT_ID;

/// The options of a build, by the keys in [`option`].
pub(crate) fn frontend_options(
    args: &BuildOptionArgs,
    file: &SpecFile,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<BTreeMap<String, String>, CliError> {
    let mut opts = BTreeMap::from([(option::FILENAME.to_owned(), file.text.name.clone())]);
    if let Some(target) = &file.choice.target {
        opts.insert(option::TARGET.to_owned(), target.clone());
    }
    if !file.choice.set.is_empty() {
        opts.insert(build_arg(SET_ARG), file.choice.set.join("\n"));
    }
    let platforms = args.platform.iter().filter(|text| !text.is_empty()).map(|text| {
        let platform = imagespec::parse_platform(text);
        platform.map(|platform| platform.to_string()).map_err(|error| CliError::Input(format!("--platform: {error}")))
    });
    let platforms = platforms.collect::<Result<Vec<String>, _>>()?;
    if !platforms.is_empty() {
        opts.insert(option::PLATFORM.to_owned(), platforms.join(","));
    }
    for arg in &args.build_arg {
        match arg.split_once('=') {
            Some((name, value)) => {
                opts.insert(build_arg(name), value.to_owned());
            }
            // As in docker: a name alone takes the value of the environment variable, if it is set.
            None => {
                if let Some(value) = environment(arg) {
                    opts.insert(build_arg(arg), value.to_string_lossy().into_owned());
                }
            }
        }
    }
    for (key, value) in &opts {
        let name = key.strip_prefix(option::BUILD_ARG_PREFIX).unwrap_or_default();
        if imagespec::is_proxy(name) && has_password(value) {
            return Err(CliError::Input(format!(
                "--build-arg {name}: the proxy's address has a password, which the daemon would keep in its history and in attestations; \
                 use a proxy that needs none, such as one on this machine that adds the password"
            )));
        }
    }
    if let Some(epoch) = environment("SOURCE_DATE_EPOCH") {
        let key = option::BUILD_ARG_SOURCE_DATE_EPOCH.to_owned();
        opts.entry(key).or_insert(epoch.to_string_lossy().into_owned());
    }
    if args.ca_bundle.is_some() {
        opts.insert(build_arg(CA_BUNDLE_ARG), CA_BUNDLE_ID.to_owned());
    }
    for label in &args.label {
        let (name, value) = pair(label, "--label")?;
        opts.insert(format!("{}{name}", option::LABEL_PREFIX), value.to_owned());
    }
    for context in &args.build_context {
        let (name, value) = pair(context, "--build-context")?;
        // A frontend in the daemon could not be told more.
        let image = value.strip_prefix("docker-image://").ok_or_else(|| {
            CliError::Input(format!(
                "--build-context {context:?}: only an image can replace an image; write {name}=docker-image://REFERENCE"
            ))
        })?;
        if let Err(error) = ImageReference::parse(image) {
            return Err(CliError::Input(format!("--build-context {context:?}: {error}")));
        }
        opts.insert(format!("{}{}", option::CONTEXT_PREFIX, short_name(name)), value.to_owned());
    }
    if !args.add_host.is_empty() {
        let hosts: Vec<String> = args
            .add_host
            .iter()
            .map(|host| match host.split_once([':', '=']) {
                Some((name, ip)) if !name.is_empty() && !ip.is_empty() => Ok(format!("{name}={ip}")),
                _ => Err(CliError::Input(format!("--add-host {host:?} is not HOST:IP"))),
            })
            .collect::<Result<_, _>>()?;
        opts.insert(option::ADD_HOSTS.to_owned(), hosts.join(","));
    }
    match args.network.as_deref() {
        None | Some("default" | "sandbox") => {}
        Some(mode @ ("none" | "host")) => {
            opts.insert(option::FORCE_NETWORK_MODE.to_owned(), mode.to_owned());
        }
        Some(other) => {
            return Err(CliError::Input(format!(
                "unknown network mode {other:?} in --network; use default, none or host"
            )));
        }
    }
    if args.no_cache {
        opts.insert(option::NO_CACHE.to_owned(), String::new());
    } else if !args.no_cache_filter.is_empty() {
        opts.insert(option::NO_CACHE.to_owned(), args.no_cache_filter.join(","));
    }
    if args.pull {
        opts.insert(option::IMAGE_RESOLVE_MODE.to_owned(), attr::IMAGE_RESOLVEMODE_PULL.to_owned());
    }
    // What the frontend would refuse is refused before connecting.
    let read = BuildOptions::new(opts.clone(), String::new(), Vec::new(), String::new());
    read.and_then(|options| imagespec_frontend::settings(&options))
        .map_err(|error| CliError::Input(error.to_string()))?;
    Ok(opts)
}

/// The names that `--build-context` replaces.
pub(crate) fn named_contexts(opts: &BTreeMap<String, String>) -> BTreeSet<String> {
    opts.keys().filter_map(|key| key.strip_prefix(option::CONTEXT_PREFIX)).map(str::to_owned).collect()
}

fn build_arg(name: &str) -> String {
    format!("{}{name}", option::BUILD_ARG_PREFIX)
}

/// The form in which frontends look up a named context. A name for one platform (`base::linux/arm64`) is not changed.
fn short_name(name: &str) -> String {
    let Ok(image) = ImageReference::parse(name) else { return name.to_owned() };
    let familiar = image.familiar();
    familiar.strip_suffix(":latest").unwrap_or(&familiar).to_owned()
}

fn pair<'a>(text: &'a str, flag: &str) -> Result<(&'a str, &'a str), CliError> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(CliError::Input(format!("{flag} {text:?} is not NAME=VALUE"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(change: impl FnOnce(&mut BuildOptionArgs)) -> Result<BTreeMap<String, String>, CliError> {
        let mut args = BuildOptionArgs::default();
        change(&mut args);
        let file = SpecFile {
            files: imagespec_driver::Files { spec: "spec.yaml".into(), context: ".".into() },
            choice: imagespec::Choice::default(),
            text: imagespec_frontend::SpecText { name: "spec.yaml".to_owned(), text: String::new() },
        };
        frontend_options(&args, &file, |name| (name == "SET").then(|| "1".into()))
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut BuildOptionArgs), key: &str, expect: Option<&str>) {
        assert_eq!(options(change).unwrap().get(key).map(String::as_str), expect);
    }

    #[test]
    fn the_keys_are_buildx_s() {
        check(
            |args| args.platform = vec!["linux/amd64".into(), "linux/arm64".into()],
            "platform",
            Some("linux/amd64,linux/arm64"),
        );
        check(|args| args.build_arg = vec!["A=b=c".into()], "build-arg:A", Some("b=c"));
        check(|args| args.build_arg = vec!["SET".into()], "build-arg:SET", Some("1"));
        check(|args| args.build_arg = vec!["UNSET".into()], "build-arg:UNSET", None);
        check(|args| args.add_host = vec!["a:10.0.0.1".into()], "add-hosts", Some("a=10.0.0.1"));
        check(|args| args.network = Some("host".into()), "force-network-mode", Some("host"));
        check(|args| args.no_cache = true, "no-cache", Some(""));
        for name in ["debian", "debian:latest", "docker.io/library/debian:latest"] {
            check(
                |args| args.build_context = vec![format!("{name}=docker-image://x")],
                "context:debian",
                Some("docker-image://x"),
            );
        }
        check(
            |args| args.build_context = vec!["a::linux/arm64=docker-image://x".into()],
            "context:a::linux/arm64",
            Some("docker-image://x"),
        );
        check(|args| args.ca_bundle = Some("x".into()), "build-arg:IMAGESPEC_CA_BUNDLE", Some("ca_bundle"));
        check(|_| {}, "filename", Some("spec.yaml"));
    }

    /// How the spec's field, the flag, the frontend's option and the tag parse a platform; `None` if they reject it.
    fn platform_everywhere(text: &str) -> [Option<String>; 4] {
        let parsed = imagespec::parse("spec.yaml", &format!("platform: [\"{text}\"]\n"));
        let field = parsed.spec.map(|spec| spec.platform()[0].to_string());
        let flag =
            options(|args| args.platform = vec![text.to_owned()]).ok().map(|mut opts| opts.remove("platform").unwrap());
        let opts = BTreeMap::from([("platform".to_owned(), text.to_owned())]);
        let built = BuildOptions::new(opts, String::new(), Vec::new(), String::new());
        let settings = built.and_then(|options| imagespec_frontend::settings(&options));
        let option = settings.ok().map(|settings| settings.platforms[0].to_string());
        let folder = tempfile::tempdir().unwrap();
        let document = imagespec_compile::Document::from_parsed(imagespec::parse("spec.yaml", "{}"), None).unwrap();
        let files = imagespec_driver::Files::in_folder(folder.path());
        let content = imagespec_driver::content::gather(&files, &document, &[text.to_owned()]);
        [field, flag, option, content.ok().map(|content| content.platforms[0].clone())]
    }

    #[test]
    fn a_platform_is_parsed_the_same_everywhere() {
        for (text, expect) in [
            ("linux/amd64", Some("linux/amd64")),
            ("Linux/X86-64/v1", Some("linux/amd64")),
            ("linux/amd64/v3", Some("linux/amd64/v3")),
            ("linux/arm64/v8.0", Some("linux/arm64")),
            ("linux/arm64/v9.0", Some("linux/arm64/v9")),
            ("linux/arm64/9", Some("linux/arm64/v9")),
            ("linux/arm64/8.0", None),
            ("linux/arm64/v10", None),
            ("linux/armel", Some("linux/arm/v6")),
            ("linux/i386", Some("linux/386")),
            ("linux/i686", None),
            ("linux/what", None),
            ("linux/amd64/v1/x", None),
            ("linux(1)/amd64", None),
            ("arm64", Some("linux/arm64")),
            ("linux", None),
            ("i686", None),
            ("windows/amd64", None),
            ("darwin/arm64", None),
        ] {
            assert_eq!(platform_everywhere(text), [(); 4].map(|()| expect.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn an_unknown_platform_gets_a_suggestion() {
        let error = options(|args| args.platform = vec!["linux/i686".into()]).unwrap_err().to_string();
        assert!(error.starts_with("--platform: ") && error.ends_with("did you mean `linux/386`?"), "{error}");
    }

    #[test]
    fn invalid_flags_are_rejected() {
        assert!(options(|args| args.label = vec!["=x".into()]).is_err());
        assert!(options(|args| args.add_host = vec!["a".into()]).is_err());
        assert!(options(|args| args.network = Some("bridge".into())).is_err());
        assert!(options(|args| args.build_arg = vec!["HTTPS_PROXY=http://u:p@h:1".into()]).is_err());
        for context in ["base=./folder", "base=oci-layout://x", "base=docker-image://", "base=docker-image://A:b:c"] {
            assert!(options(|args| args.build_context = vec![context.into()]).is_err(), "{context}");
        }
    }
}
