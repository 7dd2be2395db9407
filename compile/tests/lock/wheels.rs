//! Which packages apply, and which wheel is selected.

use buildkit_llb::Platform;
use imagespec::Marker;
use imagespec_compile::lock::{Artifact, Implementation, Interpreter, Libc, Source, Target, select};

use crate::locks::{ALPINE, DEBIAN_12, debian, lock, read, target};

/// The file that is selected for a package.
fn taken(name: &str, package: &str, target: &Target) -> String {
    let lock = lock(name);
    let selected = select(&lock, target).expect("the lock fits");
    let one = selected.iter().find(|one| one.package.name.as_str() == package);
    match one.map(|one| one.artifact) {
        None => "nothing".to_owned(),
        Some(Artifact::Wheel(wheel)) => {
            let name = wheel.filename.as_ref().expect("a wheel's name");
            format!("{}-{}-{}", name.python.join("."), name.abi.join("."), name.platform.join("."))
        }
        Some(other) => format!("{other:?}"),
    }
}

#[test]
fn takes_the_wheel_of_the_platform() {
    let core = |target: &Target| taken("universal", "pydantic-core", target);
    assert_eq!(core(debian()), "cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64");
    assert_eq!(core(&target("3.12.1", "arm64", DEBIAN_12)), "cp312-cp312-manylinux2014_aarch64.manylinux_2_17_aarch64");
    assert_eq!(core(&target("3.11.2", "amd64", ALPINE)), "cp311-cp311-musllinux_1_1_x86_64");
}

#[test]
fn builds_packages_without_a_wheel() {
    let lock = lock("universal");
    let selected = select(&lock, &target("3.11.2", "s390x", Libc::Glibc { major: 2, minor: 5 })).expect("it fits");
    let core = selected.iter().find(|one| one.package.name.as_str() == "pydantic-core").expect("it applies");
    assert!(matches!(core.artifact, Artifact::Source(Source::Sdist(_))), "{:?}", core.artifact);
}

#[test]
fn prefers_the_same_wheels_as_uv() {
    let tags = target("3.11.2", "amd64", Libc::Glibc { major: 2, minor: 17 });
    let tags = tags.tags().list();
    assert_eq!(
        tags[..4],
        [
            "cp311-cp311-manylinux_2_17_x86_64",
            "cp311-cp311-manylinux2014_x86_64",
            "cp311-cp311-manylinux_2_16_x86_64",
            "cp311-cp311-manylinux_2_15_x86_64"
        ]
    );
    let place = |tag: &str| tags.iter().position(|one| one == tag).unwrap_or_else(|| panic!("no {tag}"));
    let order = [
        "cp311-cp311-linux_x86_64",
        "cp311-abi3-manylinux_2_17_x86_64",
        "cp311-none-manylinux_2_17_x86_64",
        "cp310-abi3-manylinux_2_17_x86_64",
        "cp32-abi3-linux_x86_64",
        "py311-none-manylinux1_x86_64",
        "py3-none-linux_x86_64",
        "py30-none-linux_x86_64",
        "cp311-none-any",
        "py311-none-any",
        "py3-none-any",
        "py30-none-any",
    ];
    assert!(order.map(place).is_sorted(), "{:?}", order.map(place));
    assert_eq!(tags.last().map(String::as_str), Some("py30-none-any"));
}

#[test]
fn implementations_have_their_own_wheels() {
    let made = |implementation| {
        let interpreter = Interpreter { version: "3.13.1".parse().expect("a version"), implementation };
        Target::new(interpreter, &Platform::linux("arm64"), DEBIAN_12).expect("a platform").tags().list()
    };
    let free = made(Implementation::CPython { free_threaded: true });
    assert!(free.iter().any(|tag| tag.starts_with("cp313-cp313t-")) && !free.iter().any(|tag| tag.contains("-abi3-")));
    let pypy = made(Implementation::PyPy { version: "7.3.17".parse().expect("a version") });
    assert_eq!(pypy[0], "pp313-pypy313_pp73-manylinux_2_36_aarch64");
    assert!(!pypy.iter().any(|tag| tag.starts_with("cp")));
    let unknown = Interpreter::cpython("3.13".parse().expect("a version"));
    assert_eq!(Target::new(unknown, &Platform::linux("mips64"), DEBIAN_12), None);
}

