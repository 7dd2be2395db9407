//! Graphs for daemons that lack a capability: its fallback, or the error that names it.

use buildkit_llb::*;

fn amd64() -> Platform {
    Platform::linux("amd64")
}

fn debian(graph: &mut GraphBuilder) -> Output {
    graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64()))
}

fn context(graph: &mut GraphBuilder) -> Output {
    graph.source(LocalSource::new("context"))
}

fn daemon(lacks: &[&str]) -> CapSet {
    caps::ALL.iter().copied().filter(|cap| !lacks.contains(cap)).collect()
}

/// The graph that `build` makes, on a daemon that lacks something, as text and with what changed.
#[track_caller]
fn check(lacks: &[&str], build: impl FnOnce(&mut GraphBuilder) -> Option<Output>, expect: &str) {
    let mut graph = GraphBuilder::new();
    let root = build(&mut graph);
    let graph = graph.finish(root).expect("sound");
    let daemon = daemon(lacks);
    let lowered = graph.lower_for(&daemon).unwrap_or_else(|lacking| panic!("lacks {lacking:?}"));
    assert!(missing_caps(&lowered.graph, &daemon).is_empty());
    assert!(!lowered.changes.is_empty(), "something changed");
    let read = Graph::from_definition(&lowered.graph.to_definition()).expect("what was written can be read");
    assert_eq!(read.dump().to_string(), lowered.graph.dump().to_string(), "the bytes say what the graph says");
    // The vectors test digests; here ops are numbered.
    let text = lowered.graph.dump().to_string();
    let mut names: Vec<&str> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(' ') && !line.starts_with("root")) {
        names.push(line.split(' ').next().expect("a word"));
    }
    let text = names.iter().enumerate().fold(text.clone(), |text, (at, name)| text.replace(name, &format!("#{at}")));
    let text = text
        .lines()
        .filter(|line| !line.contains("platform") && !line.contains("docker-image"))
        .fold(String::new(), |text, line| text + line + "\n");
    assert!(text.contains(expect), "{text}\ndoes not contain\n{expect}\n{:?}", lowered.changes);
}

#[track_caller]
fn missing(graph: &Graph, daemon: &CapSet) -> Vec<MissingCapability> {
    match graph.lower_for(daemon) {
        Err(LowerError::MissingCapabilities(missing)) => missing,
        other => panic!("something is missing: {other:?}"),
    }
}

#[track_caller]
fn check_lacking(lacks: &[&str], build: impl FnOnce(&mut GraphBuilder) -> Option<Output>, expect: &[&str]) {
    let mut graph = GraphBuilder::new();
    let root = build(&mut graph);
    let graph = graph.finish(root).expect("sound");
    let missing = missing(&graph, &daemon(lacks));
    assert_eq!(missing.iter().map(|missing| missing.capability.as_str()).collect::<Vec<_>>(), expect);
    assert!(missing.iter().all(|missing| missing.to_string().contains(&missing.capability)));
}

fn exec(change: impl FnOnce(Exec) -> Exec) -> impl FnOnce(&mut GraphBuilder) -> Option<Output> {
    |graph| {
        let base = debian(graph);
        graph.exec(change(Exec::new(["make"], base, amd64()))).root()
    }
}

#[test]
fn merges_of_diffs_become_a_chain() {
    check(
        &["mergeop", "diffop"],
        |graph| {
            let base = debian(graph);
            let one = graph.exec(Exec::new(["one"], base, amd64())).root().expect("writable");
            let two = graph.exec(Exec::new(["two"], base, amd64()).with_mount(Mount::read_only("/base", base)));
            let two = graph.file(File::on(two.root().expect("writable")).mkdir(MkDir::new("/two", 0o755)));
            let (one, two) = (graph.diff(Diff::new(base, one)), graph.diff(Diff::new(base, two)));
            Some(graph.merge(Merge::new(base, one).with(two)))
        },
        "#1 exec\n    args [\"one\"]\n    cwd /\n    mount / out #0\n\
         #2 exec\n    args [\"two\"]\n    cwd /\n    mount / out #1\n    mount /base ro #0\n\
         #3 file\n    on #2\n    mkdir /two 755\nroot #3\n",
    );
}

