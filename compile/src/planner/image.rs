//! The image config, and the user's commands, which run with the same environment.

use std::collections::BTreeMap;

use imagespec::field;

use crate::commands;
use crate::env::Env;
use crate::plan::{Action, ImageConfigPlan, Parent, Step};
use crate::planner::base::Base;
use crate::planner::{Planner, items};
use crate::rules;

/// The variable with the runtime packages (`flytekit/bin/entrypoint.py`).
const RUNTIME_PACKAGES: &str = "_F_RUNTIME_PACKAGES";

/// The variable with the image's id (`flytekit/image_spec/image_spec.py`, `is_container`).
const IMAGE_ID: &str = "_F_IMG_ID";

/// The program that installs runtime packages if the entrypoint does not.
const ENTRY: &str = "/usr/local/bin/imagespec-entry";
const ENTRY_SCRIPT: &str = include_str!("entry.sh");

impl Planner<'_, '_> {
    /// The complete environment of the image: the base's, the Python environment's, the specs'.
    pub(super) fn environment(&self, base: &Base, has_environment: bool) -> Env {
        self.with_variables(self.environment_below(base, has_environment)).0
    }

    /// The environment without the specs' variables.
    fn environment_below(&self, base: &Base, has_environment: bool) -> Env {
        let mut env = base.env.clone();
        if has_environment {
            let home = self.home(base);
            let bin = home.bin();
            // A base that already has the environment usually has it first on PATH.
            let path = match env.path().split(':').next() {
                Some(first) if first == bin => env.path().to_owned(),
                _ => format!("{bin}:{}", env.path()),
            };
            env = env.with("PATH", path).with(home.variable, home.path);
        }
        if self.specs().is_flyte() {
            env = self.flyte_environment(base, env, has_environment);
        }
        env
    }

    /// An environment with the specs' variables; and the paths of values that cannot be expanded, with the reasons. A value refers to the
    /// base's `PYTHONPATH`, as in Flytekit's images.
    fn with_variables(&self, env: Env) -> (Env, Vec<(String, String)>) {
        let mut defaults = [("PYTHONPATH", "/root")].as_slice();
        let (mut env, mut wrong) = (env, Vec::new());
        for level in self.specs().levels() {
            let (with, of_level) = env.with_spec(std::mem::take(&mut defaults), level.spec.env());
            wrong.extend(of_level.into_iter().map(|(name, why)| (format!("{}env.{name}", level.prefix), why)));
            env = with;
        }
        (env, wrong)
    }

    /// Reports values of variables that cannot be expanded.
    pub(super) fn check_variables(&mut self, base: &Base, has_environment: bool) {
        let (_, wrong) = self.with_variables(self.environment_below(base, has_environment));
        for (field, why) in wrong {
            let name = field.rsplit_once("env.").map_or("", |(_, name)| name);
            let help = "references are written as in the `ENV` of a Dockerfile; `\\$` is a dollar sign";
            self.problem(&rules::ENV_VALUE, format!("the value of {name} {why}"), &[&field], help);
        }
    }

    /// The specs' variables for an install step, with their values in the image: `PATH: /opt/tool/bin:$PATH` is useful to a compiler only
    /// after expansion.
    pub(super) fn install_env(&self, base: &Base, is_seen: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
        let env = self.environment(base, self.specs().wants_python());
        let specs = self.specs();
        let names = specs.levels().iter().flat_map(|level| level.spec.env().keys()).filter(|name| is_seen(name));
        names.filter_map(|name| Some((name.clone(), env.get(name)?.to_owned()))).collect()
    }

