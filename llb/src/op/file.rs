//! File: changes to a filesystem without running anything in it.
//!
//! The changes form a chain over one base; the result of the last one is the op's output. A copy may read what another
//! chain of the same op made. What one change looks like is in `action` and `copy`, whom a file belongs to in `owner`.

mod action;
mod copy;
mod owner;

use std::collections::BTreeMap;

use buildkit_proto::pb;

pub(crate) use action::Action;
pub use action::{MkDir, MkFile, Rm, Symlink};
pub(crate) use copy::Origin;
pub use copy::{Chmod, Copy, CopyFrom, Wildcard};
pub use owner::{Owner, User};

use super::InputList;
use crate::output::Output;

/// A chain of changes over a base (`FileOp`).
///
/// ```
/// use buildkit_llb::{Copy, File, GraphBuilder, LocalSource, MkDir, MkFile, Owner, Rm, Source};
///
/// let mut graph = GraphBuilder::new();
/// let context = graph.source(Source::local(LocalSource::new("context")));
/// let files = graph.file(
///     File::scratch()
///         .mkdir(MkDir::new("/srv", 0o755))
///         .mkfile(MkFile::new("/srv/motd", 0o644, "hello"))
///         .copy(Copy { owner: Some(Owner::id(1000, 1000)), ..Copy::new(context, "/src", "/srv/src") })
///         .rm(Rm::new("/srv/src/secrets").allowing_nothing()),
/// );
/// assert!(graph.finish(Some(files)).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub(crate) base: Option<Output>,
    /// Earlier ones first; a step refers to earlier ones only. The last one is the op's result.
    pub(crate) steps: Vec<Step>,
    /// What steps read, in wire order.
    inputs: Vec<Output>,
    /// Empty until the chain is an op: what a copy reads has none.
    pub(crate) filters: Vec<String>,
}

/// A [`File`] that only some workers may run.
///
/// The filters belong to the op, so [`File::copy`] does not copy from this: a chain of changes in another op has no worker
/// of its own.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile};
///
/// let mut graph = GraphBuilder::new();
/// let motd = File::scratch().mkfile(MkFile::new("/etc/motd", 0o644, "hello"));
/// let file = graph.file(motd.with_worker_filter("labels.zone==east"));
/// assert!(graph.finish(Some(file)).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilteredFile(pub(crate) File);

impl FilteredFile {
    /// Only workers that match this containerd filter too; part of the digest.
    #[must_use]
    pub fn with_worker_filter(mut self, filter: impl Into<String>) -> Self {
        self.0.filters.push(filter.into());
        self
    }
}

impl From<File> for FilteredFile {
    fn from(file: File) -> Self {
        Self(file)
    }
}

/// One change and what it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) action: Action,
    /// The step whose result it changes; without one, the base.
    pub(crate) after: Option<usize>,
    /// What its chain started from; owners' names are looked up there.
    pub(crate) base: Option<Output>,
}

impl File {
    /// Changes on top of a filesystem.
    #[must_use]
    pub fn on(base: Output) -> Self {
        Self::over(Some(base))
    }

    /// Changes that start from nothing.
    #[must_use]
    pub fn scratch() -> Self {
        Self::over(None)
    }

    /// Changes on top of a filesystem, or of nothing.
    #[must_use]
    pub fn over(base: Option<Output>) -> Self {
        Self { base, steps: Vec::new(), inputs: Vec::new(), filters: Vec::new() }
    }

    /// Copies files in.
    #[must_use]
    pub fn copy(mut self, mut copy: Copy) -> Self {
        // The copy comes after what it copies, and both after what was there before.
        let after = self.steps.len().checked_sub(1);
        self.read(self.base);
        if let Origin::Files(files) = copy.from.0 {
            copy.from.0 = self.append(*files);
        }
        self.push(Action::Copy(Box::new(copy)), after);
        self
    }

