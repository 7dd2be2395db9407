//! One test per family of opts.

use super::*;

#[track_caller]
fn options(opts: &[(&str, &str)]) -> BuildOptions {
    parse(opts).unwrap()
}

fn parse(opts: &[(&str, &str)]) -> Result<BuildOptions, OptionError> {
    let opts = opts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    BuildOptions::new(opts, "session".into(), Vec::new(), "buildkit".into())
}

/// The error names key and value.
#[track_caller]
fn refused(key: &str, value: &str) {
    let error = parse(&[(key, value)]).unwrap_err();
    assert_eq!((error.key.as_str(), error.value.as_str()), (key, value), "{error}");
    assert!(error.to_string().contains(key), "{error}");
}

#[test]
fn a_containers_environment() {
    let env = [
        ("BUILDKIT_FRONTEND_OPT_17", "build-arg:A=b=c"),
        ("BUILDKIT_FRONTEND_OPT_0", "no-cache="),
        ("BUILDKIT_FRONTEND_OPT_3", "target"),
        ("BUILDKIT_SESSION_ID", "s1"),
        ("BUILDKIT_EXPORTEDPRODUCT", "docker"),
        (
            "BUILDKIT_WORKERS",
            r#"[{"id":"w","labels":null,"platforms":[{"architecture":"amd64","os":"linux"},{"architecture":"arm","os":"linux","variant":"v7"}],"gcPolicy":null,"buildkitVersion":{"package":"p"}}]"#,
        ),
        ("PATH", "/bin"),
    ];
    let options = BuildOptions::from_env(env.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned()))).unwrap();
    assert_eq!(options.build_args, BTreeMap::from([("A".to_owned(), "b=c".to_owned())]));
    assert_eq!(options.no_cache, NoCache::Everything);
    assert_eq!(options.target, None, "an opt without a value is empty");
    assert_eq!((options.session_id.as_str(), options.product.as_str()), ("s1", "docker"));
    assert_eq!(options.workers[0].platforms[1].to_string(), "linux/arm/v7");
    assert_eq!(options.build_platform().to_string(), "linux/amd64");
    let error = BuildOptions::from_env([("BUILDKIT_WORKERS".to_owned(), "{".to_owned())].into_iter()).unwrap_err();
    assert_eq!(error.key, "BUILDKIT_WORKERS");
}

#[test]
fn unknown_keys_are_kept() {
    let options = options(&[("vcs:source", "x"), ("input:context", "y")]);
    assert_eq!(options.opts["vcs:source"], "x");
    assert_eq!(options.named_contexts, BTreeMap::new());
}

#[test]
fn platforms_and_the_shape_of_the_result() {
    let shape = |opts: &[(&str, &str)]| options(opts).multi_platform;
    assert!(!shape(&[("platform", "linux/amd64")]));
    assert!(shape(&[("platform", "linux/amd64,linux/aarch64")]));
    assert!(shape(&[("multi-platform", "T")]));
    assert!(!shape(&[("multi-platform", "true"), ("build-arg:BUILDKIT_MULTI_PLATFORM", "0")]));
    let ids: Vec<_> =
        options(&[("platform", "linux/x86_64,linux/aarch64")]).platforms.iter().map(Platform::to_string).collect();
    assert_eq!(ids, ["linux/amd64", "linux/arm64"]);
    refused("platform", "linux/amd64,*");
    refused("multi-platform", "yes");
    let error = parse(&[("platform", "linux/amd64,linux/arm64"), ("multi-platform", "false")]).unwrap_err();
    assert!(error.to_string().contains("conflicts"), "{error}");
}

#[test]
fn no_cache_names_targets_in_any_case() {
    assert!(!options(&[]).no_cache.applies_to("x"));
    assert!(options(&[("no-cache", "")]).no_cache.applies_to("x"));
    let some = options(&[("no-cache", "Base,apt")]).no_cache;
    assert!(some.applies_to("base") && some.applies_to("APT") && !some.applies_to("x"));
}

