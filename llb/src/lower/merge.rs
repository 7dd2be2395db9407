//! Fallback of merges: their branches one after the other.
//!
//! A diff cannot be taken out of a chain afterwards, but what made it can be done again on top of something else.

use std::collections::BTreeMap;

use buildkit_proto::caps::llb as cap;

use super::Lowering;
use crate::op::Op;
use crate::op::diff::Diff;
use crate::op::file::{Copy, File};
use crate::op::merge::Merge;
use crate::output::{OpId, Output};

impl Lowering<'_> {
    pub(super) fn merge(&mut self, id: OpId, merge: &Merge) {
        let inputs = merge.inputs();
        if inputs.iter().any(|input| self.waits.contains_key(input)) {
            self.lack(id, cap::PASSTHROUGHOP);
        }
        let is_diff = |input: &Output| matches!(self.graph.op(input.op), Some(Op::Diff(_)));
        let missing = if !self.has(cap::MERGEOP) {
            cap::MERGEOP
        } else if !self.has(cap::DIFFOP) && inputs.iter().any(is_diff) {
            cap::DIFFOP
        } else {
            let mapped: BTreeMap<_, _> =
                inputs.iter().filter_map(|input| Some((*input, self.input(*input)?))).collect();
            let map = |input| mapped.get(&input).copied().unwrap_or(input);
            let lowered = self.op(id, &Op::Merge(merge.clone()), &map);
            return self.outputs.extend(lowered);
        };
        // What is there so far, and which output of the graph that is, if it is one.
        let mut layers = inputs.into_iter();
        let Some(lowest) = layers.next() else { return };
        let Some(mut done) = self.input(lowest) else { return };
        let mut is = Some(lowest);
        for layer in layers {
            let diff = match self.graph.op(layer.op) {
                Some(Op::Diff(diff)) => Some(diff.clone()),
                _ => None,
            };
            match diff {
                Some(Diff { lower: Some(lower), upper: Some(upper), .. }) => {
                    let (next, next_is) = if is == Some(lower) {
                        (self.input(upper), Some(upper))
                    } else {
                        (self.redo(lower, upper, done), None)
                    };
                    let Some(next) = next else { return self.lack(layer.op, cap::DIFFOP) };
                    (done, is) = (next, next_is);
                }
                // A copy cannot remove everything.
                Some(Diff { upper: None, .. }) => return self.lack(layer.op, cap::DIFFOP),
                Some(Diff { lower: None, upper: Some(upper), .. }) => {
                    let Some(upper) = self.input(upper) else { return };
                    (done, is) = (self.copy_over(id, done, upper), None);
                }
                None => {
                    let Some(layer) = self.input(layer) else { return };
                    (done, is) = (self.copy_over(id, done, layer), None);
                }
            }
        }
        self.change(id, missing, "the branches are built one after the other");
        self.outputs.insert(Output { op: id, index: 0 }, done);
    }

    fn copy_over(&mut self, id: OpId, below: Output, above: Output) -> Output {
        let copy = Copy { contents_only: true, create_dest_path: true, ..Copy::new(above, "/", "/") };
        self.plain(id, Op::File(File::on(below).copy(copy)))
    }

    /// Does again, on top of `base`, what turned `lower` into `upper`; `None` if that is not a chain of ops.
    fn redo(&mut self, lower: Output, upper: Output, base: Output) -> Option<Output> {
        let graph = self.graph;
        let mut chain = Vec::new();
        let mut at = upper;
        // Inputs are earlier ops, so this ends.
        while at != lower {
            let op = graph.op(at.op)?;
            let below = match op {
                Op::Exec(exec) => exec.output_input(at.index)?,
                Op::File(file) => file.base?,
                _ => return None,
            };
            chain.push((at, below, op));
            at = below;
        }
        let mut done = base;
        for (output, below, op) in chain.into_iter().rev() {
            let mut mapped = BTreeMap::new();
            for input in op.inputs() {
                // What is changed is looked up below; the rest has to be there.
                if input != below {
                    mapped.insert(input, self.input(input)?);
                }
            }
            mapped.extend(self.outputs.get(&below).map(|stands| (below, *stands)));
            let map = |input| mapped.get(&input).copied().unwrap_or(input);
            let made = match op {
                Op::Exec(exec) => {
                    let mut exec = (**exec).clone();
                    let dest = exec.output_mounts().nth(output.index as usize)?.dest().to_owned();
                    exec.map_inputs(map);
                    exec.set_input(&dest, done);
                    let waits = self.waits(op);
                    self.exec(output.op, exec, waits)
                }
                Op::File(file) => {
                    let mut file = file.map_inputs(map);
                    file.set_base(done);
                    vec![(output, self.file(output.op, file))]
                }
                _ => return None,
            };
            done = made.into_iter().find(|(known, _)| *known == output)?.1;
        }
        Some(done)
    }
}
