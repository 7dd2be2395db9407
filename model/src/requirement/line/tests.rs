//! Lines of specs and files, read one by one.

use super::*;
use crate::package_name::PackageName;

#[track_caller]
fn check(text: &str, expect: RequirementKind) {
    match package(text) {
        Ok(requirement) => assert_eq!(requirement.kind, expect, "{text}"),
        Err(fault) => panic!("{text}: {fault:?}"),
    }
}

#[track_caller]
fn refused(text: &str, label: &str, marked: &str) {
    let fault = package(text).expect_err(text);
    let part = fault.part.clone().unwrap_or(0..text.len());
    assert_eq!((fault.label.as_str(), &text[part]), (label, marked), "{text}: {fault:?}");
}

fn named(name: &str, pinned: bool) -> RequirementKind {
    RequirementKind::Named { name: PackageName::new(name).expect(name), pinned }
}

fn some(name: &str) -> Option<PackageName> {
    PackageName::new(name)
}

#[test]
fn names() {
    check("numpy", named("numpy", false));
    check(" Foo.Bar__baz ", named("foo-bar-baz", false));
    check("numpy [a, b] >= 1 , < 2 ; python_version < '3'", named("numpy", false));
    check("numpy(==1.0)", named("numpy", true));
    check("torch==2.1.0+cu121 # GPU", named("torch", true));
    check("numpy==1.*", named("numpy", false));
    check("numpy[]", named("numpy", false));
}

#[test]
fn locations() {
    let url = |name| RequirementKind::Url { name };
    let vcs = |name| RequirementKind::Vcs { name };
    let path = |editable| RequirementKind::Path { editable };
    check("lib @ https://x/y-1.tar.gz", url(some("lib")));
    check("lib@https://x/y-1.tar.gz ; os_name == 'a'", url(some("lib")));
    check("https://x/My_Lib-1-py3-none-any.whl#sha256=00", url(some("my-lib")));
    check("https://x/y.zip?a=b", url(None));
    check("git+https://github.com/flyteorg/flytekit.git@master#subdirectory=plugins/x", vcs(None));
    check("git+ssh://git@github.com/a/b.git#egg=My_B[x]", vcs(some("my-b")));
    check("git+http://git.example/a/b", vcs(None));
    check("b[x] @ git+https://github.com/a/b", vcs(some("b")));
    check("./lib", path(false));
    check("-e ./lib", path(true));
    check("--editable=.", path(true));
    check("wheels/x-1-py3-none-any.whl", path(false));
    check("lib @ ./x.whl", path(false));
    check("file:///wheels/x-1-py3-none-any.whl", path(false));
}

#[test]
fn options_and_hashes() {
    let options = |args: &[&str], requirement: Option<(&str, RequirementKind)>| RequirementKind::Options {
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        requirement: requirement.map(|(text, kind)| {
            let read = package(text).expect(text);
            assert_eq!(read.kind, kind, "{text}");
            Box::new(read)
        }),
    };
    check("--pre", options(&["--pre"], None));
    check(
        "--pre --extra-index-url https://x/simple pkg",
        options(&["--pre", "--extra-index-url", "https://x/simple"], Some(("pkg", named("pkg", false)))),
    );
    check(
        "torch==2.1 ; os_name == 'a --b' --index-url=https://x/cpu",
        options(&["--index-url", "https://x/cpu"], Some(("torch==2.1 ; os_name == 'a --b'", named("torch", true)))),
    );
    let hash = format!("sha256:{}", "ab".repeat(32));
    let read = package(&format!("numpy==1 --hash={hash} --hash {hash}")).expect("hashes");
    assert_eq!(read.text, format!("numpy==1 --hash={hash} --hash {hash}"));
    assert_eq!(read.kind, named("numpy", true));
    assert_eq!(read.hashes(), [hash.clone(), hash.clone()]);
    let read = package(&format!("lib @ https://x/y.whl#SHA256=00&sha256={} --pre", "AB".repeat(32))).expect("a URL");
    let RequirementKind::Options { requirement: Some(inner), .. } = read.kind else { panic!("an option") };
    assert_eq!((inner.url(), inner.hashes()), (Some("https://x/y.whl"), vec![hash]));
    assert!(!inner.may_build());
}

#[test]
fn markers() {
    let marker = |text: &str| package(text).expect(text).marker().cloned();
    let expect = Some("os_name == 'a'".parse().expect("a marker"));
    let hash = format!("--hash=sha256:{}", "ab".repeat(32));
    assert_eq!(marker(&format!("numpy==1;os_name == 'a' {hash}")), expect);
    // Of a place, a semicolon is a part of it unless a space is before or after it.
    assert_eq!(marker("lib @ https://x/y.whl ;os_name == 'a'"), expect);
    assert_eq!(marker("https://x/y.whl; os_name == 'a'"), expect);
    assert_eq!(marker("https://x/y;z.whl"), None);
}

#[test]
fn mistakes_are_marked_at_their_places() {
    refused("-numpy", "unknown option", "-numpy");
    refused("num py", "unexpected text", "py");
    refused("numpy 1.0", "unexpected text", "1.0");
    refused("numpy=1.0", "expected an operator at the beginning", "=1.0");
    refused("numpy>=1 <2", "unexpected text", "<2");
    refused("numpy ~= 1", "`~=` needs at least two numbers", "1");
    refused("numpy-", "a name ends with a letter or digit", "-");
    refused("_numpy", "a name begins with a letter or digit", "_");
    refused("numpy[a,]", "not the name of an extra", "");
    refused("numpy[a", "opened here and not closed", "[");
    refused("numpy (>=1", "opened here and not closed", "(");
    refused("numpy; foo == 'x'", "unknown variable", "foo");
    refused("lib @ https://x/y", "not an archive", "https://x/y");
    refused("lib @ ", "nothing follows `@`", "");
    refused("lib @ https://x/y.whl z", "unexpected text", " z");
    refused("svn+https://x/y", "only git checkouts can be installed", "svn+https");
    refused("requirements.txt", "a requirements file", "requirements.txt");
    refused("-r requirements.txt", "refused", "-r");
    refused("-e lib", "a local folder", "lib");
    refused("-e git+https://x/y", "not a folder", "git+https://x/y");
    refused("../lib", "outside the context", "../lib");
    refused("--pre a b", "unexpected text", "b");
    refused("numpy --hash=sha256:12", "not a hash", "--hash=sha256:12");
    refused("--hash=sha256:12", "refused", "--hash=sha256:12");
    refused("numpy --index-url", "nothing follows it", "--index-url");
    refused("# only", "no requirement", "# only");
    refused("numpy\nscipy", "has to be one line", "\n");
}

#[test]
fn credentials_are_not_repeated() {
    for text in [
        "git+https://user:hunter2@github.com/a/b",
        "lib @ https://hunter2@x/y.whl",
        "--extra-index-url https://u:hunter2@x/simple lib",
    ] {
        let fault = package(text).expect_err(text);
        assert_eq!(fault.rule, &rules::CREDENTIALS);
        assert!(!format!("{fault:?}").contains("hunter2"));
    }
}
