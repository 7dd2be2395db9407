//! Errors of registries in the messages of daemons.
//!
//! HTTP statuses and gRPC codes are lost on their way through a daemon, so the texts of containerd's resolver and pusher and of registries
//! are compared (containerd/containerd: `core/remotes/docker`; opencontainers/distribution-spec: `spec.md`, error codes).

/// Texts of messages that are about a registry.
const ABOUT_REGISTRIES: [&str; 13] = [
    "failed to push ",
    "failed to copy: ",
    "failed to authorize",
    "failed to do request",
    "failed to fetch oauth token",
    "failed to fetch anonymous token",
    "failed to resolve source metadata",
    "unexpected status",
    "httpReadSeeker",
    "error getting credentials",
    "error writing layer blob",
    "error writing manifest blob",
    "error writing config blob",
];

/// Texts of refusals.
const REFUSALS: [&str; 8] = [
    "authorization failed",
    "insufficient_scope",
    "pull access denied",
    "push access denied",
    "no basic auth credentials",
    "401 Unauthorized",
    "403 Forbidden",
    "error getting credentials",
];

/// Error codes of registries that refuse, which stand in front of their messages.
const REFUSAL_CODES: [&str; 2] = ["denied", "unauthorized"];

/// Texts of registries that are overloaded, fail, or cannot be reached.
const TROUBLES: [&str; 19] = [
    "429 Too Many Requests",
    "500 Internal Server Error",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway Time",
    "connection refused",
    "connection reset by peer",
    "connection timed out",
    "no route to host",
    "network is unreachable",
    "i/o timeout",
    "TLS handshake timeout",
    "no such host",
    "server misbehaving",
    "broken pipe",
    "deadline exceeded",
    "request canceled while waiting for connection",
    "unexpected EOF",
    ": EOF",
];

/// Error codes of registries that may answer otherwise later.
const TROUBLE_CODES: [&str; 3] = ["toomanyrequests", "unavailable", "unknown"];

/// Whether a registry refused access.
pub(super) fn is_refusal(message: &str) -> bool {
    has_any(message, &REFUSALS) || (is_about_a_registry(message) && has_code(message, &REFUSAL_CODES))
}

/// Whether a registry could not answer, and may do so later.
pub(super) fn is_trouble(message: &str) -> bool {
    is_about_a_registry(message) && (has_any(message, &TROUBLES) || has_code(message, &TROUBLE_CODES))
}

/// The registry that a message is about, as `docker login` names it.
pub(super) fn host(message: &str) -> Option<&str> {
    let of_url = || {
        let (_, rest) = message.split_once("https://").or_else(|| message.split_once("http://"))?;
        let (host, path) = rest.split_once('/')?;
        path.starts_with("v2/").then_some(host)
    };
    let of_name = || {
        let (_, name) = message.split_once("failed to push ").or_else(|| message.split_once("source metadata for "))?;
        Some(name.split_once('/')?.0)
    };
    let is_host = |host: &&str| {
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
    };
    let host = of_url().or_else(of_name).filter(is_host)?;
    Some(if host == "registry-1.docker.io" { "docker.io" } else { host })
}

fn is_about_a_registry(message: &str) -> bool {
    has_any(message, &ABOUT_REGISTRIES)
}

fn has_any(message: &str, texts: &[&str]) -> bool {
    texts.iter().any(|text| message.contains(text))
}

/// Whether one of the parts of a chained message is an error code.
fn has_code(message: &str, codes: &[&str]) -> bool {
    message.split(": ").any(|part| codes.contains(&part.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_and_troubles_are_told_apart() {
        let check = |message: &str, refused, trouble, host: Option<&str>| {
            assert_eq!((is_refusal(message), is_trouble(message)), (refused, trouble), "{message}");
            assert_eq!(super::host(message), host, "{message}");
        };
        check(
            "failed to push r.example:5000/a/b:1: denied: requested access to the resource is denied",
            true,
            false,
            Some("r.example:5000"),
        );
        check(
            "failed to push r.example/a:1: unexpected status from POST request to https://r.example/v2/a/blobs/uploads/: 401 Unauthorized",
            true,
            false,
            Some("r.example"),
        );
        check("failed to push r.example/a:1: unauthorized: authentication required", true, false, Some("r.example"));
        check(
            "failed to push r.example/a:1: unexpected status from PUT request to http://r.example/v2/a: 429 Too Many Requests",
            false,
            true,
            Some("r.example"),
        );
        check("failed to push r.example/a:1: toomanyrequests: slow down", false, true, Some("r.example"));
        check(
            "docker.io/library/x:1: failed to resolve source metadata for docker.io/library/x:1: failed to do request: \
             Head \"https://registry-1.docker.io/v2/library/x/manifests/1\": dial tcp 1.2.3.4:443: connect: connection refused",
            false,
            true,
            Some("docker.io"),
        );
        check(
            "failed to copy: httpReadSeeker: failed open: unexpected status code https://r.example/v2/a/blobs/sha256:0: 503 Service Unavailable",
            false,
            true,
            Some("r.example"),
        );
        check(
            "failed to push r.example/a:1: unexpected status from PUT request to https://r.example/v2/a: 400 Bad Request",
            false,
            false,
            Some("r.example"),
        );
    }

    #[test]
    fn other_messages_are_no_registry_s() {
        for message in [
            "open /x: permission denied: no",
            "process \"denied: x\" did not complete successfully: exit code: 1",
            "failed to compute cache key: denied: x",
            "lstat /a: unknown: b",
            "dial tcp: connection refused",
        ] {
            assert!(!is_refusal(message) && !is_trouble(message), "{message}");
            assert_eq!(host(message), None, "{message}");
        }
    }
}
