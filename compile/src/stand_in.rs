//! A program that stands in for a Python interpreter: it prints what uv asks an interpreter for, and does nothing else.
//!
//! uv runs an interpreter only to learn its version, platform and folders, unless it builds a package or compiles bytecode (uv:
//! `crates/uv-python/python/get_interpreter_info.py`). With this program, steps that resolve versions or install wheels need no
//! interpreter: no code of the base image runs in them, and their results do not depend on the base.
//!
//! The program is machine code with the answer behind it, so that it is a file of the graph: no image has to be pulled for it, and no
//! shell runs it.

use serde_json::json;

use buildkit_llb::Platform;

use crate::answer::InterpreterFact;

/// The address at which the program is loaded. Any multiple of the page size of 64 KiB works.
const ADDRESS: u64 = 0x40_0000;
const FILE_HEADER: u16 = 64;
const PROGRAM_HEADER: u16 = 56;
/// The instruction of AArch64 that loads a size has 16 bits for it.
const MAX_ANSWER_BYTES: usize = 0xffff;

/// The folders of an environment, as an interpreter reports them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Folders<'a> {
    /// The folder below which files are installed.
    pub(crate) prefix: &'a str,
    /// The interpreter that scripts start.
    pub(crate) executable: &'a str,
}

/// The program for a platform. `None` if there is none for its architecture, or if the description is not enough.
pub(crate) fn program(platform: &Platform, interpreter: &InterpreterFact, folders: Folders<'_>) -> Option<Vec<u8>> {
    with_answer(&platform.architecture, &answer(interpreter, &platform.architecture, folders)?)
}

/// Whether there is a program for an interpreter on a platform.
pub(crate) fn is_known(platform: &Platform, interpreter: &InterpreterFact) -> bool {
    program(platform, interpreter, Folders { prefix: "/", executable: "/" }).is_some()
}

/// What decides how a wheel is unpacked: a later patch release or C library changes nothing about it.
///
/// uv compares the tags of a wheel again, although the wheel was selected for the real interpreter, so the newest C library is named.
pub(crate) fn for_unpacking(interpreter: &InterpreterFact) -> InterpreterFact {
    const NEWEST: u16 = 99;
    let InterpreterFact {
        version,
        implementation,
        implementation_version,
        free_threaded,
        libc,
        libc_version,
        packages: _,
    } = interpreter.clone();
    let newest = |version: &str, keep: usize| {
        let parts: Vec<&str> = version.split('.').take(keep).collect();
        format!("{}.{NEWEST}", parts.join("."))
    };
    let version = newest(&version, 2);
    // The version of another implementation is a part of its tags.
    let is_same = implementation == "cpython";
    let implementation_version = if is_same { version.clone() } else { implementation_version };
    let libc_version = newest(&libc_version, 1);
    InterpreterFact {
        version,
        implementation,
        implementation_version,
        free_threaded,
        libc,
        libc_version,
        packages: Vec::new(),
    }
}

/// The name of the folder of modules: `python3.11`.
pub(crate) fn library(interpreter: &InterpreterFact) -> Option<String> {
    let mut parts = interpreter.version.split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let kind = if interpreter.implementation == "pypy" { "pypy" } else { "python" };
    let threads = if interpreter.free_threaded { "t" } else { "" };
    Some(format!("{kind}{major}.{minor}{threads}"))
}

