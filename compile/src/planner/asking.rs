//! Asking: how a pass reads answers, and what makes those that are results of steps.

use std::sync::Arc;

use crate::identity;
use crate::outcome::{Ask, Recipe, RootRecipe};
use crate::plan::{Action, ImageConfigPlan, Parent, Plan, Shape};
use crate::planner::apt::APT;
use crate::planner::base::Base;
use crate::planner::{Planner, chain};
use crate::question;
use crate::store::{AnyQuestion, Found, Question};

/// Which root filesystem of an image is looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The base image's.
    Base,
    /// The base image's with the spec's apt packages.
    Apt,
    /// One with the environment that a step made, whose interpreter is in no other.
    Python,
}

impl<'a> Planner<'a, '_> {
    /// The answer to a question. Without one it is asked, and one of an earlier build is to be confirmed; `recipe` says what makes
    /// the answer.
    pub(super) fn ask<Q: Question>(
        &mut self,
        question: Q,
        recipe: impl FnOnce(&Self) -> Option<Recipe>,
    ) -> Option<&'a Q::Answer> {
        let found = self.knowledge.find(&question);
        let question: AnyQuestion = question.into();
        if self.out.reads.insert(question.clone()) {
            let is_expected = match found {
                Found::Known(_) => None,
                Found::Expected(_) => Some(true),
                Found::Missing => Some(false),
            };
            if let Some(is_expected) = is_expected {
                let ask = Ask { question: question.clone(), recipe: recipe(self), is_expected, place: None };
                self.out.asks.insert(question, ask);
            }
        }
        match found {
            Found::Known(answer) | Found::Expected(answer) => Some(answer),
            Found::Missing => None,
        }
    }

    /// The text of a file in the base's root filesystem, if there is one; `None` until known.
    pub(super) fn base_file(&mut self, base: &Base, path: &str) -> Option<Option<&'a str>> {
        let question = question::RootfsFile { root: base.root.clone(), path: path.to_owned() };
        let answer = self.ask(question, |planner| planner.root_recipe(base, Stage::Base).map(Recipe::Root));
        answer.map(Option::as_deref)
    }

    /// A root filesystem; `None` while steps that it would be made of are not known.
    pub(super) fn root(&self, base: &Base, stage: Stage) -> Option<question::Root> {
        if stage == Stage::Base {
            return Some(base.root.clone());
        }
        let RootRecipe { plan, step } = self.root_recipe(base, stage)?;
        Some(question::Root::Steps { digest: identity::of_step(&plan, &step?) })
    }

    /// What makes a root filesystem.
    pub(super) fn root_recipe(&self, base: &Base, stage: Stage) -> Option<RootRecipe> {
        let makes_environment = |action: &Action| matches!(action, Action::Venv { .. } | Action::Conda { .. });
        let step = match stage {
            Stage::Base => None,
            Stage::Apt => Some(APT),
            Stage::Python => {
                let step = self.steps.iter().find(|step| makes_environment(&step.action));
                Some(step.map(|step| step.id.as_str())?)
            }
        };
        let is_known = step.is_none() || self.has_foundation;
        is_known.then(|| RootRecipe { plan: self.so_far(base), step: step.map(str::to_owned) })
    }

    /// The plan as far as it is known: what recipes are parts of.
    pub(super) fn so_far(&self, base: &Base) -> Arc<Plan> {
        let mut steps = self.steps.clone();
        if self.shape == Shape::Chain {
            chain(&mut steps);
        }
        Arc::new(self.assemble(base, steps, ImageConfigPlan::default(), Vec::new()))
    }

    /// Whether all is known that a step with this parent stands on.
    pub(super) fn can_stand_on(&self, parent: &Parent) -> bool {
        match parent {
            Parent::Base => self.has_owner,
            Parent::Step(_) | Parent::Joined(_) => self.has_foundation,
        }
    }
}
