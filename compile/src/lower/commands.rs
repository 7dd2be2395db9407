//! The op of the commands step: the user's own shell text, which is the only one.

use buildkit_llb::Output;
use imagespec::Bytecode;

use crate::lower::Lowering;
use crate::lower::python::with_bytecode;
use crate::plan::Step;

impl Lowering<'_> {
    pub(super) fn commands(
        &mut self,
        step: &Step,
        parent: Output,
        arguments: &[String],
        bytecode: Bytecode,
        env: &[(String, String)],
    ) -> Output {
        let mut exec = self.exec(arguments.iter().cloned(), parent);
        if self.plan.uv.is_some() {
            let cache = self.private_cache("uv", step);
            exec = with_bytecode(self.with_cache(exec, &cache), bytecode);
        }
        // The spec's variables come last, because a user who sets `UV_…` wants to override the default.
        let mut exec = exec.with_envs(env.iter().cloned());
        if self.plan.uv.is_some() {
            let path = env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, path)| path);
            exec = exec.with_env("PATH", format!("{path}:{}/bin", crate::fixed::MOUNTS));
        }
        let exec = self.with_ca_bundle(exec);
        self.step_exec(step, exec).root().unwrap_or(parent)
    }
}
