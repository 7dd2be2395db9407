//! Titles of groups in progress and plans.

use crate::group::{Group, GroupKind};

/// The number of names that are shown; the others are counted.
const NAMES_SHOWN: usize = 3;

pub(super) fn title(group: &Group) -> String {
    let count = group.members.len();
    if count <= NAMES_SHOWN {
        let names: Vec<&str> = group.members.iter().map(|member| member.name.as_str()).collect();
        return names.join(", ");
    }
    let ends = (group.members.first(), group.members.last());
    // Several buckets may have the same size, but a name is in only one of them.
    let range = match ends {
        (Some(first), Some(last)) => format!("{} to {}", first.name, last.name),
        _ => String::new(),
    };
    match group.kind {
        GroupKind::Heavy => format!("{count} large packages, {range}"),
        GroupKind::Medium => format!("{count} medium packages, {range}"),
        GroupKind::Small => format!("{count} small packages, {range}"),
        GroupKind::NoHash => format!("{count} wheels without a hash"),
        GroupKind::Tail => format!("{count} packages built or local"),
        GroupKind::Wheel | GroupKind::AllWheels | GroupKind::Young | GroupKind::Apart | GroupKind::All => {
            format!("{count} packages")
        }
    }
}