#[test]
fn the_highest_build_tag_breaks_ties_whatever_the_order() {
    let wheel =
        |build: &str| format!("{{ url = 'https://x/a-1-{build}py3-none-any.whl', hashes = {{ sha256 = '00' }} }}");
    for builds in [["", "2-", "10-"], ["10-", "2-", ""], ["2-", "10-", ""]] {
        let wheels = builds.map(wheel).join(", ");
        let lock = read(&format!("lock-version = '1.0'\n[[packages]]\nname = 'a'\nversion = '1'\nwheels = [{wheels}]"));
        let selected = select(&lock, debian()).expect("it fits");
        let Artifact::Wheel(wheel) = selected[0].artifact else { panic!("a wheel fits") };
        assert_eq!(wheel.filename.as_ref().and_then(|name| name.build.as_ref()).map(|build| build.0), Some(10));
    }
}

#[test]
fn reports_why_a_lock_does_not_fit() {
    let refused = |body: &str| {
        let lock = read(&format!("lock-version = '1.0'\n{body}"));
        let diagnostics = select(&lock, debian()).expect_err(body);
        assert!(diagnostics.iter().all(|one| one.code == "E115"));
        diagnostics.into_iter().map(|one| one.message).collect::<Vec<_>>()
    };
    let windows = "{ url = 'https://x/a-1-cp311-cp311-win_amd64.whl', hashes = {} }";
    assert_eq!(
        refused(&format!(
            "requires-python = '>=3.12'\n[[packages]]\nname = 'a'\nversion = '1'\nwheels = [{windows}]\n\
             [[packages]]\nname = 'b'\ndirectory = {{ path = '.' }}\n[[packages]]\nname = 'b'\ndirectory = {{ path = '.' }}\n\
             [[packages]]\nname = 'c'\narchive = {windows}\n\
             [[packages]]\nname = 'd'\nrequires-python = '<3'\nwheels = []"
        )),
        [
            "the lockfile is for Python >=3.12, not 3.11.2",
            "no wheel of a fits the image, and the lockfile has no source distribution of it",
            "the lockfile has two entries for b that both apply",
            "the locked wheel of c does not fit the image",
            "d is locked for Python <3, not 3.11.2",
        ]
    );
}

#[test]
fn markers_are_evaluated_for_the_target() {
    let target = debian();
    let groups = ["dev".to_owned()];
    for (marker, expect) in [
        ("python_version >= '3.9'", true),
        ("python_version < '3.9'", false),
        ("'3.9' <= python_version", true),
        ("python_version == '3.11'", true),
        ("python_version == '3.*'", true),
        ("python_version ~= '3.10'", true),
        ("python_full_version == '3.11.2'", true),
        ("python_full_version < '3.11'", false),
        ("python_version in '3.10, 3.11'", true),
        ("python_version not in '3.10 3.11'", false),
        ("sys_platform == 'linux' and platform_machine != 'aarch64'", true),
        ("sys_platform == 'win32' or os_name == 'nt'", false),
        ("(sys_platform == 'win32' or os_name == 'posix') and platform_system == 'Linux'", true),
        ("platform_machine == 'x86_64' and 'x86' in platform_machine", true),
        ("platform_python_implementation == 'PyPy'", false),
        ("implementation_name == 'cpython' and implementation_version >= '3.11.1'", true),
        ("extra == 'x'", false),
        ("'x' in extras", false),
        ("'x' not in extras", true),
        ("'dev' in dependency_groups", true),
        ("'test' in dependency_groups", false),
        ("os.name == 'posix'", true),
        ("platform_release >= '5'", false),
    ] {
        let parsed: Marker = marker.parse().unwrap_or_else(|error| panic!("{marker}: {error:?}"));
        assert_eq!(target.satisfies(&parsed, &groups), expect, "{marker}");
    }
}
