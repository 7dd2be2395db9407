//! What is different between two graphs, and why: an op's own fields, or only what it reads.
//!
//! Names and places of ops change no digest and no build, so they are not compared. Nothing is asked of a daemon: whether a
//! cache holds an op is not known here.

mod description;
mod difference;
mod pairs;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::dump::visible;
use crate::graph::Graph;
use crate::output::Output;
pub use difference::{Difference, FieldChange, InputChange, Vertex};
use pairs::Side;

/// How a graph differs from one before it.
///
/// ```
/// use buildkit_llb::{Difference, Exec, File, GraphBuilder, MkFile, Platform, Source};
///
/// let build = |content: &str| {
///     let amd64 = Platform::linux("amd64");
///     let mut graph = GraphBuilder::new();
///     let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
///     let script = graph.file(File::on(base).mkfile(MkFile::new("/run.sh", 0o755, content)));
///     let run = graph.exec(Exec::new(["/run.sh"], script, amd64));
///     graph.finish(run.root())
/// };
/// let comparison = build("echo 1")?.compare(&build("echo 2")?);
/// let [Difference::Changed { own: script, .. }, Difference::Changed { own: run, inputs, .. }] = comparison.differences()
/// else {
///     panic!("two vertices are different")
/// };
/// assert_eq!(script[0].field, "step", "what the file says is different");
/// assert!(run.is_empty() && inputs.len() == 1, "the exec only reads something else");
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    differences: Vec<Difference>,
    unchanged: usize,
    root: Option<InputChange>,
}

impl Graph {
    /// Compares this graph with one that comes after it. Takes time and memory in proportion to their sizes.
    #[must_use]
    pub fn compare(&self, after: &Self) -> Comparison {
        let (mut before, mut after) = (Side::new(self), Side::new(after));
        pairs::find(&mut before, &mut after);
        let mut differences = Vec::new();
        let mut unchanged = 0;
        for to in 0..after.ops.len() {
            let Some(vertex) = vertex(&after, to) else { continue };
            let kind = after.kind(to);
            let Some(from) = after.partner(to) else {
                differences.push(Difference::Added { kind, vertex });
                continue;
            };
            match changed(&before, &after, from, to) {
                Some(difference) => differences.push(difference),
                None => unchanged += 1,
            }
        }
        let gone = (0..before.ops.len()).filter(|from| before.partner(*from).is_none());
        differences.extend(
            gone.filter_map(|from| {
                Some(Difference::Removed { kind: before.kind(from), vertex: vertex(&before, from)? })
            }),
        );
        let roots = (before.graph.root(), after.graph.root());
        let root = (!is_same(&before, &after, &roots.0, &roots.1))
            .then(|| input_change(&before, &after, "root", roots.0, roots.1));
        Comparison { differences, unchanged, root }
    }
}

impl Comparison {
    /// Whether both graphs build the same from the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.root.is_none()
    }

    /// What is different: vertices of the graph after, inputs first, then those that are gone.
    #[must_use]
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// How many vertices are the same.
    #[must_use]
    pub fn unchanged(&self) -> usize {
        self.unchanged
    }

    /// The result, where it is another vertex or output rather than the same one changed.
    #[must_use]
    pub fn root(&self) -> Option<&InputChange> {
        self.root.as_ref()
    }

    /// The comparison for tools.
    #[must_use]
    pub fn json(&self) -> Value {
        let differences: Vec<Value> = self
            .differences
            .iter()
            .map(|difference| match difference {
                Difference::Added { kind, vertex } => {
                    json!({"change": "added", "kind": kind, "name": vertex.name, "after": vertex.digest.to_string()})
                }
                Difference::Removed { kind, vertex } => {
                    json!({"change": "removed", "kind": kind, "name": vertex.name, "before": vertex.digest.to_string()})
                }
                Difference::Changed { kind, before, after, own, inputs } => json!({
                    "change": "changed",
                    "kind": kind,
                    "name": after.name,
                    "before": before.digest.to_string(),
                    "after": after.digest.to_string(),
                    "own": own
                        .iter()
                        .map(|FieldChange { field, before, after }| {
                            json!({"field": field, "before": before, "after": after})
                        })
                        .collect::<Vec<_>>(),
                    "inputs": inputs.iter().map(InputChange::json).collect::<Vec<_>>(),
                }),
            })
            .collect();
        json!({
            "equal": self.is_equal(),
            "unchanged": self.unchanged,
            "differences": differences,
            "root": self.root.as_ref().map(InputChange::json),
        })
    }
}

