//! What the specs that make one image say together: a spec and the specs it stands on (see [`ImageSpec::levels`]).
//!
//! What can be said once is what the outermost spec says that says it; lists are one list, the innermost spec's entries first.

use imagespec::field::{self, Field};
use imagespec::{Bytecode, Flavor, ImageSpec, Level, Requirement, RequirementsFile, SecretMount};

/// All specs of an image, the innermost first.
#[derive(Clone, Debug)]
pub(crate) struct Merged<'a> {
    levels: Vec<Level<'a>>,
}

impl<'a> Merged<'a> {
    /// The specs whose parts are built side by side. One with commands is a finished image to those on top of it, so it and
    /// what it stands on are no part of them.
    pub(crate) fn of(spec: &'a ImageSpec) -> Self {
        Self { levels: spec.parts().1 }
    }

    /// The outermost spec below this one that is a finished image.
    pub(crate) fn finished(spec: &'a ImageSpec) -> Option<Level<'a>> {
        spec.parts().0
    }

    pub(crate) fn levels(&self) -> &[Level<'a>] {
        &self.levels
    }

    /// What the outermost spec says that says it, and the path of its field.
    pub(crate) fn said<T, G>(&self, field: Field<G>) -> Option<(String, T)>
    where
        G: Fn(&'a ImageSpec) -> Option<T>,
    {
        let found = self.levels.iter().rev().find_map(|level| Some((&level.prefix, field.get(level.spec)?)));
        found.map(|(prefix, value)| (format!("{prefix}{}", field.name()), value))
    }

    /// The same without the field.
    pub(crate) fn value<T, G>(&self, field: Field<G>) -> Option<T>
    where
        G: Fn(&'a ImageSpec) -> Option<T>,
    {
        self.said(field).map(|(_, value)| value)
    }

    /// Every entry of a list, with the path of its field.
    pub(crate) fn items<T: 'a, G>(&self, field: Field<G>) -> Vec<(String, &'a T)>
    where
        G: Fn(&'a ImageSpec) -> &'a [T],
    {
        let items = |level: &Level<'a>| {
            let (prefix, name) = (level.prefix.clone(), field.name());
            let items = field.get(level.spec).iter().enumerate();
            items.map(move |(index, item)| (format!("{prefix}{name}[{index}]"), item))
        };
        self.levels.iter().flat_map(items).collect()
    }

    /// The paths of a list's entries.
    pub(crate) fn fields<T: 'a, G>(&self, field: Field<G>) -> Vec<String>
    where
        G: Fn(&'a ImageSpec) -> &'a [T],
    {
        self.items(field).into_iter().map(|(field, _)| field).collect()
    }

    pub(crate) fn any(&self, is: impl Fn(&ImageSpec) -> bool) -> bool {
        self.levels.iter().any(|level| is(level.spec))
    }

    pub(crate) fn packages(&self) -> Vec<(String, &'a Requirement)> {
        self.items(field::PACKAGES)
    }

    /// The requirements files, with the paths of their fields.
    pub(crate) fn requirements(&self) -> Vec<(String, &'a RequirementsFile)> {
        let name = field::REQUIREMENTS.name();
        let file = |level: &Level<'a>| Some((format!("{}{name}", level.prefix), level.spec.requirements()?));
        self.levels.iter().filter_map(file).collect()
    }

    /// The lock that a spec names, if one does.
    pub(crate) fn lock(&self) -> Option<(String, &'a RequirementsFile)> {
        self.requirements().into_iter().find(|(_, file)| file.kind().is_lock())
    }

    /// The secrets of install steps. One that two specs name is one.
    pub(crate) fn secrets(&self) -> Vec<(String, &'a SecretMount)> {
        let mut secrets: Vec<(String, &SecretMount)> = Vec::new();
        for (field, mount) in self.items(field::PIP_SECRET_MOUNTS) {
            if !secrets.iter().any(|(_, known)| *known == mount) {
                secrets.push((field, mount));
            }
        }
        secrets
    }

    pub(crate) fn has_apt(&self) -> bool {
        self.any(|spec| !spec.apt_packages().is_empty())
    }

    pub(crate) fn has_packages(&self) -> bool {
        self.any(|spec| !spec.packages().is_empty() || spec.requirements().is_some())
    }

    pub(crate) fn wants_conda(&self) -> bool {
        self.any(ImageSpec::wants_conda)
    }

    pub(crate) fn bytecode(&self) -> Bytecode {
        self.value(field::BYTECODE).unwrap_or_default()
    }

    pub(crate) fn is_flyte(&self) -> bool {
        self.levels.last().is_some_and(|level| level.spec.flavor() == Flavor::Flyte)
    }
}
