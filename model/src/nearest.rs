//! "Did you mean …": the candidate closest to a misspelled name.

/// The candidate nearest to `name`, if one is near enough to be meant.
///
/// Case and the difference between `-` and `_` are ignored. Of equally near candidates, the first is returned.
///
/// ```
/// assert_eq!(imagespec::nearest("pakages", ["packages", "platform"]), Some("packages"));
/// assert_eq!(imagespec::nearest("zzz", ["packages", "platform"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Edit distance takes time proportional to the product of the lengths, and a name of this length is not a typo.
    const MAX_LEN: usize = 64;
    if name.is_empty() || name.len() > MAX_LEN {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let wanted = plain(name);
    let allowed = (wanted.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let offered = plain(candidate);
        let distance = strsim::damerau_levenshtein(&wanted, &offered);
        // Edit distance rates a missing half as far, but it is a common slip: `apt` for `apt_packages`.
        let is_part = wanted.len() >= 3 && offered.split('_').any(|part| part == wanted);
        let distance = if is_part { distance.min(allowed) } else { distance };
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: Option<&str>) {
        let candidates = ["apt_packages", "packages", "python_version", "env", "copy"];
        assert_eq!(nearest(name, candidates), expect);
    }

    #[test]
    fn finds_slips_and_nothing_else() {
        check("pacakges", Some("packages"));
        check("aptPackages", Some("apt_packages"));
        check("apt-packages", Some("apt_packages"));
        check("apt", Some("apt_packages"));
        check("version", Some("python_version"));
        check("cpoy", Some("copy"));
        check("en", Some("env"));
        check("volumes", None);
        check("", None);
    }
}