    /// Copies files in, one copy after the other, all from the end of one chain of changes, which is part of the op once. What the copies
    /// themselves read from has no meaning.
    ///
    /// ```
    /// use buildkit_llb::{Copy, File, GraphBuilder, MkFile};
    ///
    /// let made = File::scratch().mkfile(MkFile::new("/a", 0o644, "a"));
    /// let twice = ["/b", "/c"].map(|to| Copy::new(None, "/a", to));
    /// let mut graph = GraphBuilder::new();
    /// let copied = graph.file(File::scratch().copy_each(made, twice));
    /// let graph = graph.finish(Some(copied))?;
    /// assert_eq!(graph.dump().to_string().matches("mkfile").count(), 1);
    /// # Ok::<(), buildkit_llb::Violations>(())
    /// ```
    #[must_use]
    pub fn copy_each(mut self, from: File, copies: impl IntoIterator<Item = Copy>) -> Self {
        let mut after = self.steps.len().checked_sub(1);
        self.read(self.base);
        let origin = self.append(from);
        for mut copy in copies {
            copy.from.0 = origin.clone();
            self.push(Action::Copy(Box::new(copy)), after);
            after = self.steps.len().checked_sub(1);
        }
        self
    }

    /// Writes a file.
    #[must_use]
    pub fn mkfile(self, mkfile: MkFile) -> Self {
        self.then(Action::MkFile(mkfile))
    }

    /// Makes a directory.
    #[must_use]
    pub fn mkdir(self, mkdir: MkDir) -> Self {
        self.then(Action::MkDir(mkdir))
    }

    /// Removes a path.
    #[must_use]
    pub fn rm(self, rm: Rm) -> Self {
        self.then(Action::Rm(rm))
    }

    /// Makes a symbolic link.
    #[must_use]
    pub fn symlink(self, symlink: Symlink) -> Self {
        self.then(Action::Symlink(symlink))
    }

    /// Only workers that match this containerd filter; part of the digest.
    #[must_use]
    pub fn with_worker_filter(self, filter: impl Into<String>) -> FilteredFile {
        FilteredFile(self).with_worker_filter(filter)
    }

    /// One more step on top of the last one.
    pub(crate) fn then(mut self, action: Action) -> Self {
        let after = self.steps.len().checked_sub(1);
        self.push(action, after);
        self
    }

    fn push(&mut self, action: Action, after: Option<usize>) {
        let base = self.base;
        self.read(base);
        if let Action::Copy(copy) = &action
            && let Origin::Output(output) = copy.from.0
        {
            self.read(output);
        }
        self.steps.push(Step { action, after, base });
    }

    /// Takes the steps of another chain in; what to copy from its end.
    fn append(&mut self, files: Self) -> Origin {
        let offset = self.steps.len();
        let Self { base, steps, inputs, filters: _ } = files;
        if steps.is_empty() {
            return Origin::Output(base);
        }
        for input in inputs {
            self.read(Some(input));
        }
        for mut step in steps {
            step.after = step.after.map(|after| after + offset);
            if let Action::Copy(copy) = &mut step.action
                && let Origin::Step(from) = &mut copy.from.0
            {
                *from += offset;
            }
            self.steps.push(step);
        }
        Origin::Step(self.steps.len() - 1)
    }

    fn read(&mut self, input: Option<Output>) {
        if let Some(input) = input
            && !self.inputs.contains(&input)
        {
            self.inputs.push(input);
        }
    }

    pub(crate) fn shrink(&mut self) {
        self.steps.shrink_to_fit();
        self.inputs.shrink_to_fit();
    }

    pub(crate) fn inputs(&self) -> &[Output] {
        // A file op without steps is refused, but until then it still reads its base.
        if self.steps.is_empty() { self.base.as_slice() } else { &self.inputs }
    }

    /// The inputs in the order of Go's walk: from the last step backwards, each step's base before what it copies
    /// (`client/llb/fileop.go`, `allOutputs`).
    pub(crate) fn walk(&self) -> Vec<Output> {
        let mut walk = InputList::default();
        // Steps may share what they follow; once is enough.
        let mut seen = vec![false; self.steps.len()];
        let mut stack: Vec<usize> = self.steps.len().checked_sub(1).into_iter().collect();
        while let Some(index) = stack.pop() {
            let (Some(step), Some(seen)) = (self.steps.get(index), seen.get_mut(index)) else { continue };
            if std::mem::replace(seen, true) {
                continue;
            }
            walk.index(step.base);
            stack.extend(step.after);
            if let Action::Copy(copy) = &step.action {
                match copy.from.0 {
                    Origin::Output(output) => {
                        walk.index(output);
                    }
                    Origin::Step(from) => stack.push(from),
                    Origin::Files(_) => {}
                }
            }
        }
        // An op of another client may list inputs that no step of the result reads.
        for input in self.inputs() {
            walk.index(Some(*input));
        }
        walk.into_vec()
    }