impl InputChange {
    fn json(&self) -> Value {
        let read = |read: &Option<(Vertex, u32)>| {
            read.as_ref().map(|(vertex, index)| json!({"digest": vertex.digest.to_string(), "index": index}))
        };
        json!({
            "role": self.role,
            "change": if self.is_same_vertex { "changed" } else { "replaced" },
            "before": read(&self.before),
            "after": read(&self.after),
        })
    }
}

impl fmt::Display for Vertex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = self.digest.to_string();
        let digits = digest.trim_start_matches("sha256:");
        write!(f, "{}", digits.get(..12).unwrap_or(digits))?;
        self.name.iter().try_for_each(|name| write!(f, " {name:?}"))
    }
}

impl fmt::Display for InputChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = |read: &Option<(Vertex, u32)>| match read {
            None => "nothing".to_owned(),
            Some((vertex, 0)) => vertex.to_string(),
            Some((vertex, index)) => format!("{vertex} output {index}"),
        };
        let role = visible(&self.role);
        match self.is_same_vertex {
            true => write!(f, "{role}: {} changed", read(&self.after)),
            false => write!(f, "{role}: {} instead of {}", read(&self.after), read(&self.before)),
        }
    }
}

/// A line a vertex, `+`, `-` or `~` first, and what is different about it below; a line that counts them.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut by_itself, mut by_input, mut added, mut removed) = (0, 0, 0, 0);
        for difference in &self.differences {
            match difference {
                Difference::Added { kind, vertex } => {
                    added += 1;
                    writeln!(f, "+ {kind} {vertex}")?;
                }
                Difference::Removed { kind, vertex } => {
                    removed += 1;
                    writeln!(f, "- {kind} {vertex}")?;
                }
                Difference::Changed { kind, before, after, own, inputs } => {
                    let old = Vertex { name: None, ..before.clone() };
                    write!(f, "~ {kind} {after}, was {old}")?;
                    // What reads something else is itself different; what reads something that changed is not.
                    if own.is_empty() && inputs.iter().all(|input| input.is_same_vertex) {
                        by_input += 1;
                        writeln!(f, ", because of what it reads")?;
                    } else {
                        by_itself += 1;
                        writeln!(f)?;
                    }
                    for FieldChange { field, before, after } in own {
                        let field = visible(field);
                        for (sign, value) in [('-', before), ('+', after)] {
                            value.iter().try_for_each(|value| writeln!(f, "    {sign} {field}: {}", visible(value)))?;
                        }
                    }
                    inputs.iter().try_for_each(|input| writeln!(f, "    reads {input}"))?;
                }
            }
        }
        self.root.iter().try_for_each(|root| writeln!(f, "~ {root}"))?;
        writeln!(
            f,
            "{by_itself} changed, {by_input} changed because of what they read, {added} added, {removed} removed, {} the same",
            self.unchanged
        )
    }
}

fn vertex(side: &Side<'_>, position: usize) -> Option<Vertex> {
    Some(Vertex { digest: side.digest(position)?, name: side.name(position).map(str::to_owned) })
}

