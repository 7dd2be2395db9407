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
        let first = found.len();
        find_in_token(bare, offset, &mut found);
        find_tokens(bare, offset, &mut found);
        found[first..].sort_by_key(|range| range.start);
        offset += token.len();
    }
    // A token may be inside of something that looks like a password.
    found.dedup_by(|next, before| {
        let is_inside = next.start < before.end;
        before.end = if is_inside { before.end.max(next.end) } else { before.end };
        is_inside
    });
    found
}

/// Names of query parameters with a token, a signature or a password.
const SECRET_PARAMETERS: [&str; 22] = [
    "access_token",
    "api_key",
    "apikey",
    "auth_token",
    "awsaccesskeyid",
    "client_secret",
    "jwt",
    "oauth_token",
    "passwd",
    "password",
    "private_token",
    "pwd",
    "secret",
    "session_token",
    "sig",
    "signature",
    "token",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
    "x-goog-credential",
    "x-goog-signature",
];

/// Looks for tokens in the queries and paths of the URLs in a text without spaces.
fn find_tokens(text: &str, offset: usize, found: &mut Vec<Range<usize>>) {
    if !text.contains("://") {
        return;
    }
    for (at, _) in text.match_indices(['?', '&']) {
        let rest = text.get(at + 1..).unwrap_or_default();
        let pair = rest.split(['&', '#', ',', ';', '\'', ')']).next().unwrap_or_default();
        let Some((name, value)) = pair.split_once('=') else { continue };
        if !value.is_empty() && SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()) {
            let start = offset + at + 1 + name.len() + 1;
            found.push(start..start + value.len());
        }
    }
    // Channels of conda have a token after `/t/` (conda: `conda/common/url.py`, `split_conda_url_easy_parts`).
    for (at, marker) in text.match_indices("/t/") {
        let start = at + marker.len();
        let rest = text.get(start..).unwrap_or_default();
        let part = rest.split('/').next().unwrap_or_default();
        let is_word = part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if is_word && part.len() >= 12 && part.contains(|c: char| c.is_ascii_digit()) {
            found.push(offset + start..offset + start + part.len());
        }
    }
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
    fn hides_tokens() {
        check("https://h/a.whl?private_token=abc", "https://h/a.whl?private_token=***");
        check("https://h/a?v=1&X-Amz-Signature=dead&b=2#c", "https://h/a?v=1&X-Amz-Signature=****&b=2#c");
        check("x @ https://h/a?token=${T} ; y", "x @ https://h/a?token=**** ; y");
        check("https://c/t/qt-0123456789ab/stable", "https://c/t/***************/stable");
        check("https://u:p@h/a?sig=x", "https://***@h/a?sig=*");
    }

    #[test]
    fn leaves_other_urls_alone() {
        for text in [
            "https://h/a?page=2&name=x",
            "https://h/a?token=&b",
            "a?token=b",
            "https://h/t/some-long-topic/1",
            "https://h/t/tk-1/main",
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