#[test]
fn merges_of_filesystems_become_copies() {
    check(
        &["mergeop"],
        |graph| {
            let (base, context) = (debian(graph), context(graph));
            Some(graph.merge(Merge::new(base, context)))
        },
        "#2 file\n    on #0\n    copy #1:/ -> / contents parents\nroot #2\n",
    );
}

#[test]
fn diffs_without_a_merge_have_no_fallback() {
    check_lacking(
        &["diffop"],
        |graph| {
            let base = debian(graph);
            let one = graph.exec(Exec::new(["one"], base, amd64())).root();
            Some(graph.diff(Diff::new(base, one)))
        },
        &["diffop"],
    );
    // There is no chain of ops between two images that could be repeated.
    check_lacking(
        &["mergeop", "diffop"],
        |graph| {
            let (base, context) = (debian(graph), context(graph));
            let other = graph.source(Source::image("docker.io/library/alpine:3", amd64()));
            let diff = graph.diff(Diff::new(other, base));
            Some(graph.merge(Merge::new(context, diff)))
        },
        &["diffop"],
    );
}

#[test]
fn passthroughs_become_mounts_of_execs() {
    let build = |graph: &mut GraphBuilder| {
        let base = debian(graph);
        let first = graph.exec(Exec::new(["first"], base, amd64())).root().expect("writable");
        graph.passthrough(Passthrough::new("p").handing_on(base).after(first))[0]
    };
    check(
        &["passthroughop"],
        |graph| {
            let output = build(graph);
            graph.exec(Exec::new(["second"], output, amd64())).root()
        },
        "args [\"second\"]\n    cwd /\n    mount / out #0\n    mount /dev/.buildkit-llb/after-0 ro #1\n",
    );
    check_lacking(&["passthroughop"], |graph| Some(build(graph)), &["passthroughop"]);
}

#[test]
fn optional_features_of_execs_are_left_out() {
    check(
        &["exec.meta.ulimit"],
        exec(|exec| exec.with_ulimit("nofile", 1, 2)),
        "args [\"make\"]\n    cwd /\n    mount",
    );
    check(&["exec.meta.cgroup.parent"], exec(|exec| exec.with_cgroup_parent("/a")), "cwd /\n    mount / out #0\n");
    let device = |optional| exec(move |exec| exec.with_device(Device { name: "a.b/c=d".to_owned(), optional }));
    check(&["exec.meta.cdi"], device(true), "cwd /\n    mount / out #0\n");
    check_lacking(&["exec.meta.cdi"], device(false), &["exec.meta.cdi"]);
    let tmpfs = exec(|exec| exec.with_mount(Mount::tmpfs("/t").with_size(5)));
    check(&["exec.mount.tmpfs.size"], tmpfs, "mount /t tmpfs 0\n");
    let cached = exec(|exec| exec.with_mount(Mount::scratch_output("/o").with_content_cache(ContentCache::Off)));
    check(&["exec.mount.cache.content"], cached, "mount /o out scratch\n");
    check(&["exec.meta.setsdefaultpath"], exec(|exec| exec), "env PATH=\"/usr/local/sbin:");
    check_lacking(
        &["exec.meta.security"],
        exec(|exec| exec.with_security(Security::Insecure)),
        &["exec.meta.security"],
    );
    check_lacking(&["exec.mount.ssh"], exec(|exec| exec.with_mount(Mount::ssh("/s", ""))), &["exec.mount.ssh"]);
}

#[test]
fn outputs_are_found_if_discarded_mounts_are_kept() {
    check(
        &["exec.mount.bind.readwrite-nooutput"],
        |graph| {
            let base = debian(graph);
            let run = Exec::discarding_root(["make"], base, amd64()).with_mount(Mount::scratch_output("/out"));
            graph.exec(run).at("/out")
        },
        "mount / out #0\n    mount /out out scratch\nroot #1#1\n",
    );
}

