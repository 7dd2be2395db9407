//! The user step's op.

use buildkit_llb::Output;

use crate::lower::Lowering;
use crate::plan::Step;

impl Lowering<'_> {
    pub(super) fn own_home(&mut self, step: &Step, parent: Output, owner: &str) -> Output {
        let outputs = self.graph.exec(self.exec(["chown", "--", owner, "/root"], parent));
        self.annotate(step, outputs.op());
        outputs.root().unwrap_or(parent)
    }
}
