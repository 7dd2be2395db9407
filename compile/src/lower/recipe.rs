//! Graphs of parts of a plan: recipes of answers, and steps that are built before the plan is complete.

use buildkit_llb::{Graph, Output};
use imagespec::SourceMap;

use crate::lower::probe;
use crate::lower::{Lowering, lower};
use crate::outcome::{LockRecipe, Recipe, RootRecipe};
use crate::plan::Plan;

/// The graph of a recipe. Its result is a root filesystem to read from, or a folder with files
/// ([`LOCK_FILE`](crate::LOCK_FILE), [`INTERPRETER_FILE`](crate::INTERPRETER_FILE), [`INSTALLED_FILE`](crate::INSTALLED_FILE), [`COLLISIONS_FILE`](crate::COLLISIONS_FILE)).
/// `None` for an interpreter in an empty root filesystem.
#[must_use]
pub fn lower_recipe(recipe: &Recipe, sources: &SourceMap) -> Option<Graph> {
    match recipe {
        Recipe::Root(root) => Some(lower_root(root, sources)),
        Recipe::Interpreter { root, path } => {
            let plan = &root.plan;
            probe::interpreter(lower_root(root, sources), path, &plan.platform, &plan.common.base_config)
        }
        Recipe::Installed { root, path } => {
            let plan = &root.plan;
            probe::installed(lower_root(root, sources), path, &plan.platform, &plan.common.base_config)
        }
        Recipe::Lock(LockRecipe { plan, step }) => {
            let mut lowering = Lowering::new(plan, sources);
            let parents = step.parents();
            let ids: Vec<&str> = parents.iter().flat_map(|parent| parent.ids()).collect();
            // Without a parent, nothing of the base is part of the graph.
            let base = (!parents.is_empty()).then(|| lowering.some_steps(&ids));
            let folder = lowering.lock(step, base);
            Some(lowering.finish(folder))
        }
        Recipe::Collisions(plan) => {
            let groups = plan.steps.iter().filter(|step| step.is_compared());
            let compilers = groups.clone().filter_map(|step| Some((step, step.compiler()?)));
            let (first, compiler) = compilers.into_iter().next()?;
            let mut lowering = Lowering::new(plan, sources);
            let base = lowering.some_steps(&groups.map(|step| step.id.as_str()).collect::<Vec<_>>());
            let root = lowering.parent(&first.parent, base).unwrap_or(base);
            let folder = lowering.collisions(compiler, root);
            Some(lowering.finish(folder))
        }
    }
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

fn lower_root(RootRecipe { plan, step }: &RootRecipe, sources: &SourceMap) -> Graph {
    match (step, &plan.below) {
        (Some(step), _) => {
            let [graph] = lower_steps(plan, sources, &[step]).try_into().expect("one step, one graph");
            graph
        }
        (None, Some(below)) => lower(below, sources).graph,
        (None, None) => probe::base_root(&plan.base.reference, &plan.platform),
    }
}

impl<'a> Lowering<'a> {
    /// Lowers steps and the steps they are built on, and returns the base of all others.
    fn some_steps(&mut self, ids: &[&str]) -> Output {
        let plan = self.plan;
        let needed: Vec<String> = plan.with_ancestors(ids).into_iter().map(str::to_owned).collect();
        self.steps(|step| needed.contains(&step.id))
    }
}