#[test]
fn cache_imports_of_both_kinds() {
    let imports = options(&[
        ("cache-imports", r#"[{"Type":"local","Attrs":{"src":"/x"}},{"Type":"gha"}]"#),
        ("cache-from", "a/b,c/d"),
    ])
    .cache_imports;
    let kinds: Vec<_> = imports.iter().map(|import| import.kind.as_str()).collect();
    assert_eq!(kinds, ["local", "gha", "registry", "registry"]);
    assert_eq!(imports[0].attrs["src"], "/x");
    assert_eq!(imports[3].attrs["ref"], "c/d");
    refused("cache-imports", "[");
}

#[test]
fn execs() {
    let options = options(&[
        ("add-hosts", "A=10.0.0.1,b=::1"),
        ("force-network-mode", "none"),
        ("hostname", "h"),
        ("build-arg:BUILDKIT_SANDBOX_HOSTNAME", "wins"),
        ("shm-size", "67108864"),
        ("ulimit", "nofile=1024:2048,nproc=-1"),
        ("cgroup-parent", "/p"),
        ("memory", "1024"),
        ("memswap", "-1"),
        ("cpusetcpus", "0-3, 5"),
    ]);
    assert_eq!(options.add_hosts[0], AddHost { host: "a".into(), ip: "10.0.0.1".parse().unwrap() });
    assert_eq!(options.network, NetworkMode::None);
    assert_eq!(options.hostname.as_deref(), Some("wins"));
    assert_eq!(options.shm_size, Some(64 << 20));
    assert_eq!(options.ulimits[0], Ulimit { name: "nofile".into(), soft: 1024, hard: 2048 });
    assert_eq!((options.ulimits[1].soft, options.ulimits[1].hard), (-1, -1));
    assert_eq!(options.linux_resources.memory_swap, Some(-1));
    assert_eq!(options.linux_resources.cpuset_cpus.as_deref(), Some("0-3, 5"));
    assert!(!options.linux_resources.is_empty() && self::options(&[]).linux_resources.is_empty());
    for (key, value) in [
        ("add-hosts", "a"),
        ("add-hosts", "a=b"),
        ("add-hosts", "\"a"),
        ("force-network-mode", "bridge"),
        ("shm-size", "-1"),
        ("shm-size", "64m"),
        ("ulimit", "nofile"),
        ("ulimit", "x=1"),
        ("ulimit", "nofile=2:1"),
        ("ulimit", "nofile=-1:1"),
        ("ulimit", "nofile=1:2:3"),
        ("memory", "0"),
        ("memswap", "0"),
        ("cpushares", "0"),
        ("cpuquota", "-1"),
        ("cpusetcpus", "3-1"),
        ("cpusetmems", "9000"),
        ("image-resolve-mode", "never"),
        ("build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR", "maybe"),
    ] {
        refused(key, value);
    }
}

#[test]
fn epochs() {
    let epoch = |value| options(&[("build-arg:SOURCE_DATE_EPOCH", value)]).source_date_epoch;
    assert_eq!(epoch(""), None);
    assert_eq!(epoch("1700000000"), Some(SourceDateEpoch::Seconds(1_700_000_000)));
    assert_eq!(epoch("context"), Some(SourceDateEpoch::Of("context".into())));
    assert_eq!(epoch("context").unwrap().seconds(), None);
}

#[test]
fn attestations() {
    let sbom = options(&[("attest:sbom", ""), ("attest:provenance", "mode=max")]).sbom.unwrap();
    assert_eq!(sbom.generator, "docker.io/docker/buildkit-syft-scanner:stable-1");
    let sbom = options(&[("build-arg:BUILDKIT_ATTEST_SBOM", "generator=a/b,depth=2")]).sbom.unwrap();
    assert_eq!((sbom.generator.as_str(), sbom.parameters["depth"].as_str()), ("docker.io/a/b:latest", "2"));
    refused("attest:sbom", "generator=");
    refused("attest:magic", "x");
}

#[test]
fn frontend_words() {
    let options = options(&[
        (
            "frontend.caps",
            "moby.buildkit.frontend.subrequests+forward,moby.buildkit.frontend.inputs,,moby.buildkit.frontend.inputs",
        ),
        ("cmdline", "image --flag x"),
        ("requestid", "frontend.outline"),
        ("local-sessionid:context", "other"),
    ]);
    assert_eq!(options.frontend_caps, ["moby.buildkit.frontend.inputs", "moby.buildkit.frontend.subrequests"]);
    assert_eq!(options.cmdline_arguments(), "--flag x");
    assert_eq!(options.request_id.as_deref(), Some("frontend.outline"));
    assert_eq!((options.session_of("context"), options.session_of("dockerfile")), ("other", "session"));
}

#[test]
fn removed_options() {
    refused("override-copy-image", "x");
    refused("gateway-devel", "true");
    refused("build-arg:BUILDKIT_DISABLE_FILEOP", "1");
    assert!(parse(&[("build-arg:BUILDKIT_DISABLE_FILEOP", "0")]).is_ok());
}
