//! How a pass reads answers, and the recipes of those that are results of steps.

use std::sync::Arc;

use imagespec::field;

use crate::answer::SurveyFact;
use crate::identity;
use crate::outcome::{Ask, Recipe, Record, RootRecipe, SurveyRecipe};
use crate::plan::{Action, ImageConfigPlan, Parent, Plan, Shape};
use crate::planner::apt::APT;
use crate::planner::base::Base;
use crate::planner::{Planner, chain};
use crate::question;
use crate::store::{AnyQuestion, Found, Question};

/// A root filesystem of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The base image's.
    Base,
    /// The base image's with the spec's apt packages.
    Apt,
    /// The one with the environment that a step creates, if its interpreter is in no other.
    Python,
}

impl<'a> Planner<'a, '_> {
    /// The answer to a question. A missing answer is asked for; one of an earlier build is marked to be confirmed. `recipe` describes how
    /// to find the answer.
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

    /// The answer to a question whose recipe results in a file. The file becomes part of the image if `has_result` says so: a step that
    /// failed must not be part of it.
    pub(super) fn ask_recorded<Q: Question>(
        &mut self,
        question: Q,
        has_result: impl FnOnce(&Q::Answer) -> bool,
        recipe: impl Fn(&Self) -> Option<Recipe>,
    ) -> Option<&'a Q::Answer> {
        let answer = self.ask(question.clone(), &recipe)?;
        if has_result(answer) {
            self.record(question.into(), |planner| recipe(planner).map(Record::Answer));
        }
        Some(answer)
    }

    /// Makes what was read a part of the image, unless images are chains, in which a result must not depend on what is planned later.
    pub(super) fn record(&mut self, question: AnyQuestion, record: impl FnOnce(&Self) -> Option<Record>) {
        if self.shape == Shape::Merge && !self.records.iter().any(|(known, _)| *known == question) {
            let record = record(self).map(|record| (question, record));
            self.records.extend(record);
        }
    }

    /// What is in a root filesystem. The inner `None` means that it has no shell; the outer one that this is not known yet.
    pub(super) fn survey(&mut self, base: &Base, stage: Stage) -> Option<Option<&'a SurveyFact>> {
        let question = self.survey_question(base, stage)?;
        let recipe = |planner: &Self| {
            let question::Survey { root: _, folders, program } = planner.survey_question(base, stage)?;
            let name = match stage {
                Stage::Base => "base",
                Stage::Apt => "apt",
                Stage::Python => "python",
            };
            let root = planner.root_recipe(base, stage)?;
            Some(Recipe::Survey(SurveyRecipe { root, folders, program, name }))
        };
        self.ask_recorded(question, Option::is_some, recipe).map(Option::as_ref)
    }

    /// What is known of the base.
    pub(super) fn look_at_base(&self, base: &Base) -> Option<&'a SurveyFact> {
        self.knowledge.look(&self.survey_question(base, Stage::Base)?)?.as_ref()
    }

    fn survey_question(&self, base: &Base, stage: Stage) -> Option<question::Survey> {
        let (folders, program) = match stage {
            Stage::Base | Stage::Apt => {
                (base.program_folders(), self.specs().value(field::PYTHON_EXEC).map(str::to_owned))
            }
            Stage::Python => (Vec::new(), Some(self.home(base).python())),
        };
        Some(question::Survey { root: self.root(base, stage)?, folders, program })
    }

    /// The text of a file of the base's root filesystem, if it exists; the outer `None` means not known yet.
    pub(super) fn base_file(&mut self, base: &Base, path: &str) -> Option<Option<&'a str>> {
        if let Some(survey) = self.survey(base, Stage::Base)? {
            return Some(survey.files.get(path).map(String::as_str));
        }
        let question = question::RootfsFile { root: base.root.clone(), path: path.to_owned() };
        let answer = self.ask(question, |planner| planner.root_recipe(base, Stage::Base).map(Recipe::Root));
        answer.map(Option::as_deref)
    }

    /// A root filesystem; `None` while a step that it results from is not known.
    pub(super) fn root(&self, base: &Base, stage: Stage) -> Option<question::Root> {
        if stage == Stage::Base {
            return Some(base.root.clone());
        }
        let RootRecipe { plan, step } = self.root_recipe(base, stage)?;
        Some(question::Root::Steps { digest: identity::step_digest(&plan, &step?) })
    }

    /// The recipe of a root filesystem.
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
        is_known.then(|| RootRecipe { plan: self.partial_plan(base), step: step.map(str::to_owned) })
    }

    /// The plan as far as known, of which recipes are parts.
    pub(super) fn partial_plan(&self, base: &Base) -> Arc<Plan> {
        let mut steps = self.steps.clone();
        if self.shape == Shape::Chain {
            chain(&mut steps);
        }
        Arc::new(self.assemble(base, steps, ImageConfigPlan::default(), Vec::new()))
    }

    /// Whether everything below a step with this parent is known.
    pub(super) fn can_stand_on(&self, parent: &Parent) -> bool {
        match parent {
            Parent::Nothing => true,
            Parent::Base => self.has_owner,
            Parent::Step(_) | Parent::Joined(_) => self.has_foundation,
        }
    }
}
