//! Graphs of builds: as the daemon records them, and as `imagespec compile` prints them.
//!
//! The provenance of a build (`mode=max`) contains every op with its digest in that build, without the data of the session
//! (`moby/buildkit: solver/llbsolver/provenance`). Therefore ops that do not depend on local sources are compared by these digests,
//! and other ops by digests that are computed here from the remaining data.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::archive::Archive;
use crate::lab::Lab;

/// An op, and its inputs: digests of other ops with the indexes of their outputs.
#[derive(Clone, Debug)]
struct Node {
    op: Value,
    inputs: Vec<(String, u64)>,
}

/// The ops of a graph by digest.
#[derive(Clone, Debug)]
pub struct Graph(BTreeMap<String, Node>);

impl Graph {
    /// The graph in the provenance of an archive.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn recorded(archive: &Archive) -> Self {
        let statements = archive.documents.values().filter_map(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        let is_provenance = |statement: &Value| {
            statement["predicateType"].as_str().is_some_and(|kind| kind.starts_with("https://slsa.dev/provenance/"))
        };
        let statement = statements.into_iter().find(is_provenance).expect("the archive has a provenance");
        let predicate = &statement["predicate"];
        // v1 and v0.2 of the predicate have it in different places.
        let config = [&predicate["buildDefinition"]["internalParameters"]["buildConfig"], &predicate["buildConfig"]]
            .into_iter()
            .find(|config| config.is_object())
            .unwrap_or_else(|| panic!("the provenance has no build config: {predicate:#}"));
        let mapping = config["digestMapping"].as_object().expect("the provenance maps digests to steps");
        let digests: BTreeMap<&str, &str> =
            mapping.iter().filter_map(|(digest, step)| Some((step.as_str()?, digest.as_str()))).collect();
        let steps = config["llbDefinition"].as_array().into_iter().flatten().map(|step| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let inputs = step["inputs"].as_array().into_iter().flatten().map(|input| {
                let input = text(input);
                let (step, index) = input.split_once(':').unwrap_or((&input, "0"));
                (digests[step].to_owned(), index.parse().unwrap_or_default())
            });
            (digests[text(&step["id"]).as_str()].to_owned(), Node { op: step["op"].clone(), inputs: inputs.collect() })
        });
        Self::from_ops(steps)
    }

    /// The graph of a definition, with digests computed by BuildKit's own client.
    ///
    /// # Panics
    /// If it is not a definition.
    #[must_use]
    #[track_caller]
    pub fn from_definition(lab: &Lab, definition: Vec<u8>) -> Self {
        let dump = lab.buildctl().args(["debug", "dump-llb"]).stdin(definition).ok().out();
        Self::from_ops(dump.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("dump-llb prints JSON lines");
            let digest = line["Digest"].as_str().unwrap_or_default().to_owned();
            let inputs = line["Op"].as_object_mut().and_then(|op| op.remove("inputs")).unwrap_or_default();
            let inputs = inputs.as_array().into_iter().flatten().map(|input| {
                (input["digest"].as_str().unwrap_or_default().to_owned(), input["index"].as_u64().unwrap_or_default())
            });
            (digest, Node { inputs: inputs.collect(), op: line["Op"].clone() })
        }))
    }

    fn from_ops(ops: impl Iterator<Item = (String, Node)>) -> Self {
        // The last op of a definition only refers to the result.
        Self(ops.filter(|(_, node)| !kind(&node.op).is_empty()).collect())
    }

    /// The number of ops of each kind: `source`, `exec`, `file`, `merge`, `diff`.
    #[must_use]
    pub fn kinds(&self) -> BTreeMap<&str, usize> {
        self.0.values().fold(BTreeMap::new(), |mut kinds, node| {
            *kinds.entry(kind(&node.op)).or_default() += 1;
            kinds
        })
    }

    /// The ops that do not depend on local sources, by their digests.
    #[must_use]
    pub fn without_local_sources(&self) -> BTreeMap<&str, &Value> {
        let ops = self.0.iter().filter(|(digest, _)| !self.is_local(digest));
        ops.map(|(digest, node)| (digest.as_str(), &node.op)).collect()
    }

    fn is_local(&self, digest: &str) -> bool {
        let node = &self.0[digest];
        let identifier = node.op["Op"]["source"]["identifier"].as_str().unwrap_or_default();
        identifier.starts_with("local://") || node.inputs.iter().any(|(input, _)| self.is_local(input))
    }

    /// All ops, by digests that do not include data of the session.
    #[must_use]
    pub fn masked(&self) -> BTreeMap<String, &Value> {
        self.0.iter().map(|(digest, node)| (self.masked_digest(digest), &node.op)).collect()
    }

    fn masked_digest(&self, digest: &str) -> String {
        let node = &self.0[digest];
        let mut op = node.op.clone();
        if let Some(attributes) = op["Op"]["source"]["attrs"].as_object_mut() {
            attributes.remove("local.session");
            attributes.remove("local.unique");
        }
        let inputs: Vec<(String, u64)> =
            node.inputs.iter().map(|(input, index)| (self.masked_digest(input), *index)).collect();
        hex::encode(Sha256::digest(format!("{inputs:?} {op}")))
    }
}

fn kind(op: &Value) -> &str {
    op["Op"].as_object().and_then(|op| op.keys().next()).map_or("", String::as_str)
}