#[test]
fn a_shell_replaces_exit_codes_and_secret_variables() {
    check(
        &["exec.validexitcode"],
        exec(|exec| exec.with_valid_exit_codes([3, 0, -1])),
        r#"["/bin/sh", "-c", "\"$@\"; code=$?; case $code in 3|0) exit 0 ;; 0) exit 1 ;; *) exit $code ;; esac", "sh", "make"]"#,
    );
    let secret = |name: &str| SecretEnv { id: "id".to_owned(), name: name.to_owned(), optional: true };
    check(
        &["exec.secretenv"],
        exec(|exec| exec.with_secret_env(secret("TOKEN"))),
        "mount /dev/.buildkit-llb/secret-0 secret id 0:0 444 optional\n",
    );
    check_lacking(&["exec.secretenv"], exec(|exec| exec.with_secret_env(secret("A;B"))), &["exec.secretenv"]);
}

#[test]
fn sources_have_fallbacks() {
    let checksum = Digest::from_content(b"x");
    let image = |reference: &str| {
        let image = ImageSource { checksum: Some(checksum), ..ImageSource::new(reference, amd64()) };
        move |graph: &mut GraphBuilder| {
            let base = graph.source(image);
            Some(graph.file(File::on(base).rm(Rm::new("/a"))))
        }
    };
    check(&["source.image.checksum"], image("docker.io/library/a:b"), "on #0\n");
    let other = format!("docker.io/library/a@{}", Digest::from_content(b"y"));
    check_lacking(&["source.image.checksum"], image(&other), &["source.image.checksum"]);

    let git = |change: fn(&mut GitSource)| {
        let mut git = GitSource::parse("https://example.com/a.git#main:docs").expect("a URL");
        change(&mut git);
        |graph: &mut GraphBuilder| Some(graph.source(git))
    };
    check(
        &["source.git.subdir"],
        git(|_| {}),
        "git://example.com/a.git#main\n    git.authheadersecret = GIT_AUTH_HEADER\n    git.authtokensecret = GIT_AUTH_TOKEN\n    \
         git.fullurl = https://example.com/a.git\n#1 file\n    on scratch\n    copy #0:/docs -> / contents\nroot #1\n",
    );
    let commit = |git: &mut GitSource| git.checksum = "73ed6825c4b7569379ef89df0aedcdbe64473d31".to_owned();
    check(
        &["source.git.checksum"],
        git(commit),
        "git://example.com/a.git#73ed6825c4b7569379ef89df0aedcdbe64473d31:docs\n",
    );
    check_lacking(&["source.git.checksum"], git(|git| git.checksum = "73ed".to_owned()), &["source.git.checksum"]);
    check(&["source.git.mtime"], git(|git| git.mtime = Some(GitMtime::Commit)), "#main:docs\n");
    check(&["source.git.skipsubmodules"], git(|git| git.skip_submodules = true), "#main:docs\n");
    let token = |git: &mut GitSource| git.auth_token_secret = "mine".to_owned();
    check_lacking(&["source.git.httpauth"], git(token), &["source.git.httpauth"]);

    let http = |checksum| {
        let signature = HttpSignature { public_key: "k".to_owned(), signature: "s".to_owned() };
        let http = HttpSource { checksum, signature: Some(signature), ..HttpSource::new("https://example.com/a") };
        |graph: &mut GraphBuilder| Some(graph.source(http))
    };
    check(&["source.http.signatureverify"], http(Some(checksum)), "http.checksum = sha256:");
    check_lacking(&["source.http.signatureverify"], http(None), &["source.http.signatureverify"]);
    let names = LocalSource { metadata_only: Some(MetadataOnly::default()), ..LocalSource::new("context") };
    check(&["source.local.metadatatransfer"], |graph| Some(graph.source(names)), "local://context\nroot #0\n");
}

