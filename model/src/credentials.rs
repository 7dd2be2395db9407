//! Finds user names and passwords inside URLs, so that they are refused where they would leak, and never shown.
//!
//! Works on any text, such as a line of a file that contains a URL; does not check the rest of the URL.

use std::borrow::Cow;
use std::ops::Range;

/// The text with every character of a URL's credentials replaced by `*`.
///
/// Lines and columns do not change, so spans counted in characters still fit.
/// For code that shows source text or sends it elsewhere, such as to a build daemon.
pub fn mask_credentials(text: &str) -> Cow<'_, str> {
    let ranges = credentials_in(text);
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut ranges = ranges.into_iter().peekable();
    for (at, character) in text.char_indices() {
        while ranges.next_if(|range| range.end <= at).is_some() {}
        let hidden = ranges.peek().is_some_and(|range| range.contains(&at));
        masked.push(if hidden { '*' } else { character });
    }
    Cow::Owned(masked)
}

/// Byte ranges of all credentials in a text, in order. Linear in the text, which may be hostile.
pub(crate) fn credentials_in(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut offset = 0;
    for token in text.split_inclusive(ends_token) {
        let bare = token.trim_end_matches(ends_token);
        find_in_token(bare, offset, &mut found);
        offset += token.len();
    }
    found
}

fn ends_token(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '<' | '>' | '`')
}

/// Looks at each `://` of a text without spaces. `offset` is where the text begins.
fn find_in_token(token: &str, offset: usize, found: &mut Vec<Range<usize>>) {
    let Some(last_at) = token.rfind('@') else {
        return;
    };
    let mut done = 0;
    for (colon, _) in token.match_indices(':') {
        let Some((head, rest)) = token.split_at_checked(colon) else {
            continue;
        };
        // JSON may write a slash as `\/`.
        let slashes = ["://", ":\\/\\/"].into_iter().find(|slashes| rest.starts_with(slashes));
        let Some(slashes) = slashes else { continue };
        let start = colon + slashes.len();
        if start < done {
            continue;
        }
        let after = rest.get(slashes.len()..).unwrap_or_default();
        let scheme = scheme_of(head);
        let length = userinfo_length(scheme, after, last_at.saturating_sub(start));
        let userinfo = after.get(..length).unwrap_or_default();
        if !userinfo.is_empty() && !is_harmless(scheme, userinfo) {
            done = start + length;
            found.push(offset + start..offset + done);
        }
    }
}

/// How much of the text after `://` is `user:password`, without the `@`. `last_at` is where the last `@` after it is.
fn userinfo_length(scheme: &str, after: &str, last_at: usize) -> usize {
    let authority = after.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if let Some(at) = authority.rfind('@') {
        return at;
    }
    // A password with an unescaped `/`, `?` or `#` ends the authority early. Then the text after the colon is not a port, or
    // the text before it is not a host. After the path of a checkout, however, `@` names a revision.
    let is_cut_short = match authority.split_once(':') {
        Some((host, _)) if host.starts_with('[') => false,
        Some((host, port)) => {
            let is_port = port.bytes().all(|b| b.is_ascii_digit());
            let is_host = scheme.contains('+') || host.contains('.') || host == "localhost";
            !(is_port && is_host)
        }
        None => false,
    };
    if is_cut_short { last_at } else { 0 }
}

/// The scheme that ends a text.
fn scheme_of(head: &str) -> &str {
    head.rsplit(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))).next().unwrap_or_default()
}

/// `ssh://git@host` only names an account; a lone user name for https is often a token.
fn is_harmless(scheme: &str, userinfo: &str) -> bool {
    let scheme = scheme.to_ascii_lowercase();
    let is_ssh = scheme == "ssh" || scheme.ends_with("+ssh");
    !userinfo.contains(':') && (is_ssh || userinfo == "git")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, masked: &str) {
        assert_eq!(mask_credentials(text), masked);
    }

    #[test]
    fn hides_user_and_password() {
        check("a https://u:pw@h/x b", "a https://****@h/x b");
        check("https://ghp_token@github.com/x", "https://*********@github.com/x");
        check("git+https://ü:pä@h", "git+https://****@h");
        check(r"https:\/\/u:p@h", r"https:\/\/***@h");
        check("[http://a/b,http://u:p@h]", "[http://a/b,http://***@h]");
    }

    #[test]
    fn hides_passwords_that_end_the_authority_early() {
        check("https://u:p/w#x@h/simple", "https://*******@h/simple");
        check("https://u:p@w@h/", "https://*****@h/");
        check("https://u:12/3@h/", "https://******@h/");
    }

    #[test]
    fn leaves_other_urls_alone() {
        for text in [
            "git+ssh://git@github.com/a/b.git@main",
            "git+https://git@github.com/a/b.git",
            "git+https://github.com/a/b.git@v1",
            "https://host.example:8080/x@y",
            "http://localhost:8080/x@y",
            "git+https://host:8080/x@y",
            "https://[::1]:80/x@y",
            "no url: // here @",
            "https://",
            "mail me@x",
        ] {
            check(text, text);
        }
    }
}