/// The answer that uv expects from an interpreter. `None` if the fact does not say enough.
fn answer(interpreter: &InterpreterFact, architecture: &str, folders: Folders<'_>) -> Option<String> {
    let InterpreterFact {
        version,
        implementation,
        implementation_version,
        free_threaded,
        libc,
        libc_version,
        packages: _,
    } = interpreter;
    let mut parts = version.split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let name = match implementation.as_str() {
        "cpython" => "CPython",
        "pypy" => "PyPy",
        _ => return None,
    };
    let machine = match architecture {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        _ => return None,
    };
    let system = match libc.as_str() {
        "glibc" => "manylinux",
        "musl" => "musllinux",
        _ => return None,
    };
    let mut parts = libc_version.split('.');
    let system_version: (u16, u16) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let Folders { prefix, executable } = folders;
    let threads = if *free_threaded { "t" } else { "" };
    let library = format!("lib/{}", library(interpreter)?);
    let packages = format!("{prefix}/{library}/site-packages");
    let tag = match name {
        "CPython" => format!("cpython-{major}{minor}{threads}"),
        _ => format!("pypy{major}{minor}-pp73"),
    };
    let abi = if libc == "musl" { "musl" } else { "gnu" };
    let scheme = |prefix: &str, packages: &str| {
        let include = format!("{prefix}include/site/python{major}.{minor}");
        json!({"purelib": packages, "platlib": packages, "include": include, "scripts": format!("{prefix}bin"), "data": prefix})
    };
    let answer = json!({
        "result": "success",
        "markers": {
            "implementation_name": implementation,
            "implementation_version": implementation_version,
            "os_name": "posix",
            "platform_machine": machine,
            "platform_python_implementation": name,
            // Those of the machine that builds would make the result depend on it.
            "platform_release": "",
            "platform_version": "",
            "platform_system": "Linux",
            "python_full_version": version,
            "python_version": format!("{major}.{minor}"),
            "sys_platform": "linux",
        },
        "sys_base_prefix": "/usr",
        "sys_base_exec_prefix": "/usr",
        "sys_prefix": prefix,
        "sys_base_executable": null,
        "sys_executable": executable,
        "sys_path": [packages],
        "site_packages": [packages],
        // The suffixes choose among compiled modules of a source tree, and the processor's features among variants of wheels.
        "extension_suffixes": [format!(".{tag}-{machine}-linux-{abi}.so"), ".abi3.so", ".so"],
        "cpu_info": {"detected": {"kind": "flags", "flags": ""}},
        "stdlib": format!("/usr/{library}"),
        "scheme": scheme(&format!("{prefix}/"), &packages),
        "virtualenv": scheme("", &format!("{library}/site-packages")),
        "os": {"name": system, "major": system_version.0, "minor": system_version.1},
        "arch": machine,
        "manylinux_compatible": system == "manylinux",
        "standalone": false,
        "gil_disabled": free_threaded,
        "debug_enabled": false,
        "pointer_size": "64",
    });
    Some(answer.to_string())
}

/// A program that prints `answer` and ends. `None` for architectures without such a program, and for long answers.
fn with_answer(architecture: &str, answer: &str) -> Option<Vec<u8>> {
    let size = u16::try_from(answer.len()).ok()?;
    let (machine, code) = match architecture {
        "amd64" => (0x3e, x86_64(size)),
        "arm64" => (0xb7, aarch64(size)),
        _ => return None,
    };
    debug_assert!(answer.len() <= MAX_ANSWER_BYTES);
    let headers = u64::from(FILE_HEADER + PROGRAM_HEADER);
    let bytes = headers + code.len() as u64 + u64::from(size);
    let mut program = Vec::new();
    // ELF (System V gABI, chapters 4 and 5): 64 bits, little-endian, an executable with one segment that is read and executed.
    program.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    program.extend([2_u16, machine].into_iter().flat_map(u16::to_le_bytes));
    program.extend(1_u32.to_le_bytes());
    program.extend([ADDRESS + headers, FILE_HEADER.into(), 0].into_iter().flat_map(u64::to_le_bytes));
    program.extend(0_u32.to_le_bytes());
    program.extend([FILE_HEADER, PROGRAM_HEADER, 1, 0, 0, 0].into_iter().flat_map(u16::to_le_bytes));
    program.extend([1_u32, 5].into_iter().flat_map(u32::to_le_bytes));
    program.extend([0, ADDRESS, ADDRESS, bytes, bytes, 0x1_0000].into_iter().flat_map(u64::to_le_bytes));
    program.extend(code);
    program.extend(answer.as_bytes());
    Some(program)
}

/// `write(1, answer, size); exit(0)` (linux: `arch/x86/entry/syscalls/syscall_64.tbl`). The answer follows the code.
fn x86_64(size: u16) -> Vec<u8> {
    let mut code = b"\xb8\x01\0\0\0\xbf\x01\0\0\0\x48\x8d\x35\x10\0\0\0\xba".to_vec();
    code.extend(u32::from(size).to_le_bytes());
    code.extend(b"\x0f\x05\x31\xff\xb8\x3c\0\0\0\x0f\x05");
    code
}

/// The same (linux: `include/uapi/asm-generic/unistd.h`).
fn aarch64(size: u16) -> Vec<u8> {
    let code: [u32; 8] = [
        0xd280_0020,                          // mov x0, #1
        0x1000_00e1,                          // adr x1, answer
        0xd280_0002 | (u32::from(size) << 5), // mov x2, #size
        0xd280_0808,                          // mov x8, #64 (write)
        0xd400_0001,                          // svc #0
        0xd280_0000,                          // mov x0, #0
        0xd280_0ba8,                          // mov x8, #93 (exit)
        0xd400_0001,                          // svc #0
    ];
    code.into_iter().flat_map(u32::to_le_bytes).collect()
}

#[cfg(test)]
mod tests;
