//! The cases of `moby/buildkit: frontend/dockerfile/dfgitutil/git_ref_test.go`, and a few of our own.

use super::*;

fn remote(remote: &str) -> GitRef {
    GitRef { remote: remote.to_owned(), ..GitRef::default() }
}

#[track_caller]
fn check(text: &str, expected: GitRef) {
    assert_eq!(parse_git_ref(text).unwrap(), Some(expected), "{text}");
}

#[track_caller]
fn refuse(text: &str, words: &str) {
    let error = parse_git_ref(text).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn what_is_not_git() {
    for text in [
        "",
        "https://example.com/",
        "https://example.com/foo",
        "https://example.com/foo.git/",
        "https://example.com/foo.git.bar",
        "custom.xyz/moby/buildkit.git",
        "https://github.com/moby/buildkit",
        "http://github.com/docker/docker.git:#branch",
        "./.git",
        "../x",
        ".git",
        "ftp://example.com/foo.git",
        "docker-image://x",
        "@host:path",
        "a b@host:path",
        "https://foo.git",
    ] {
        assert_eq!(parse_git_ref(text), Ok(None), "{text}");
    }
}

#[test]
fn remotes() {
    check("https://example.com/foo.git", remote("https://example.com/foo.git"));
    check("HTTPS://example.com/foo.git", remote("https://example.com/foo.git"));
    check("git://example.com/foo", remote("git://example.com/foo"));
    check("ssh://git@example.com:22/foo", remote("ssh://git@example.com:22/foo"));
    check("https://foo:bar@github.com/moby/buildkit.git", remote("https://foo:bar@github.com/moby/buildkit.git"));
    check("git@github.com:moby/buildkit", remote("git@github.com:moby/buildkit"));
    check(
        "git@bitbucket.org:atlassianlabs/atlassian-docker.git",
        remote("git@bitbucket.org:atlassianlabs/atlassian-docker.git"),
    );
    check("github.com/moby/buildkit", GitRef { without_scheme: true, ..remote("https://github.com/moby/buildkit") });
}

#[test]
fn fragments() {
    let docker = || remote("https://github.com/docker/docker.git");
    check("https://github.com/docker/docker.git#deadbeef", GitRef { reference: "deadbeef".into(), ..docker() });
    check(
        "https://github.com/docker/docker.git#baz/qux:quux/quuz",
        GitRef { reference: "baz/qux".into(), subdir: "quux/quuz".into(), ..docker() },
    );
    check("https://github.com/docker/docker.git#:myfolder", GitRef { subdir: "myfolder".into(), ..docker() });
    check(
        "https://github.com/docker/docker.git#a%20b:../../x",
        GitRef { reference: "a b".into(), subdir: "x".into(), ..docker() },
    );
    check(
        "github.com/moby/buildkit?tag=v1.0.0",
        GitRef {
            reference: "refs/tags/v1.0.0".into(),
            without_scheme: true,
            ..remote("https://github.com/moby/buildkit")
        },
    );
}

#[test]
fn queries() {
    let kit = || remote("https://github.com/moby/buildkit.git");
    let url = |query: &str| format!("https://github.com/moby/buildkit.git{query}");
    check(&url("?ref=v1.0.0&subdir=/subdir"), GitRef { reference: "v1.0.0".into(), subdir: "/subdir".into(), ..kit() });
    check(&url("?subdir=/subdir#v1.0.0"), GitRef { reference: "v1.0.0".into(), subdir: "/subdir".into(), ..kit() });
    check(&url("?branch=v1.0"), GitRef { reference: "refs/heads/v1.0".into(), ..kit() });
    check(&url("?mtime=commit"), GitRef { mtime: Some(GitMtime::Commit), ..kit() });
    check(&url("?keep-git-dir"), GitRef { keep_git_dir: Some(true), ..kit() });
    check(&url("?submodules=0"), GitRef { submodules: Some(false), ..kit() });
    check(
        &url("?fetch-by-commit=true&checksum=deadbeef#refs/heads/branch"),
        GitRef {
            reference: "refs/heads/branch".into(),
            checksum: Some("deadbeef".into()),
            fetch_by_commit: true,
            ..kit()
        },
    );
    check(&url("?fetch-by-commit=false"), kit());
    check(&url("?ref=v1#v1"), GitRef { reference: "v1".into(), ..kit() });
    check(
        "git@github.com:moby/buildkit.git?subdir=/subdir#v1.0.0",
        GitRef { reference: "v1.0.0".into(), subdir: "/subdir".into(), ..remote("git@github.com:moby/buildkit.git") },
    );
}

#[test]
fn contradictions() {
    let url = |query: &str| format!("https://github.com/moby/buildkit.git{query}");
    refuse(&url("?ref=v1.0.0#v1.2.3"), "ref conflicts");
    refuse(&url("?ref=v1.0.0&tag=v1.2.3"), "ref conflicts");
    refuse(&url("?tag=v1.0.0&branch=v1.0"), "branch conflicts with tag");
    refuse(&url("?subdir=a#x:b"), "subdir conflicts");
    refuse(&url("?checksum=a&commit=b"), "checksum conflicts");
    refuse(&url("?mtime=invalid"), "mtime is \"invalid\"");
    refuse(&url("?fetch-by-commit=invalid"), "no boolean");
    refuse(&url("?invalid=123"), "unexpected query \"invalid\"");
    refuse(&url("?ref="), "has no value");
    refuse(&url("?ref=a&ref=a"), "multiple values");
}

#[test]
fn credentials_stay_out_of_messages() {
    let text = "https://user:secret@example.com/foo.git?nope=1";
    let error = parse_git_ref(text).unwrap_err().to_string();
    assert!(!error.contains("secret") && error.contains("xxxxx@example.com"), "{error}");
    let git = parse_git_ref("https://user:secret@example.com/foo.git").unwrap().unwrap();
    assert!(!format!("{git:?}").contains("secret"));
    assert_eq!(redacted("ssh://git@host/x?y#z@w"), "ssh://xxxxx@host/x?y#z@w");
    assert_eq!(redacted("git@host:path"), "git@host:path");
}