#[test]
fn files_have_fallbacks() {
    let copy = |change: fn(&mut Copy)| {
        move |graph: &mut GraphBuilder| {
            let (base, context) = (debian(graph), context(graph));
            let mut copy = Copy::new(context, "/", "/app");
            change(&mut copy);
            Some(graph.file(File::on(base).copy(copy)))
        }
    };
    let patterns = "file.copy.includeexcludepatterns";
    check(
        &[patterns],
        copy(|copy| copy.include = vec!["*.py".to_owned()]),
        "local://context\n    local.includepattern = [\"*.py\"]\n#2 file\n    on #0\n    copy #1:/ -> /app\n",
    );
    let below = |copy: &mut Copy| (copy.src, copy.exclude) = ("/src".to_owned(), vec!["*.pyc".to_owned()]);
    check_lacking(&[patterns], copy(below), &[patterns]);
    let octal = |copy: &mut Copy| copy.mode = Some(Chmod::Symbolic("0640".to_owned()));
    let mut graph = GraphBuilder::new();
    let root = copy(octal)(&mut graph);
    let graph = graph.finish(root).expect("sound");
    let lowered = graph.lower_for(&daemon(&["exec.validexitcode"])).expect("bits do");
    assert!(lowered.graph.dump().to_string().contains(" mode 640"));
    let words = |copy: &mut Copy| copy.mode = Some(Chmod::Symbolic("go-w".to_owned()));
    check_lacking(&["exec.validexitcode"], copy(words), &["file.copy.modestring"]);
    let replace = |copy: &mut Copy| copy.replace_existing = true;
    let replacing = "file.copy.alwaysreplaceexistingdestpaths";
    check_lacking(&[replacing], copy(replace), &[replacing]);

    let link = |base: fn(&mut GraphBuilder) -> Option<Output>| {
        move |graph: &mut GraphBuilder| {
            let files = File::over(base(graph)).mkdir(MkDir::new("/a", 0o755)).symlink(Symlink::new("b", "/a/c"));
            Some(graph.file(files.rm(Rm::new("/d"))))
        }
    };
    check(
        &["file.symlink.create"],
        link(|graph| Some(debian(graph))),
        "#1 file\n    on #0\n    mkdir /a 755\n#2 exec\n    args [\"ln\", \"-s\", \"--\", \"b\", \"/a/c\"]\n    cwd /\n    \
         network none\n    mount / out #1\n#3 file\n    on #2\n    rm /d\nroot #3\n",
    );
    check_lacking(&["file.symlink.create"], link(|_| None), &["file.symlink.create"]);
    // What comes after a link still copies from where it did.
    check(
        &["file.symlink.create"],
        |graph| {
            let (base, context) = (debian(graph), context(graph));
            let copy = Copy { owner: Some(Owner::parse("www-data")), ..Copy::new(context, "/a", "/b") };
            Some(graph.file(File::on(base).symlink(Symlink::new("b", "/c")).copy(copy)))
        },
        "#3 file\n    on #1\n    copy #2:/a -> /b owner www-data\nroot #3\n",
    );
}

#[test]
fn notes_and_their_required_capabilities_are_kept() {
    let mut graph = GraphBuilder::new();
    let base = debian(&mut graph);
    let resources = Some(LinuxResources { memory: 1 << 30, ..LinuxResources::default() });
    graph.annotate(base.op(), Note { resources, ..Note::named("the base").requiring("exec.cgroup") });
    let graph = graph.finish(Some(base)).expect("sound");
    let lowered = graph.lower_for(&daemon(&["exec.meta.linux.resources"])).expect("it can do without").graph;
    let note = lowered.root().and_then(|root| lowered.note(root.op()).cloned()).expect("a note");
    assert_eq!((note.name.as_deref(), note.resources), (Some("the base"), None));
    let missing = missing(&graph, &daemon(&["exec.cgroup"]));
    assert_eq!(missing[0].capability, "exec.cgroup");
    assert_eq!(missing[0].to_string(), "op 0 (the base) needs the capability exec.cgroup, which this BuildKit lacks");
}
