//! Graphs of parts of a plan: recipes of answers, and steps that are built before the plan is complete.

use buildkit_llb::{Graph, Output};
use imagespec::SourceMap;

use crate::lower::Lowering;
use crate::lower::group::COLLISIONS_FILE;
use crate::lower::lock::{EXPORTED_FILE, LOCK_FILE};
use crate::lower::probe::{self, INSTALLED_FILE, SURVEY_FILE};
use crate::outcome::{LockRecipe, Recipe, RootRecipe};
use crate::plan::Plan;

/// The graph of a recipe. Its result is a root filesystem to read from, or a folder with the file of the answer ([`Recipe::file`]).
/// `None` for an interpreter in an empty root filesystem.
#[must_use]
pub fn lower_recipe(recipe: &Recipe, sources: &SourceMap) -> Option<Graph> {
    let mut lowering = Lowering::new(recipe.plan(), sources);
    let output = lowering.recipe(recipe)?;
    Some(lowering.finish(Some(output)))
}

/// The graphs of steps of a plan, each without steps that it does not depend on.
#[must_use]
pub fn lower_steps(plan: &Plan, sources: &SourceMap, ids: &[&str]) -> Vec<Graph> {
    let mut lowering = Lowering::new(plan, sources);
    let base = lowering.some_steps(ids);
    let roots: Vec<Output> = ids.iter().map(|id| lowering.tips.get(id).map_or(base, |tip| tip.output)).collect();
    let graph = lowering.finish(Some(base));
    roots.into_iter().map(|root| graph.rooted_at(root).expect("a lowered step is a sound graph")).collect()
}

impl<'a> Lowering<'a> {
    /// The result of a recipe, which is a part of the plan.
    pub(super) fn recipe(&mut self, recipe: &'a Recipe) -> Option<Output> {
        match recipe {
            Recipe::Root(root) => Some(self.root(root)),
            Recipe::Survey(survey) => {
                let root = self.root(&survey.root);
                let folder = probe::survey(&mut self.graph, root, survey)?;
                Some(self.recorded(folder, &[(SURVEY_FILE, survey.name)]))
            }
            Recipe::Interpreter { root, path } => {
                let output = self.root(root);
                probe::interpreter(&mut self.graph, output, path, &root.plan)
            }
            Recipe::Installed { root, path } => {
                let output = self.root(root);
                let folder = probe::packages(&mut self.graph, output, path, &root.plan)?;
                Some(self.recorded(folder, &[(INSTALLED_FILE, INSTALLED_FILE)]))
            }
            Recipe::Lock(LockRecipe { plan: _, step }) => {
                let parents = step.parents();
                let ids: Vec<&str> = parents.iter().flat_map(|parent| parent.ids()).collect();
                // Without a parent, nothing of the base is part of the graph.
                let base = (!parents.is_empty()).then(|| self.some_steps(&ids));
                let folder = self.lock(step, base)?;
                let exported = step.exports_requirements().then_some((EXPORTED_FILE, EXPORTED_FILE));
                let files: Vec<_> = [(LOCK_FILE, LOCK_FILE)].into_iter().chain(exported).collect();
                Some(self.recorded(folder, &files))
            }
            Recipe::Collisions(plan) => {
                let groups = plan.steps.iter().filter(|step| step.is_compared());
                let compilers = groups.clone().filter_map(|step| Some((step, step.compiler()?)));
                let (first, compiler) = compilers.into_iter().next()?;
                let base = self.some_steps(&groups.map(|step| step.id.as_str()).collect::<Vec<_>>());
                let root = self.parent(&first.parent, base).unwrap_or(base);
                let folder = self.collisions(compiler, root)?;
                Some(self.recorded(folder, &[(COLLISIONS_FILE, COLLISIONS_FILE)]))
            }
        }
    }

    fn root(&mut self, RootRecipe { plan: _, step }: &'a RootRecipe) -> Output {
        match (step, &self.plan.below) {
            (Some(step), _) => {
                let base = self.some_steps(&[step]);
                self.tips.get(step.as_str()).map_or(base, |tip| tip.output)
            }
            (None, Some(below)) => self.finished(below),
            (None, None) => self.image(&self.plan.base),
        }
    }

    /// Lowers steps and the steps they are built on, and returns the base of all others.
    fn some_steps(&mut self, ids: &[&str]) -> Output {
        let plan = self.plan;
        let needed: Vec<String> = plan.with_ancestors(ids).into_iter().map(str::to_owned).collect();
        self.steps(|step| needed.contains(&step.id))
    }
}
