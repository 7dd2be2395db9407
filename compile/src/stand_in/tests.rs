//! Programs that run on this machine.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::*;

fn interpreter() -> InterpreterFact {
    let text = "version 3.11.2\nimplementation cpython\nimplementation-version 3.11.2\nfree-threaded 0\nlibc glibc\nlibc-version 2.36\n";
    InterpreterFact::parse(text).expect("a description")
}

const FOLDERS: Folders<'static> = Folders { prefix: "/opt/venv", executable: "/opt/venv/bin/python" };

/// The architecture of this machine; the emulator of the other one is a part of the lab.
const HERE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

#[test]
fn the_program_prints_the_answer() {
    let answer = answer(&interpreter(), HERE, FOLDERS).expect("uv knows it");
    let folder = std::env::temp_dir().join(format!("imagespec-stand-in-{}", std::process::id()));
    std::fs::write(&folder, with_answer(HERE, &answer).expect("there is a program")).expect("a temporary file");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("a file of ours");
    let ran = Command::new(&folder).arg("-I").output();
    std::fs::remove_file(&folder).expect("a file of ours");
    let ran = ran.expect("it runs");
    assert_eq!((String::from_utf8_lossy(&ran.stdout).as_ref(), ran.status.code()), (answer.as_str(), Some(0)));
}

#[test]
fn unknown_interpreters_have_no_program() {
    let other = |change: fn(&mut InterpreterFact)| {
        let mut fact = interpreter();
        change(&mut fact);
        answer(&fact, "amd64", FOLDERS)
    };
    assert!(other(|_| {}).is_some());
    assert_eq!(other(|fact| fact.implementation = "graalpy".to_owned()), None);
    assert_eq!(other(|fact| fact.libc = String::new()), None);
    assert_eq!(other(|fact| fact.libc_version = "new".to_owned()), None);
    assert_eq!(answer(&interpreter(), "riscv64", FOLDERS), None);
    assert_eq!(with_answer("riscv64", "{}"), None);
    assert_eq!(with_answer("amd64", &"x".repeat(0x1_0000)), None);
}

#[test]
fn what_does_not_matter_for_unpacking_is_left_out() {
    let text = |version: &str, libc: &str| {
        let text = format!("version {version}\nimplementation cpython\nlibc glibc\nlibc-version {libc}\n");
        for_unpacking(&InterpreterFact::parse(&text).expect("a description"))
    };
    assert_eq!(text("3.11.2", "2.36"), text("3.11.14", "2.41"));
    assert_ne!(text("3.11.2", "2.36"), text("3.12.0", "2.36"));
    assert!(answer(&text("3.11.2", "2.36"), "arm64", FOLDERS).is_some());
    let pypy = InterpreterFact {
        implementation: "pypy".to_owned(),
        implementation_version: "7.3.17".to_owned(),
        ..interpreter()
    };
    assert_eq!(for_unpacking(&pypy).implementation_version, "7.3.17");
    assert!(answer(&pypy, "amd64", FOLDERS).expect("uv knows it").contains("lib/pypy3.11/site-packages"));
}
