//! Checks that answers have the form that the gateway of a real daemon gives them.
//!
//! The types of answers allow other values too. Tests with simulated answers of another form would test cases that never occur.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::Platform;
use imagespec_compile::{Fact, InterpreterFact, Program, SURVEYED_FILES, question};

/// Asserts that an answer has the form of a real answer.
#[track_caller]
pub(crate) fn check(fact: &Fact) {
    match fact {
        Fact::Daemon { question: question::Daemon, answer } => {
            assert!(is_normalized(&answer.platform), "{}", answer.platform);
            assert!(answer.capabilities.contains("source.image"), "{:?}", answer.capabilities);
        }
        Fact::Image { question, answer } => {
            assert!(is_normalized(&question.platform), "{}", question.platform);
            let suffix = answer.reference.strip_prefix(&question.reference).unwrap_or_else(|| panic!("{answer:?}"));
            // Docker's classic image store resolves images without digests.
            assert!(suffix.is_empty() || is_digest(suffix.trim_start_matches('@')), "{}", answer.reference);
            assert!(answer.config.is_object(), "{}", answer.config);
            let member = |name: &str| answer.config[name].as_str().unwrap_or_default().to_owned();
            let platform = Platform { os: member("os"), ..Platform::linux(&member("architecture")) };
            assert_eq!(
                (&platform.os, &platform.architecture),
                (&question.platform.os, &question.platform.architecture)
            );
            let env = answer.config["config"]["Env"].as_array().cloned().unwrap_or_default();
            assert!(env.iter().all(|pair| pair.as_str().is_some_and(|pair| pair.contains('='))), "{env:?}");
        }
        Fact::ContextFile { question, answer: _ } => check_relative(&question.path),
        Fact::SpecFile { question, answer: _ } => assert!(!question.name.contains('/'), "{}", question.name),
        Fact::ContextIgnore { question: question::ContextIgnore, answer }
        | Fact::FolderIgnore { question: question::FolderIgnore { .. }, answer } => {
            for pattern in answer {
                let path = pattern.strip_prefix('!').unwrap_or(pattern);
                assert!(path == path.trim() && !path.is_empty(), "{pattern:?}");
                assert!(path == "/" || !(path.starts_with('/') || path.ends_with('/')), "{pattern:?}");
            }
        }
        Fact::ContextListing { question, answer } => {
            assert!(answer.is_sorted_by(|a, b| a < b), "the paths are not sorted, or not unique: {answer:?}");
            for path in answer {
                check_relative(path);
                assert!(format!("/{path}").ends_with(&question.suffix), "{path}");
                let below = format!("{}/", question.root);
                assert!(question.root == "." || path.starts_with(&below), "{path} is not below {}", question.root);
            }
        }
        Fact::Selection { question, answer } => {
            question.roots.iter().filter(|root| *root != ".").for_each(|root| check_relative(root));
            answer
                .links
                .iter()
                .flat_map(|link| [&link.path, &link.target, &link.to])
                .for_each(|path| check_relative(path));
        }
        Fact::Survey { question, answer } => {
            let Some(survey) = answer else { return };
            check_programs(&survey.programs, &question.folders);
            survey.interpreters.values().flatten().for_each(check_interpreter);
            let paths = survey.interpreters.keys().chain(&survey.paths).chain(survey.files.keys());
            paths.for_each(|path| assert!(path.starts_with('/'), "{path}"));
            assert!(
                survey.files.keys().all(|path| SURVEYED_FILES.contains(&path.as_str())),
                "{:?}",
                survey.files.keys()
            );
        }
        Fact::Programs { question, answer } => check_programs(answer, &question.folders),
        Fact::RootfsFile { question: question::RootfsFile { path, .. }, answer: _ }
        | Fact::Exists { question: question::Exists { path, .. }, answer: _ } => {
            assert!(path.starts_with('/'), "{path}");
        }
        Fact::Interpreter { question, answer } => {
            assert!(question.path.starts_with('/'), "{}", question.path);
            answer.iter().for_each(check_interpreter);
        }
        Fact::Installed { question, answer } => {
            assert!(question.path.starts_with('/'), "{}", question.path);
            assert!(answer.iter().all(|package| !package.name.is_empty() && !package.version.is_empty()), "{answer:?}");
        }
        Fact::Lock { question, answer } => {
            assert!(is_digest(&question.digest), "{}", question.digest);
            let lock = answer.lock.as_ref().expect("nothing has to be built");
            assert!(lock.as_str().contains("lock-version = "), "{}", lock.as_str());
        }
        Fact::Collisions { question, answer } => {
            assert!(is_digest(&question.digest), "{}", question.digest);
            for line in answer.split_terminator('\n') {
                // A path in the environment, and the names of the packages that install it.
                let columns: Vec<&str> = line.split('\t').collect();
                assert!(columns.len() >= 3 && is_relative(columns[0]) && columns[1..].is_sorted(), "{line:?}");
            }
            assert!(answer.is_empty() || answer.ends_with('\n'), "{answer:?}");
        }
    }
}

#[track_caller]
fn check_programs(programs: &[Program], folders: &[String]) {
    let mut by_folder: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Program { path, link: _ } in programs {
        let (folder, name) = path.rsplit_once('/').unwrap_or_else(|| panic!("{path} is not absolute"));
        assert!(name.starts_with("python"), "{path}");
        by_folder.entry(folder).or_default().insert(path);
    }
    let folders = folders.iter().map(|folder| folder.trim_end_matches('/'));
    assert_eq!(folders.clone().collect::<BTreeSet<_>>().len(), folders.len(), "a folder is repeated");
    let expected: Vec<&str> = folders.filter_map(|folder| by_folder.get(folder)).flatten().copied().collect();
    let paths: Vec<&str> = programs.iter().map(|program| program.path.as_str()).collect();
    assert_eq!(paths, expected, "the paths are not grouped by folder and sorted within it");
}

#[track_caller]
fn check_interpreter(answer: &InterpreterFact) {
    let is_version = |text: &str| text.split('.').count() >= 2 && text.starts_with(|c: char| c.is_ascii_digit());
    assert!(is_version(&answer.version) && is_version(&answer.implementation_version), "{answer:?}");
    assert!(!answer.implementation.is_empty(), "{answer:?}");
    assert_eq!(answer.implementation, answer.implementation.to_lowercase());
    assert!(["glibc", "musl", ""].contains(&answer.libc.as_str()), "{answer:?}");
    assert!(answer.libc_version.is_empty() || is_version(&answer.libc_version), "{answer:?}");
}

#[track_caller]
fn check_relative(path: &str) {
    assert!(is_relative(path), "{path:?} is not a path in the context");
}

fn is_relative(path: &str) -> bool {
    path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_normalized(platform: &Platform) -> bool {
    *platform == platform.clone().normalized()
}