/// What is different about a pair, if anything.
fn changed(before: &Side<'_>, after: &Side<'_>, from: usize, to: usize) -> Option<Difference> {
    let (old, new) = (before.descriptions.get(from)?, after.descriptions.get(to)?);
    let mut own = Vec::new();
    for (name, old, new) in both(&old.fields, &new.fields) {
        let (old, new) = differing(old, new, |old, new| old == new);
        let is_private = name.starts_with("proxy ");
        let shown =
            |value: Option<&String>| value.map(|value| if is_private { "(not shown)" } else { value }.to_owned());
        own.extend((0..old.len().max(new.len())).map(|at| FieldChange {
            field: name.clone(),
            before: shown(old.get(at)),
            after: shown(new.get(at)),
        }));
    }
    let mut inputs = Vec::new();
    for (role, old, new) in both(&old.reads, &new.reads) {
        let is_read_again = |old: &Option<Output>, new: &Option<Output>| is_same(before, after, old, new);
        let (old_rest, new_rest) = differing(old, new, is_read_again);
        // The same vertices at both ends of the lists; some of them may have changed.
        let head = old.iter().zip(new).take_while(|(old, new)| is_read_again(old, new)).count();
        let tail = (old.len() - old_rest.len()).saturating_sub(head);
        let ends = old.iter().zip(new).take(head).chain(old.iter().rev().zip(new.iter().rev()).take(tail));
        for (old, new) in ends {
            let digest = |side: &Side<'_>, output: &Option<Output>| output.and_then(|read| side.graph.digest(read.op));
            if digest(before, old) != digest(after, new) {
                inputs.push(input_change(before, after, role, *old, *new));
            }
        }
        for at in 0..old_rest.len().max(new_rest.len()) {
            let read = |list: &[Option<Output>]| list.get(at).copied().flatten();
            inputs.push(input_change(before, after, role, read(old_rest), read(new_rest)));
        }
    }
    let kind = after.kind(to);
    let (before, after) = (vertex(before, from)?, vertex(after, to)?);
    if own.is_empty() && inputs.is_empty() {
        if before.digest == after.digest {
            return None;
        }
        let field = "encoding".to_owned();
        own.push(FieldChange { field, before: Some("other bytes".to_owned()), after: Some("other bytes".to_owned()) });
    }
    Some(Difference::Changed { kind, before, after, own, inputs })
}

/// Whether two outputs are the same one of a pair.
fn is_same(before: &Side<'_>, after: &Side<'_>, from: &Option<Output>, to: &Option<Output>) -> bool {
    match (from, to) {
        (None, None) => true,
        (Some(from), Some(to)) => {
            let partner = before.position(*from).and_then(|position| before.partner(position));
            from.index == to.index && partner.is_some() && partner == after.position(*to)
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn input_change(
    before: &Side<'_>,
    after: &Side<'_>,
    role: &str,
    from: Option<Output>,
    to: Option<Output>,
) -> InputChange {
    let read = |side: &Side<'_>, output: Option<Output>| {
        output.and_then(|output| Some((vertex(side, side.position(output)?)?, output.index)))
    };
    InputChange {
        role: role.to_owned(),
        is_same_vertex: is_same(before, after, &from, &to),
        before: read(before, from),
        after: read(after, to),
    }
}

/// The names of both maps with the lists of each.
fn both<'a, T>(
    before: &'a BTreeMap<String, Vec<T>>,
    after: &'a BTreeMap<String, Vec<T>>,
) -> impl Iterator<Item = (&'a String, &'a [T], &'a [T])> {
    let new = after.keys().filter(|name| !before.contains_key(*name));
    before.keys().chain(new).map(move |name| {
        let list = |map: &'a BTreeMap<String, Vec<T>>| map.get(name).map_or(&[] as &[T], Vec::as_slice);
        (name, list(before), list(after))
    })
}

/// Two lists without what is the same at their beginnings and ends.
fn differing<'a, T>(before: &'a [T], after: &'a [T], is_same: impl Fn(&T, &T) -> bool) -> (&'a [T], &'a [T]) {
    let head = before.iter().zip(after).take_while(|(old, new)| is_same(old, new)).count();
    let (before, after) = (before.get(head..).unwrap_or(&[]), after.get(head..).unwrap_or(&[]));
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(old, new)| is_same(old, new)).count();
    (before.get(..before.len() - tail).unwrap_or(&[]), after.get(..after.len() - tail).unwrap_or(&[]))
}