    /// The op with every input replaced.
    pub(crate) fn map_inputs(&self, map: impl Fn(Output) -> Output) -> Self {
        let mut file = self.clone();
        file.base = file.base.map(&map);
        let mut inputs = InputList::default();
        for input in &self.inputs {
            inputs.index(Some(map(*input)));
        }
        file.inputs = inputs.into_vec();
        for step in &mut file.steps {
            step.base = step.base.map(&map);
            if let Action::Copy(copy) = &mut step.action
                && let Origin::Output(output) = &mut copy.from.0
            {
                *output = output.map(&map);
            }
        }
        file
    }

    /// Starts the chain of the result, and nothing else in the op, from another base.
    pub(crate) fn set_base(&mut self, base: Output) {
        let mut at = self.steps.len().checked_sub(1);
        while let Some(step) = at.and_then(|index| self.steps.get_mut(index)) {
            step.base = Some(base);
            at = step.after;
        }
        self.base = Some(base);
        self.collect_inputs();
    }

    /// Collects again what the steps read.
    pub(crate) fn collect_inputs(&mut self) {
        let mut inputs = InputList::default();
        for step in &self.steps {
            inputs.index(step.base);
            if let Action::Copy(copy) = &step.action
                && let Origin::Output(output) = copy.from.0
            {
                inputs.index(output);
            }
        }
        self.inputs = inputs.into_vec();
    }

    pub(crate) fn to_pb(&self) -> pb::FileOp {
        let inputs = self.inputs();
        let positions: BTreeMap<Output, i64> = inputs.iter().copied().zip(0..).collect();
        let index = |output: Option<Output>| output.and_then(|output| positions.get(&output).copied()).unwrap_or(-1);
        let result = |step: usize| (inputs.len() + step) as i64;
        let last = self.steps.len().saturating_sub(1);
        let actions = self.steps.iter().enumerate().map(|(position, Step { action, after, base })| {
            let base = index(*base);
            let secondary_input = match action {
                Action::Copy(copy) => match copy.from.0 {
                    Origin::Output(output) => index(output),
                    Origin::Step(step) => result(step),
                    Origin::Files(_) => -1,
                },
                Action::MkFile(_) | Action::MkDir(_) | Action::Rm(_) | Action::Symlink(_) => -1,
            };
            pb::FileAction {
                input: after.map_or(base, result),
                secondary_input,
                output: if position == last { 0 } else { -1 },
                action: Some(action.to_pb(base)),
            }
        });
        pb::FileOp { actions: actions.collect() }
    }

    /// The op in a wire message, as far as this type can express it; the caller compares the bytes. `None` for the impossible.
    pub(crate) fn from_pb(op: &pb::FileOp, inputs: &[Output], filters: Vec<String>) -> Option<Self> {
        let mut steps: Vec<Step> = Vec::new();
        // An index names nothing, an input of the op, or the result of an earlier step.
        enum Operand {
            Output(Option<Output>),
            Step(usize),
        }
        let operand = |index: i64, steps: &[Step]| {
            let Ok(index) = usize::try_from(index) else {
                return (index == -1).then_some(Operand::Output(None));
            };
            match index.checked_sub(inputs.len()) {
                None => inputs.get(index).map(|output| Operand::Output(Some(*output))),
                Some(step) => (step < steps.len()).then_some(Operand::Step(step)),
            }
        };
        for action in &op.actions {
            let (after, base) = match operand(action.input, &steps)? {
                Operand::Output(base) => (None, base),
                Operand::Step(step) => (Some(step), steps.get(step)?.base),
            };
            let from = match operand(action.secondary_input, &steps)? {
                Operand::Output(output) => Origin::Output(output),
                Operand::Step(step) => Origin::Step(step),
            };
            steps.push(Step { action: Action::from_pb(action.action.as_ref()?, from)?, after, base });
        }
        let base = steps.last()?.base;
        Some(Self { base, steps, inputs: inputs.to_vec(), filters })
    }
}
