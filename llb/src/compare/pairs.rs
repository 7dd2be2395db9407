//! Which op of one graph is which op of another: by content, name and gist first, then by what reads it.
//!
//! Does not find out what is different about a pair.

use std::collections::BTreeMap;

use buildkit_proto::Digest;

use super::description::Description;
use crate::graph::Graph;
use crate::output::{OpId, Output};

/// One of the two graphs, its ops in the order of its definition.
pub(super) struct Side<'a> {
    pub(super) graph: &'a Graph,
    pub(super) ops: Vec<OpId>,
    pub(super) descriptions: Vec<Description>,
    /// Positions in the other side's `ops`.
    pub(super) partners: Vec<Option<usize>>,
    positions: BTreeMap<OpId, usize>,
}

impl<'a> Side<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        let ops = graph.reachable();
        let descriptions = ops.iter().map(|id| Description::new(graph, *id)).collect();
        let positions = ops.iter().zip(0..).map(|(id, position)| (*id, position)).collect();
        Self { graph, descriptions, partners: vec![None; ops.len()], positions, ops }
    }

    pub(super) fn position(&self, output: Output) -> Option<usize> {
        self.positions.get(&output.op).copied()
    }

    pub(super) fn kind(&self, position: usize) -> &'static str {
        let op = self.ops.get(position).and_then(|id| self.graph.op(*id));
        op.map_or("", |op| op.kind())
    }

    pub(super) fn name(&self, position: usize) -> Option<&'a str> {
        self.graph.note(*self.ops.get(position)?)?.name.as_deref()
    }

    pub(super) fn digest(&self, position: usize) -> Option<Digest> {
        self.graph.digest(*self.ops.get(position)?)
    }

    pub(super) fn partner(&self, position: usize) -> Option<usize> {
        self.partners.get(position).copied().flatten()
    }

    fn fields(&self, position: usize) -> String {
        self.descriptions.get(position).map(|description| format!("{:?}", description.fields)).unwrap_or_default()
    }

    fn gist(&self, position: usize) -> Option<&str> {
        self.descriptions.get(position).map(|description| description.gist.as_str()).filter(|gist| !gist.is_empty())
    }
}

/// Finds the pairs and notes them on both sides.
pub(super) fn find(before: &mut Side<'_>, after: &mut Side<'_>) {
    by_key(before, after, false, |side, at| side.digest(at));
    let description =
        |side: &Side<'_>, at: usize| Some((side.kind(at), side.name(at).map(str::to_owned), side.fields(at)));
    let fields = |side: &Side<'_>, at: usize| Some((side.kind(at), side.fields(at)));
    let name = |side: &Side<'_>, at: usize| Some((side.kind(at), side.name(at)?.to_owned()));
    let gist = |side: &Side<'_>, at: usize| Some((side.kind(at), side.gist(at)?.to_owned()));
    by_key(before, after, true, description);
    by_key(before, after, true, fields);
    by_key(before, after, true, name);
    by_key(before, after, true, gist);
    // Several alike: those that the same ops read, else one after the other.
    by_reader(before, after, true);
    by_key(before, after, false, description);
    by_key(before, after, false, name);
    by_reader(before, after, false);
}

fn pair(before: &mut Side<'_>, after: &mut Side<'_>, from: usize, to: usize) {
    if let (Some(from_mark), Some(to_mark)) = (before.partners.get_mut(from), after.partners.get_mut(to)) {
        (*from_mark, *to_mark) = (Some(to), Some(from));
    }
}

/// Pairs ops without a partner that have the same key: the first with the first, or only where there is one on each side.
fn by_key<K: Ord>(
    before: &mut Side<'_>,
    after: &mut Side<'_>,
    only_single: bool,
    key: impl Fn(&Side<'_>, usize) -> Option<K>,
) {
    let keyed = |side: &Side<'_>| {
        let mut found: BTreeMap<K, Vec<usize>> = BTreeMap::new();
        for position in (0..side.ops.len()).filter(|position| side.partner(*position).is_none()) {
            if let Some(key) = key(side, position) {
                found.entry(key).or_default().push(position);
            }
        }
        found
    };
    let mut candidates = keyed(after);
    for (key, from) in keyed(before) {
        let to = candidates.remove(&key).unwrap_or_default();
        if !only_single || (from.len() == 1 && to.len() == 1) {
            from.into_iter().zip(to).for_each(|(from, to)| pair(before, after, from, to));
        }
    }
}

/// Pairs what the roots are, and what pairs read in the same role. Readers come first, so one walk goes all the way down.
fn by_reader(before: &mut Side<'_>, after: &mut Side<'_>, only_alike: bool) {
    let meet = |before: &mut Side<'_>, after: &mut Side<'_>, from: Option<Output>, to: Option<Output>| {
        let (Some(from), Some(to)) = (from, to) else { return };
        if let (Some(from), Some(to)) = (before.position(from), after.position(to))
            && before.partner(from).is_none()
            && after.partner(to).is_none()
            && before.kind(from) == after.kind(to)
            && (!only_alike || before.fields(from) == after.fields(to))
        {
            pair(before, after, from, to);
        }
    };
    meet(before, after, before.graph.root(), after.graph.root());
    for reader in (0..before.ops.len()).rev() {
        let Some(partner) = before.partner(reader) else { continue };
        let (Some(from), Some(to)) = (before.descriptions.get(reader), after.descriptions.get(partner)) else {
            continue;
        };
        let roles = from.reads.iter().filter_map(|(role, inputs)| Some((inputs, to.reads.get(role)?)));
        let mut met = Vec::new();
        for (from, to) in roles {
            let is_same = |from: &Option<Output>, to: &Option<Output>| match (from, to) {
                (Some(from), Some(to)) => {
                    let partner = before.position(*from).and_then(|position| before.partner(position));
                    partner.is_some() && partner == after.position(*to)
                }
                (None, None) => true,
                (None, Some(_)) | (Some(_), None) => false,
            };
            let (from, to) = super::differing(from, to, is_same);
            met.extend(from.iter().copied().zip(to.iter().copied()));
        }
        met.into_iter().for_each(|(from, to)| meet(before, after, from, to));
    }
}