    pub(super) fn image_config(&self, base: &Base, has_environment: bool, libraries: &[String]) -> ImageConfigPlan {
        let specs = self.specs();
        let mut env = self.environment(base, has_environment);
        if !libraries.is_empty() {
            let known = env.get("LD_LIBRARY_PATH").map(str::to_owned);
            let all = known.into_iter().chain(libraries.iter().cloned()).filter(|path| !path.is_empty());
            env = env.with("LD_LIBRARY_PATH", all.collect::<Vec<_>>().join(":"));
        }
        if specs.is_flyte() {
            env = flyte_paths(env);
        }
        let packages = self.runtime_packages();
        if !packages.is_empty() {
            env = env.with(RUNTIME_PACKAGES, packages.join(" "));
        }
        if specs.is_flyte() {
            // Last, as in Flytekit's builder.
            let id = self.settings.image_id.clone().unwrap_or_else(|| self.part.spec.id());
            env = env.without(IMAGE_ID).with(IMAGE_ID, id);
        }
        let mut labels = BTreeMap::new();
        for level in specs.levels() {
            labels.extend(level.spec.builder_options().labels().clone());
        }
        labels.extend(self.settings.labels.clone());
        let mut entrypoint = specs.value(field::ENTRYPOINT).map(<[String]>::to_vec);
        if !packages.is_empty() && !specs.is_flyte() {
            let words = |name: &str| {
                let words = base.config["config"][name].as_array().into_iter().flatten();
                words.filter_map(|word| word.as_str()).map(str::to_owned).collect::<Vec<_>>()
            };
            let rest = entrypoint.unwrap_or_else(|| words("Entrypoint"));
            entrypoint = Some([ENTRY.to_owned()].into_iter().chain(rest).collect());
        }
        ImageConfigPlan {
            env: env.to_pairs(),
            workdir: "/root".to_owned(),
            user: self.final_user(base),
            // The base's arguments are for the base's entrypoint, which still runs.
            keep_cmd: !packages.is_empty() && specs.value(field::ENTRYPOINT).is_none(),
            entrypoint,
            labels,
        }
    }

    /// Requirement lines that are installed when a container starts.
    pub(super) fn runtime_packages(&self) -> Vec<String> {
        let specs = self.specs();
        specs.items(field::RUNTIME_PACKAGES).into_iter().map(|(_, line)| line.text().to_owned()).collect()
    }

    /// The step that adds the program for runtime packages, if Flytekit's entrypoint does not install them.
    pub(super) fn entry(&self) -> Option<Step> {
        if self.runtime_packages().is_empty() || self.specs().is_flyte() {
            return None;
        }
        let fields = self.specs().fields(field::RUNTIME_PACKAGES);
        let title = self.title("entry", "install runtime packages when a container starts");
        let action = Action::WriteFile {
            path: ENTRY.to_owned(),
            mode: 0o755,
            text: ENTRY_SCRIPT.to_owned(),
            owner: String::new(),
        };
        Some(self.step("entry", title, Parent::Base, action, fields))
    }

    pub(super) fn commands(&self, base: &Base, image: &ImageConfigPlan, below: &[Step]) -> Option<Step> {
        let commands = self.part.spec.commands();
        if commands.is_empty() {
            return None;
        }
        let title = match commands {
            [one] => one.lines().next().unwrap_or_default().to_owned(),
            many => format!("{} commands", many.len()),
        };
        let bytecode = self.specs().bytecode();
        let shell = base.config["config"]["Shell"].as_array().into_iter().flatten();
        let shell: Vec<String> = shell.filter_map(|word| word.as_str()).map(str::to_owned).collect();
        let arguments = commands::arguments(&shell, commands);
        let action = Action::Commands { arguments, bytecode, env: image.env.clone() };
        let title = self.title("commands", &title);
        let below = below.iter().map(|step| step.id.clone()).collect();
        Some(self.step("commands", title, Parent::Joined(below), action, items("commands", commands.len())))
    }

    /// The variables that Flytekit's builder sets before the spec's own.
    fn flyte_environment(&self, base: &Base, env: Env, has_environment: bool) -> Env {
        let env = if has_environment { env.with("UV_PYTHON", self.home(base).python()) } else { env };
        env.with("UV_COMPILE_BYTECODE", "1")
            .with("UV_LINK_MODE", "copy")
            .with("FLYTE_SDK_RICH_TRACEBACKS", "0")
            .with("SSL_CERT_DIR", "/etc/ssl/certs")
    }
}

/// Appends the folders in which Flytekit's images look for a GPU's programs and libraries. There is no empty entry at the end, which
/// would be the working directory for the dynamic linker.
fn flyte_paths(env: Env) -> Env {
    let path = format!("{}:/usr/local/nvidia/bin:/usr/local/cuda/bin", env.path());
    let libraries = match env.get("LD_LIBRARY_PATH") {
        Some(known) if !known.is_empty() => format!("/usr/local/nvidia/lib64:{known}"),
        _ => "/usr/local/nvidia/lib64".to_owned(),
    };
    env.with("PATH", path).with("LD_LIBRARY_PATH", libraries)
}
