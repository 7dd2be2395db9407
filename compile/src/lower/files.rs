//! The copy steps' ops.

use buildkit_llb::{Copy, File, LocalSource, Note, Output, Owner, Source, User};

use crate::lower::Lowering;
use crate::plan::{CopyItem, LocalFilter, Step};

/// The name of the build context, which is the same for all clients.
const CONTEXT: &str = "context";

impl Lowering<'_> {
    pub(super) fn copy(
        &mut self,
        step: &Step,
        parent: Output,
        filter: &LocalFilter,
        items: &[CopyItem],
        owner: &str,
    ) -> Output {
        let local = self.graph.source(Source::local(local_source(filter, self.common.session.as_deref())));
        self.graph.annotate(local.op(), Note::named(self.named("internal", "load build context")));
        let file = items.iter().fold(File::on(parent), |file, CopyItem { from, to }| {
            let from = if from == "." { "/".to_owned() } else { format!("/{from}") };
            file.copy(Copy {
                owner: chown(owner),
                contents_only: true,
                // As in a Dockerfile, a copied link is replaced by its target; links inside copied folders stay links.
                follow_symlink: true,
                create_dest_path: true,
                ..Copy::new(local, from, to)
            })
        });
        let output = self.graph.file(file);
        self.annotate(step, output.op());
        output
    }
}

/// The context as the source of a step.
pub(crate) fn local_source(filter: &LocalFilter, session: Option<&str>) -> LocalSource {
    LocalSource {
        session: session.map(str::to_owned),
        include: filter.include.clone(),
        exclude: filter.exclude.clone(),
        follow: filter.follow.clone(),
        shared_key_hint: Some(filter.hint.clone()),
        ..LocalSource::new(CONTEXT)
    }
}

/// `user[:group]` as an owner. `None` for root, the owner of files from a client.
pub(super) fn chown(owner: &str) -> Option<Owner> {
    let named = |text: &str| match text.parse() {
        Ok(id) => User::Id(id),
        Err(_) => User::Named(text.to_owned()),
    };
    let (user, group) = owner.split_once(':').map_or((owner, None), |(user, group)| (user, Some(group)));
    match user {
        "" => None,
        user => Some(Owner { user: named(user), group: group.filter(|group| !group.is_empty()).map(named) }),
    }
}
