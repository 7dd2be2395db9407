//! URLs of package indexes: their scheme, and that they contain no password.
//!
//! Not a URL parser: the installer has one, and reports what it cannot reach.

use crate::credentials::credentials_in;
use crate::fault::Fault;
use crate::quote::quote;
use crate::rules;
use crate::text::one_word;

/// An index or a page of links: `http`, `https`, or `file` for a folder inside the image.
pub(crate) fn index_url(value: &str) -> Result<String, Fault> {
    one_word(value, "a URL")?;
    without_credentials(value)?;
    let refuse = |why: &str| {
        Fault::new(&rules::URL, format!("{} is not a valid URL of an index", quote(value)))
            .label(why)
            .help("an index looks like `https://pypi.org/simple`")
    };
    let (scheme, rest) = value.split_once("://").ok_or_else(|| refuse("no scheme such as `https://`"))?;
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            if host.is_empty() || host.starts_with(':') {
                return Err(refuse("no host"));
            }
        }
        "file" if rest.starts_with('/') => {}
        "file" => return Err(refuse("a file URL has three slashes: `file:///wheels`")),
        _ => return Err(refuse("not a scheme of an index").at(0..scheme.len())),
    }
    if let Some(at) = variable_in(value) {
        return Err(refuse("variables are not expanded here")
            .at(at..value.len())
            .help("write the value itself; write a `$` of the URL as `%24`"));
    }
    Ok(value.to_owned())
}

/// Refuses a user name or password in any URL of the text. The text itself is not repeated.
pub(crate) fn without_credentials(value: &str) -> Result<(), Fault> {
    let Some(part) = credentials_in(value).into_iter().next() else {
        return Ok(());
    };
    Err(Fault::new(&rules::CREDENTIALS, "a URL must not contain credentials")
        .label("user name, password or token")
        .help("mount a `.netrc` with `pip_secret_mounts: [[.netrc, /root/.netrc]]`, and write the URL without credentials")
        .at(part))
}

/// Refuses a password or token in any URL of a text that becomes a part of the image.
pub(crate) fn without_published_credentials(value: &str) -> Result<(), Fault> {
    let Some(part) = credentials_in(value).into_iter().next() else {
        return Ok(());
    };
    Err(Fault::new(&rules::CREDENTIALS, "a URL must not contain credentials")
        .label("user name, password or token")
        .help("everyone who can pull the image can read this; set the variable when a container starts")
        .at(part))
}

/// Where a shell would expand a variable: `$NAME` or `${NAME}`.
pub(crate) fn variable_in(value: &str) -> Option<usize> {
    value.match_indices('$').map(|(at, _)| at).find(|at| {
        let next = value.get(at + 1..).and_then(|rest| rest.chars().next());
        next.is_some_and(|c| c == '{' || c == '_' || c.is_ascii_alphabetic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes() {
        for good in
            ["https://pypi.org/simple", "http://127.0.0.1:8080/simple/", "HTTPS://x/y?z=$1#f", "file:///opt/wheels"]
        {
            assert_eq!(index_url(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "pypi.org/simple",
            "ftp://x",
            "https://",
            "https://:80/",
            "file://wheels",
            "https://a b",
            "https://${HOST}/x",
            "https://x/$TOKEN",
            "git+https://x",
            "https://x\n",
        ] {
            assert_eq!(index_url(bad).err().map(|fault| fault.rule == &rules::CREDENTIALS), Some(false), "{bad}");
        }
    }

    #[test]
    fn credentials_are_refused_and_not_repeated() {
        for bad in ["https://u:secret@x/simple", "https://secret@x/simple"] {
            let fault = index_url(bad).expect_err("credentials");
            assert_eq!(fault.rule, &rules::CREDENTIALS);
            assert!(!format!("{fault:?}").contains("secret@"), "{fault:?}");
        }
    }
}
