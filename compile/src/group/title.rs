//! What a group is called in progress and plans.

use crate::group::{Group, GroupKind};

/// So many names are shown; more are counted.
const NAMES_SHOWN: usize = 3;

pub(super) fn title(group: &Group) -> String {
    let count = group.members.len();
    if count <= NAMES_SHOWN {
        let names: Vec<&str> = group.members.iter().map(|member| member.name.as_str()).collect();
        return names.join(", ");
    }
    match group.kind {
        GroupKind::Heavy => format!("{count} large packages"),
        GroupKind::Medium => format!("{count} medium packages"),
        GroupKind::Small => format!("{count} small packages"),
        GroupKind::Tail => format!("{count} packages built or local"),
        GroupKind::Wheel | GroupKind::Together | GroupKind::Apart | GroupKind::All => format!("{count} packages"),
    }
}
