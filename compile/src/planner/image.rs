//! What the image says of itself, and the user's commands, which see the same environment.

use std::collections::BTreeMap;

use crate::env::Env;
use crate::plan::{Action, ImageConfigPlan, Parent, Step};
use crate::planner::{Base, Planner, items};

impl Planner<'_> {
    /// The image's whole environment: the base's, the Python environment's, the spec's.
    pub(super) fn environment(&self, base: &Base, has_environment: bool) -> Env {
        let mut env = base.env.clone();
        if has_environment {
            let bin = format!("{}/bin", crate::ENVIRONMENT);
            // A base that has the environment already has it first on PATH, as a rule.
            let path = match env.path().split(':').next() {
                Some(first) if first == bin => env.path().to_owned(),
                _ => format!("{bin}:{}", env.path()),
            };
            env = env.with("PATH", path).with("VIRTUAL_ENV", crate::ENVIRONMENT);
        }
        env.with("PYTHONPATH", "/root").with_spec(&self.document.spec.env)
    }

    /// The spec's variables that an install step sees, with the values they have in the image: `PATH: /opt/tool/bin:$PATH` is of
    /// use to a compiler only when it is expanded.
    pub(super) fn install_env(&self, base: &Base, is_seen: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
        let env = self.environment(base, self.wants_python());
        let names = self.document.spec.env.keys().filter(|name| is_seen(name));
        names.filter_map(|name| Some((name.clone(), env.get(name)?.to_owned()))).collect()
    }

    pub(super) fn image_config(&self, base: &Base, has_environment: bool) -> ImageConfigPlan {
        let spec = &self.document.spec;
        let env = self.environment(base, has_environment);
        let mut labels = spec.builder_options.labels.clone();
        labels.extend(self.settings.labels.clone());
        ImageConfigPlan {
            env: env.to_pairs(),
            workdir: "/root".to_owned(),
            user: self.final_user(base),
            entrypoint: spec.entrypoint.clone(),
            labels,
        }
    }

    /// The image's working directory must be the final user's; root has it already.
    pub(super) fn own_home(&self, base: &Base) -> Option<Step> {
        let owner = self.final_user(base);
        let user = owner.split(':').next().unwrap_or_default();
        if matches!(user, "" | "root" | "0") {
            return None;
        }
        let title = self.title("user", &format!("give /root to {owner}"));
        let is_asked = self.document.spec.builder_options.user.is_some();
        let fields = if is_asked { vec!["builder_options.user".to_owned()] } else { Vec::new() };
        Some(self.step("user", title, Parent::Base, Action::OwnHome { owner }, fields))
    }

    pub(super) fn commands(&self, image: &ImageConfigPlan, below: &[Step]) -> Option<Step> {
        let commands = &self.document.spec.commands;
        if commands.is_empty() {
            return None;
        }
        let title = match commands.as_slice() {
            [one] => one.lines().next().unwrap_or_default().to_owned(),
            many => format!("{} commands", many.len()),
        };
        let bytecode = self.document.spec.builder_options.bytecode;
        let action = Action::Commands { script: script(commands), bytecode, env: image.env.clone() };
        let title = self.title("commands", &title);
        let below = below.iter().map(|step| step.id.clone()).collect();
        Some(self.step("commands", title, Parent::Joined(below), action, items("commands", commands.len())))
    }
}

/// All commands as one script: each goes on where the one before left the shell, and the first that fails is the last.
///
/// Each is a group of its own. Bare, `make` and `a || b` would run `b` after a `make` that failed, a comment at the end of one
/// would swallow the rest, and a here-document would not end.
fn script(commands: &[String]) -> String {
    match commands {
        [one] => one.clone(),
        many => many.iter().map(|command| format!("{{ {command}\n}}")).collect::<Vec<_>>().join(" && "),
    }
}
