//! What a group is called in progress and plans.

use crate::group::{Group, GroupKind};

/// So many names are shown; more are counted.
const NAMES_SHOWN: usize = 3;

pub(super) fn title(group: &Group) -> String {
    let count = group.members.len();
    if count <= NAMES_SHOWN {
        let names: Vec<&str> = group.members.iter().map(|member| member.name.as_str()).collect();
        return format!("pip: {}", names.join(", "));
    }
    match group.kind {
        GroupKind::Wheel => format!("pip: {count} packages"),
        GroupKind::Heavy => format!("pip: {count} large packages"),
        GroupKind::Small => format!("pip: {count} small packages"),
        GroupKind::Tail => format!("pip: {count} packages built or local"),
    }
}
