//! Build: a definition that an earlier op wrote into a file, run in place.

use std::collections::BTreeMap;

use buildkit_proto::keys::attr;
use buildkit_proto::{map, pb};
use oci_names::Platform;

use crate::output::Output;

/// The name of a [`Build`]'s input and, unless another is set, of the file in it (`solver/pb/const.go`).
const DEFINITION: &str = "buildkit.llb.definition";

/// Runs the definition found in a file of `input` (`BuildOp`, `client/llb/llbbuild`).
///
/// What it builds is not known before it runs, so provenance of such a build is marked incomplete.
///
/// ```
/// use buildkit_llb::{Build, Exec, GraphBuilder, Mount, Platform, Source};
///
/// let amd64 = Platform::linux("amd64");
/// let mut graph = GraphBuilder::new();
/// let tool = graph.source(Source::image("registry.example/llb-generator:1", amd64.clone()));
/// let run = graph.exec(
///     Exec::new(["generate", "-o", "/out/plan.pb"], tool, amd64.clone()).with_mount(Mount::scratch_output("/out")),
/// );
/// let out = run.at("/out").expect("a writable mount has an output");
/// let built = graph.build(Build::new(out, amd64).with_filename("plan.pb"));
/// assert!(graph.finish(Some(built)).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    pub(crate) input: Output,
    pub(crate) filename: String,
    /// In a box, because an op of any kind is as large as the largest.
    pub(crate) platform: Box<Platform>,
    pub(crate) filters: Vec<String>,
}

impl Build {
    /// Runs the file `buildkit.llb.definition` of `input`.
    #[must_use]
    pub fn new(input: Output, platform: Platform) -> Self {
        Self { input, filename: String::new(), platform: Box::new(platform), filters: Vec::new() }
    }

    /// Another file of the input.
    #[must_use]
    pub fn with_filename(mut self, filename: impl Into<String>) -> Self {
        self.filename = filename.into();
        self
    }

    /// Only workers that match this containerd filter; part of the digest.
    #[must_use]
    pub fn with_worker_filter(mut self, filter: impl Into<String>) -> Self {
        self.filters.push(filter.into());
        self
    }

    pub(crate) fn to_pb(&self) -> pb::BuildOp {
        let mut attrs = BTreeMap::new();
        if !self.filename.is_empty() {
            attrs.insert(attr::LLBBUILD_FILENAME.to_owned(), self.filename.clone());
        }
        pb::BuildOp {
            builder: -1,
            inputs: map::to_build_inputs(&BTreeMap::from([(DEFINITION.to_owned(), pb::BuildInput { input: 0 })])),
            def: None,
            attrs: map::to_strings(&attrs),
        }
    }

    /// The op in a wire message, as far as this type can express it; the caller compares the bytes.
    pub(crate) fn from_pb(op: &pb::BuildOp, input: Output, platform: Platform, filters: Vec<String>) -> Self {
        let filename = map::from_strings(&op.attrs).remove(attr::LLBBUILD_FILENAME).unwrap_or_default();
        Self { input, filename, platform: Box::new(platform), filters }
    }
}
