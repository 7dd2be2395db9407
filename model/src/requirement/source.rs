//! Requirements that name where the code is instead of an index: archives, checkouts, files.
//!
//! Fetches nothing and looks at no file.

use crate::fault::Fault;
use crate::package_name::PackageName;
use crate::quote::quote;
use crate::requirement::RequirementKind;
use crate::rules;
use crate::url::{variable_in, without_credentials};

/// Archives uv installs from (`DistExtension` in uv's `uv-distribution-filename`).
const ARCHIVES: [&str; 13] = [
    ".whl",
    ".tar.gz",
    ".zip",
    ".tar.bz2",
    ".tar.lz",
    ".tar.lzma",
    ".tar.xz",
    ".tar.zst",
    ".tar",
    ".tbz",
    ".tgz",
    ".tlz",
    ".txz",
];

/// Transports of a git checkout that uv knows.
const GIT: [&str; 4] = ["git+https", "git+ssh", "git+http", "git+file"];

/// Whether a line begins with a location rather than with a distribution's name.
pub(super) fn is_location(text: &str) -> bool {
    scheme(text).is_some() || is_path(text)
}

/// Classifies a location that is alone or after `name @`.
pub(super) fn location(text: &str, name: Option<PackageName>) -> Result<RequirementKind, Fault> {
    let Some(scheme) = scheme(text) else {
        return Ok(RequirementKind::Path { editable: false });
    };
    without_credentials(text)?;
    if let Some(at) = variable_in(text) {
        return Err(Fault::new(&rules::URL, format!("{} contains a variable, which is not expanded", quote(text)))
            .label("not expanded")
            .help("write the value itself, and a `$` of the URL as `%24`; for a password, mount a `.netrc` with `pip_secret_mounts`")
            .at(at..text.len()));
    }
    let scheme = scheme.to_ascii_lowercase();
    let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
    let name = name.or_else(|| {
        let egg = fragment.split('&').find_map(|pair| pair.strip_prefix("egg="))?;
        PackageName::new(egg.split('[').next()?)
    });
    let refuse = |why: &str| {
        Fault::new(
            &rules::REQUIREMENT,
            format!("{} is not a location that packages can be installed from", quote(text)),
        )
        .label(why)
    };
    if GIT.contains(&scheme.as_str()) {
        return Ok(RequirementKind::Vcs { name });
    }
    if let Some((tool, transport)) = scheme.split_once('+') {
        return Err(match tool {
            "git" => {
                refuse("not a transport of git").at(0..scheme.len()).help(format!("supported: {}", GIT.join(", ")))
            }
            _ => refuse("only git checkouts can be installed")
                .at(0..scheme.len())
                .help(format!("`{transport}` archives work: name a `.tar.gz` or a wheel")),
        });
    }
    match scheme.as_str() {
        "http" | "https" => {}
        "file" => return Ok(RequirementKind::Path { editable: false }),
        "git" | "ssh" => {
            return Err(refuse("not a scheme of an archive")
                .at(0..scheme.len())
                .help("the URL of a checkout begins with `git+https://` or `git+ssh://`"));
        }
        _ => return Err(refuse("not a scheme of an archive").at(0..scheme.len())),
    }
    let path = address.split('?').next().unwrap_or_default().to_ascii_lowercase();
    if !ARCHIVES.iter().any(|archive| path.ends_with(archive)) {
        return Err(refuse("not an archive").help(
            "the URL of an archive ends with `.whl`, `.tar.gz` or `.zip`; that of a checkout begins with `git+`",
        ));
    }
    let name = name.or_else(|| wheel_name(&path));
    Ok(RequirementKind::Url { name })
}

/// `name-version-….whl`
fn wheel_name(path: &str) -> Option<PackageName> {
    let file = path.strip_suffix(".whl")?.rsplit('/').next()?;
    let (name, _) = file.split_once('-')?;
    PackageName::new(name)
}

/// Whether a URL is that of a wheel, which is never built.
pub(super) fn is_wheel(url: &str) -> bool {
    url.split(['#', '?']).next().unwrap_or_default().to_ascii_lowercase().ends_with(".whl")
}

fn is_path(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    text.starts_with(['.', '/', '~'])
        || (ARCHIVES.iter().any(|archive| lower.ends_with(archive)) && !text.contains(['=', '<', '>', '@', ';']))
}

/// The scheme in front of `://`.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let is_valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_valid.then_some(scheme)
}
