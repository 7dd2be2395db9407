//! Fallbacks of file ops: patterns moved to the source, links made by the base's own `ln`.

use buildkit_proto::caps::llb as cap;
use buildkit_proto::keys::attr;

use super::Lowering;
use crate::op::Op;
use crate::op::exec::{Exec, Network};
use crate::op::file::{Action, Chmod, Copy, File, Origin, Owner, Symlink, User};
use crate::op::source::{Source, json_list};
use crate::output::{OpId, Output};

impl Lowering<'_> {
    pub(super) fn file(&mut self, id: OpId, mut file: File) -> Output {
        let mut moved = false;
        for step in &mut file.steps {
            let Action::Copy(copy) = &mut step.action else { continue };
            if !self.has(cap::FILE_COPY_INCLUDEEXCLUDEPATTERNS) {
                moved |= self.move_patterns(id, copy);
            }
            if let Some(Chmod::Symbolic(words)) = &copy.mode
                && !self.has(cap::EXEC_VALIDEXITCODE)
                && let Some(bits) = u32::from_str_radix(words, 8).ok().filter(|bits| *bits <= 0o7777)
            {
                copy.mode = Some(Chmod::Bits(bits));
            }
        }
        if moved {
            file.collect_inputs();
        }
        let links = file.steps.iter().any(|step| matches!(step.action, Action::Symlink(_)));
        if links
            && !self.has(cap::FILE_SYMLINK_CREATE)
            && let Some(linked) = self.with_links(id, &file)
        {
            return linked;
        }
        self.plain(id, Op::File(file))
    }

    /// A whole local directory can be filtered where it is read; returns whether this one was.
    fn move_patterns(&mut self, id: OpId, copy: &mut Copy) -> bool {
        if copy.include.is_empty() && copy.exclude.is_empty() {
            return false;
        }
        let Origin::Output(Some(output)) = copy.from.0 else { return false };
        let Some(Op::Source(source)) = self.builder.op(output.op) else { return false };
        let own = [attr::LOCAL_INCLUDEPATTERN, attr::LOCAL_EXCLUDEPATTERNS, attr::LOCAL_FOLLOWPATHS];
        if copy.src != "/" || source.scheme() != "local" || own.iter().any(|attr| source.attrs.contains_key(*attr)) {
            return false;
        }
        let mut source: Source = source.clone();
        for (attr, patterns) in
            [(attr::LOCAL_INCLUDEPATTERN, &mut copy.include), (attr::LOCAL_EXCLUDEPATTERNS, &mut copy.exclude)]
        {
            if !patterns.is_empty() {
                source.attrs.insert(attr.to_owned(), json_list(std::mem::take(patterns)));
            }
        }
        let filtered = Output { op: self.builder.insert(Op::Source(source)), index: 0 };
        if let Some(note) = self.builder.note(output.op).cloned() {
            self.builder.annotate(filtered.op, note);
        }
        copy.from.0 = Origin::Output(Some(filtered));
        self.change(id, cap::FILE_COPY_INCLUDEEXCLUDEPATTERNS, "the local source has the patterns");
        true
    }

    /// The steps with an exec for each link; `None` where there is nothing to run `ln` in.
    fn with_links(&mut self, id: OpId, file: &File) -> Option<Output> {
        let chained = |(position, step): (usize, &crate::op::file::Step)| step.after == position.checked_sub(1);
        let timed = |action: &Action| matches!(action, Action::Symlink(Symlink { timestamp: Some(_), .. }));
        if !file.steps.iter().enumerate().all(chained) || file.steps.iter().any(|step| timed(&step.action)) {
            return None;
        }
        let platform = self.platform_of(file.base?)?;
        let filtered = |base| {
            let mut files = File::on(base);
            files.filters.clone_from(&file.filters);
            files
        };
        let mut files = filtered(file.base?);
        for step in &file.steps {
            let Action::Symlink(Symlink { target, link, owner, timestamp: _ }) = &step.action else {
                files = files.then(step.action.clone());
                continue;
            };
            let base = if files.steps.is_empty() { files.base? } else { self.plain(id, Op::File(files)) };
            let args = match owner {
                None => vec!["ln", "-s", "--", target, link].into_iter().map(str::to_owned).collect(),
                Some(owner) => {
                    let script = r#"ln -s -- "$1" "$2" && chown -h -- "$3" "$2""#;
                    let words = ["/bin/sh", "-c", script, "sh", target, link].map(str::to_owned);
                    [words.to_vec(), vec![colon(owner)]].concat()
                }
            };
            let exec = Exec::new(args, base, platform.clone()).with_network(Network::None);
            let outputs = self.exec(id, exec, Vec::new());
            self.change(id, cap::FILE_SYMLINK_CREATE, "the base's ln makes the link");
            files = filtered(outputs.first()?.1);
        }
        if files.steps.is_empty() { files.base } else { Some(self.plain(id, Op::File(files))) }
    }
}

/// As `chown` reads it.
fn colon(owner: &Owner) -> String {
    let name = |user: &User| match user {
        User::Named(name) => name.clone(),
        User::Id(id) => id.to_string(),
    };
    match &owner.group {
        Some(group) => format!("{}:{}", name(&owner.user), name(group)),
        None => name(&owner.user),
    }
}
