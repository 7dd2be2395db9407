//! The copy steps' ops.

use std::collections::BTreeSet;

use buildkit_llb::{Copy, File, LocalSource, MkDir, Note, Output, Owner, Source, User};

use crate::fixed::FILE_TIMESTAMP;
use crate::lower::Lowering;
use crate::lower::python::with_fixed_times;
use crate::plan::{CopyItem, LocalFilter, Shape, Step};

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
        // A folder is copied into the working directory.
        let workdir = format!("{}/", self.plan.image.workdir);
        let file = items.iter().fold(File::on(parent), |file, CopyItem { from, to }| {
            let from = if from == "." { "/".to_owned() } else { format!("/{from}") };
            file.copy(Copy {
                owner: chown(owner),
                contents_only: true,
                timestamp: Some(FILE_TIMESTAMP),
                // As in a Dockerfile, a copied link is replaced by its target; links inside copied folders stay links.
                follow_symlink: true,
                create_dest_path: true,
                ..Copy::new(local, from, to)
            })
        });
        let targets = items.iter().map(|item| item.to.trim_end_matches('/')).chain([workdir.as_str()]);
        self.step_file(step, self.with_touched_folders(file, parent, targets, chown(owner).as_ref()))
    }

    /// Gives the folders above targets, which change when something is written into them, a fixed time, and leaves their owner and mode as they are. Copying a folder
    /// sets the time of the folders in it, but not its own (tonistiigi/fsutil: `copy/copy.go`, `overwriteTargetMetadata`).
    pub(super) fn with_touched_folders<'t>(
        &self,
        file: File,
        parent: Output,
        targets: impl IntoIterator<Item = &'t str>,
        owner: Option<&Owner>,
    ) -> File {
        if !self.common.copies_folders {
            return file;
        }
        let above = targets.into_iter().flat_map(|target| target.match_indices('/').map(|(end, _)| &target[..end]));
        let folders: BTreeSet<&str> = above.filter(|folder| !folder.is_empty()).collect();
        file.copy(with_fixed_times(without_files(parent, &folders, owner)))
    }

    /// Folders of a root filesystem, without their files.
    pub(super) fn folders(&mut self, step: &Step, parent: Output, folders: &[String]) -> Output {
        let above = folders.iter().flat_map(|folder| folder.match_indices('/').map(|(end, _)| &folder[..end]));
        let all: BTreeSet<&str> =
            above.filter(|folder| !folder.is_empty()).chain(folders.iter().map(String::as_str)).collect();
        let onto = if self.plan.shape == Shape::Merge { File::scratch() } else { File::on(parent) };
        self.step_file(step, onto.copy(with_fixed_times(without_files(parent, &all, None))))
    }
}

/// Copies of folders, without their files. Folders that do not exist are made, so that the copy does not fail, with the owner that the
/// files get.
pub(super) fn without_files(root: Output, folders: &BTreeSet<&str>, owner: Option<&Owner>) -> File {
    let made = folders.iter().fold(File::on(root), |file, folder| {
        file.mkdir(MkDir { parents: true, owner: owner.cloned(), ..MkDir::new(folder, 0o755) })
    });
    let copies =
        folders.iter().map(|folder| Copy { exclude: vec!["**".to_owned()], ..Copy::new(None, folder, folder) });
    File::scratch().copy_each(made, copies)
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
