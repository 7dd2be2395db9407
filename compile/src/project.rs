//! What a project's `pyproject.toml` says about the versions of Python it supports, and whether its dependencies are in it at all
//! (packaging.python.org: `pyproject.toml` specification).
//!
//! uv reads the dependencies themselves. Nothing is built here.

use std::ops::Range;

use imagespec::{Diagnostic, FileId, Span};
use pep440_rs::{Version, VersionSpecifiers};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::rules;

/// The problem that only a build backend knows the dependencies, which would look for files that are not there. uv reports what else is
/// wrong with the file.
pub(crate) fn dynamic(path: &str, text: &str, file: FileId, has_extras: bool) -> Option<Diagnostic> {
    let root = DeTable::parse(text).ok()?.into_inner();
    let backend = table(&root, "build-system").and_then(|system| string(system, "build-backend"));
    let backend = backend.map(|(backend, _)| backend);
    let place = match table(&root, "project") {
        Some(project) => {
            let is_asked = |name: &str| name == "dependencies" || (has_extras && name == "optional-dependencies");
            let names = project.get("dynamic").and_then(|names| names.get_ref().as_array())?;
            let found = names.iter().find(|name| name.get_ref().as_str().is_some_and(is_asked))?;
            Some(found.span())
        }
        // Poetry has a table of its own for them.
        None if backend.is_some_and(|backend| backend.starts_with("poetry.")) => return None,
        None => None,
    };
    let who = backend.map_or("its build backend".to_owned(), |backend| format!("the build backend {backend}"));
    let message = format!("the dependencies of {path} are not in it: {who} would compute them from other files");
    let problem = Diagnostic::new(&rules::DYNAMIC_PROJECT, message).with_help(
        "name the file they are read from, such as `requirements: requirements.txt`, or lock the project with `uv lock` and use `requirements: uv.lock`",
    );
    Some(match place {
        Some(place) => problem.with_label(span(file, place), "computed"),
        None => problem,
    })
}

/// The problem that the project does not support a version of Python, such as `3.11.2`.
pub(crate) fn unsupported(path: &str, text: &str, file: FileId, python: &str) -> Option<Diagnostic> {
    let root = DeTable::parse(text).ok()?.into_inner();
    let (wanted, place) = string(table(&root, "project")?, "requires-python")?;
    let specifiers: VersionSpecifiers = wanted.parse().ok()?;
    let version: Version = python.parse().ok()?;
    if specifiers.contains(&version) {
        return None;
    }
    let message = format!("{path} is for Python {specifiers}, and the environment has Python {python}");
    let help = "set `python_version`, or use a base image with a version that the project supports";
    let problem = Diagnostic::new(&rules::UNSUPPORTED_PYTHON, message).with_label(span(file, place), "");
    Some(problem.with_help(help))
}

fn table<'t>(parent: &'t DeTable<'t>, name: &str) -> Option<&'t DeTable<'t>> {
    parent.get(name).and_then(|value| value.get_ref().as_table())
}

fn string<'t>(parent: &'t DeTable<'t>, name: &str) -> Option<(&'t str, Range<usize>)> {
    let value: &Spanned<DeValue<'_>> = parent.get(name)?;
    Some((value.get_ref().as_str()?, value.span()))
}

fn span(file: FileId, Range { start, end }: Range<usize>) -> Span {
    Span::new(file, start, end)
}

#[cfg(test)]
mod tests {
    use imagespec::SourceMap;

    use super::*;

    fn marked(text: &str, find: impl Fn(&str, FileId) -> Option<Diagnostic>) -> Option<String> {
        let mut sources = SourceMap::new();
        let file = sources.add("pyproject.toml", text);
        let problem = find(text, file)?;
        Some(problem.span().and_then(|span| sources.snippet(span)).unwrap_or_default().to_owned())
    }

    #[test]
    fn dependencies_that_are_computed() {
        let check = |text: &str, has_extras, expect: Option<&str>| {
            let found = marked(text, |text, file| dynamic("pyproject.toml", text, file, has_extras));
            assert_eq!(found.as_deref(), expect, "{text}");
        };
        check("[project]\nname = 'a'\ndependencies = ['b']\n", true, None);
        check("[project]\nname = 'a'\ndynamic = ['version']\n", true, None);
        check("[project]\nname = 'a'\ndynamic = ['version', 'dependencies']\n", false, Some("'dependencies'"));
        check("[project]\nname = 'a'\ndynamic = ['optional-dependencies']\n", false, None);
        check("[project]\nname = 'a'\ndynamic = ['optional-dependencies']\n", true, Some("'optional-dependencies'"));
        check("[build-system]\nrequires = ['setuptools']\n", false, Some(""));
        check("[build-system]\nbuild-backend = 'poetry.core.masonry.api'\n[tool.poetry.dependencies]\n", false, None);
    }

    #[test]
    fn versions_of_python() {
        let check = |wanted: &str, python: &str, is_supported: bool| {
            let text = format!("[project]\nname = 'a'\nrequires-python = '{wanted}'\n");
            let found = marked(&text, |text, file| unsupported("pyproject.toml", text, file, python));
            assert_eq!(found, (!is_supported).then(|| format!("'{wanted}'")), "{wanted} {python}");
        };
        check(">=3.12", "3.11.2", false);
        check(">=3.9,<4", "3.11.2", true);
        check("==3.11.*", "3.11.2", true);
        check("nonsense", "3.11.2", true);
        assert!(marked("[project]\nname = 'a'\n", |text, file| unsupported("p", text, file, "3.11.2")).is_none());
    }
}
