//! Fallbacks of sources: attributes that can be left out or expressed in another way.

use buildkit_proto::caps::llb as cap;
use buildkit_proto::keys::attr;

use super::Lowering;
use crate::op::Op;
use crate::op::file::{Copy, File};
use crate::op::source::Source;
use crate::output::{OpId, Output};

impl Lowering<'_> {
    pub(super) fn source(&mut self, id: OpId, mut source: Source) -> Output {
        let is_commit = |text: &str| matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut without = |lowering: &mut Self, capability, attrs: &[&str], what| {
            if !lowering.has(capability)
                && attrs.iter().filter(|attr| source.attrs.remove(**attr).is_some()).count() > 0
            {
                lowering.change(id, capability, what);
            }
        };
        let sizes = [attr::LOCAL_METADATATRANSFER, attr::LOCAL_METADATATRANSFEREXCLUDE];
        without(self, cap::SOURCE_LOCAL_METADATATRANSFER, &sizes, "content is transferred too");
        without(self, cap::SOURCE_GIT_SKIPSUBMODULES, &[attr::GIT_SKIPSUBMODULES], "submodules are fetched too");
        without(self, cap::SOURCE_GIT_MTIME, &[attr::GIT_MTIME], "files get the time of the checkout");
        if source.attrs.contains_key(attr::HTTP_CHECKSUM) && !self.has(cap::SOURCE_HTTP_SIGNATUREVERIFY) {
            let before = source.attrs.len();
            source.attrs.retain(|attr, _| !attr.starts_with(attr::HTTP_SIG_PREFIX));
            if source.attrs.len() != before {
                self.change(id, cap::SOURCE_HTTP_SIGNATUREVERIFY, "the checksum alone says what the file must be");
            }
        }
        if !self.has(cap::SOURCE_IMAGE_CHECKSUM)
            && let Some(checksum) = source.attrs.get(attr::IMAGE_CHECKSUM).cloned()
            && (!source.identifier.contains('@') || source.identifier.ends_with(&format!("@{checksum}")))
        {
            source.attrs.remove(attr::IMAGE_CHECKSUM);
            if !source.identifier.contains('@') {
                source.identifier = format!("{}@{checksum}", source.identifier);
            }
            self.change(id, cap::SOURCE_IMAGE_CHECKSUM, "the reference has the digest");
        }
        if source.scheme() != "git" {
            return self.plain(id, Op::Source(source));
        }
        let (place, fragment) = source.identifier.split_once('#').unwrap_or((&source.identifier, ""));
        let (reference, subdir) = fragment.split_once(':').unwrap_or((fragment, ""));
        let (place, mut reference, subdir) = (place.to_owned(), reference.to_owned(), subdir.to_owned());
        let mut kept = subdir.clone();
        if !self.has(cap::SOURCE_GIT_CHECKSUM)
            && let Some(checksum) = source.attrs.get(attr::GIT_CHECKSUM).filter(|checksum| is_commit(checksum)).cloned()
        {
            source.attrs.remove(attr::GIT_CHECKSUM);
            reference = checksum;
            self.change(id, cap::SOURCE_GIT_CHECKSUM, "the commit is the reference");
        }
        let copies = !subdir.is_empty() && !self.has(cap::SOURCE_GIT_SUBDIR);
        if copies {
            kept.clear();
            self.change(id, cap::SOURCE_GIT_SUBDIR, "the folder is copied out of the whole");
        }
        source.identifier = place;
        if !reference.is_empty() || !kept.is_empty() {
            source.identifier = format!("{}#{reference}", source.identifier);
        }
        if !kept.is_empty() {
            source.identifier = format!("{}:{kept}", source.identifier);
        }
        let whole = self.plain(id, Op::Source(source));
        if !copies {
            return whole;
        }
        let copy = Copy { contents_only: true, ..Copy::new(whole, format!("/{subdir}"), "/") };
        self.plain(id, Op::File(File::scratch().copy(copy)))
    }
}
