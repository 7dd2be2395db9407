//! A build's graph as the daemon recorded it, and as `imagespec compile` prints it.
//!
//! The provenance of a build (`mode=max`) holds every op under the digest it had in that build, without what belongs to the
//! session (`moby/buildkit: solver/llbsolver/provenance`). So ops that no local source leads to can be compared by their digests
//! as they are, the others by digests computed here over what is left of them.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::archive::Archive;
use crate::lab::Lab;

/// An op and what it stands on: digests of other ops and which of their outputs.
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
    /// When it has none.
    #[must_use]
    #[track_caller]
    pub fn recorded(archive: &Archive) -> Self {
        let statements = archive.documents.values().filter_map(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        let is_provenance = |statement: &Value| {
            statement["predicateType"].as_str().is_some_and(|kind| kind.starts_with("https://slsa.dev/provenance/"))
        };
        let statement = statements.into_iter().find(is_provenance).expect("the archive has a provenance");
        let predicate = &statement["predicate"];
        // v1 and v0.2 of the predicate keep it in different places.
        let config = [&predicate["buildDefinition"]["internalParameters"]["buildConfig"], &predicate["buildConfig"]]
            .into_iter()
            .find(|config| config.is_object())
            .unwrap_or_else(|| panic!("the provenance holds no build config: {predicate:#}"));
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
        Self::of(steps)
    }

    /// The graph of a definition, with digests computed by BuildKit's own client.
    ///
    /// # Panics
    /// When it is no definition.
    #[must_use]
    #[track_caller]
    pub fn of_definition(lab: &Lab, definition: Vec<u8>) -> Self {
        let dump = lab.buildctl().args(["debug", "dump-llb"]).stdin(definition).ok().out();
        Self::of(dump.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("dump-llb prints JSON lines");
            let digest = line["Digest"].as_str().unwrap_or_default().to_owned();
            let inputs = line["Op"].as_object_mut().and_then(|op| op.remove("inputs")).unwrap_or_default();
            let inputs = inputs.as_array().into_iter().flatten().map(|input| {
                (input["digest"].as_str().unwrap_or_default().to_owned(), input["index"].as_u64().unwrap_or_default())
            });
            (digest, Node { inputs: inputs.collect(), op: line["Op"].clone() })
        }))
    }

    fn of(ops: impl Iterator<Item = (String, Node)>) -> Self {
        // The last op of a definition does nothing but name the result.
        Self(ops.filter(|(_, node)| !kind(&node.op).is_empty()).collect())
    }

    /// How many ops there are of each kind: `source`, `exec`, `file`, `merge`, `diff`.
    #[must_use]
    pub fn kinds(&self) -> BTreeMap<&str, usize> {
        self.0.values().fold(BTreeMap::new(), |mut kinds, node| {
            *kinds.entry(kind(&node.op)).or_default() += 1;
            kinds
        })
    }

    /// The digests as they are of the ops that no local source leads to.
    #[must_use]
    pub fn beside_local_sources(&self) -> BTreeMap<&str, &Value> {
        let ops = self.0.iter().filter(|(digest, _)| !self.is_local(digest));
        ops.map(|(digest, node)| (digest.as_str(), &node.op)).collect()
    }

    fn is_local(&self, digest: &str) -> bool {
        let node = &self.0[digest];
        let identifier = node.op["Op"]["source"]["identifier"].as_str().unwrap_or_default();
        identifier.starts_with("local://") || node.inputs.iter().any(|(input, _)| self.is_local(input))
    }

    /// All ops by digests over what no session has a part in.
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
