//! Environments that have packages: what stays, what is replaced, and the steps that prepare the environment.

use imagespec::PackageName;

use crate::answer::InstalledPackage;
use crate::interpreter::minor;
use crate::lock::{Selected, Version};
use crate::outcome::Recipe;
use crate::plan::{Action, Step};
use crate::planner::base::Base;
use crate::planner::wanted::Wanted;
use crate::planner::{Planner, summary};
use crate::question;

impl<'a> Planner<'a, '_> {
    /// The packages of the environment; `None` until known.
    pub(super) fn installed(&mut self, base: &Base, wanted: &Wanted) -> Option<&'a [InstalledPackage]> {
        let path = || wanted.interpreter.clone();
        let question = question::Installed { root: self.root(base, wanted.stage)?, path: path() };
        let recipe = |planner: &Self| {
            let root = planner.root_recipe(base, wanted.stage)?;
            Some(Recipe::Installed { root, path: path() })
        };
        self.ask_recorded(question, |_| true, recipe).map(Vec::as_slice)
    }

    /// Removes from a selection what is installed in the same version, and returns the packages of which another version is installed.
    pub(super) fn leave_installed(
        &mut self,
        selected: &mut Vec<Selected<'_>>,
        installed: &[InstalledPackage],
    ) -> Vec<String> {
        let known = |one: &Selected<'_>| {
            installed.iter().find(|known| PackageName::new(&known.name).is_some_and(|name| name == one.package.name))
        };
        let is_same = |one: &Selected<'_>, known: &InstalledPackage| {
            one.package
                .version
                .as_ref()
                .is_some_and(|version| known.version.parse().is_ok_and(|known: Version| known == *version))
        };
        let count = selected.len();
        selected.retain(|one| !known(one).is_some_and(|known| is_same(one, known)));
        if selected.len() < count {
            self.reasons.push(format!("{} packages are installed already", count - selected.len()));
        }
        let replaced = selected.iter().filter_map(|one| known(one).filter(|known| known.is_own));
        let replaced: Vec<String> = replaced.map(|known| known.name.clone()).collect();
        if !replaced.is_empty() {
            self.reasons.push(format!("other versions of {} are installed, and are replaced", summary(&replaced)));
        }
        replaced
    }

    /// The steps that prepare an environment that the base has for what is added to it.
    pub(super) fn environment_steps(
        &self,
        base: &Base,
        wanted: &Wanted,
        version: &str,
        replaced: Vec<String>,
    ) -> Vec<Step> {
        if wanted.venv.is_some() {
            return Vec::new();
        }
        let mut steps = Vec::new();
        if !replaced.is_empty() {
            let title = self.title("python", &format!("remove {}", summary(&replaced)));
            let action = Action::RemovePackages { interpreter: wanted.interpreter.clone(), packages: replaced };
            steps.push(self.step("remove", title, wanted.parent.clone(), action, self.package_fields()));
        }
        if !self.copies_folders() {
            return steps;
        }
        let home = self.home(base).path;
        let library = format!("lib/python{}", minor(version));
        let packages = format!("{library}/site-packages");
        let inner = [
            "bin",
            "lib",
            library.as_str(),
            packages.as_str(),
            "include",
            "etc",
            "share",
            "share/man",
            "share/man/man1",
        ];
        let folders = [home.to_owned()].into_iter().chain(inner.map(|inner| format!("{home}/{inner}")));
        let action = Action::Folders { folders: folders.collect() };
        let title = self.title("python", &format!("keep the folders of {home}"));
        steps.push(self.step("folders", title, wanted.parent.clone(), action, Vec::new()));
        steps
    }
}
