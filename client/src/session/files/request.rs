//! The headers of a request for a directory (moby/buildkit: `session/filesync/filesync.go`, `encodeOpts`).
//!
//! This module only parses headers; the caller checks that the directory exists.

use buildkit_proto::go::{parse_bool, percent_decode};
use http::{HeaderMap, HeaderValue};
use tonic::Status;

use crate::session::sent::DirRequest;

pub(super) fn from_headers(headers: &HeaderMap) -> Result<DirRequest, Status> {
    Ok(DirRequest {
        name: values(headers, "dir-name")?.into_iter().next().unwrap_or_default(),
        include: values(headers, "include-patterns")?,
        exclude: values(headers, "exclude-patterns")?,
        follow: values(headers, "followpaths")?,
    })
}

/// The values of a key. If a value is not ASCII, the daemon escapes all values and sets a second key.
fn values(headers: &HeaderMap, key: &str) -> Result<Vec<String>, Status> {
    let is_escaped = headers
        .get(format!("{key}-encoded"))
        .is_some_and(|flag| flag.to_str().is_ok_and(|flag| parse_bool(flag) == Some(true)));
    headers
        .get_all(key)
        .iter()
        .map(|value| {
            let bytes = if is_escaped { unescape(value) } else { Some(value.as_bytes().to_vec()) };
            bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
                let shown = String::from_utf8_lossy(value.as_bytes());
                Status::invalid_argument(format!("unreadable value of {key}: {shown:?}"))
            })
        })
        .collect()
}

/// Go's `url.QueryUnescape`.
fn unescape(value: &HeaderValue) -> Option<Vec<u8>> {
    percent_decode(&value.to_str().ok()?.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        pairs
            .iter()
            .map(|(key, value)| (HeaderName::from_static(key), HeaderValue::from_bytes(value).unwrap()))
            .collect()
    }

    #[test]
    fn keeps_the_order_of_patterns() {
        let request = from_headers(&headers(&[
            ("dir-name", b"context"),
            ("exclude-patterns", b"*.md"),
            ("exclude-patterns", b"!README.md"),
            ("include-patterns", b"100%"),
            ("followpaths", b"a+b"),
        ]));
        let request = request.unwrap();
        assert_eq!(request.name, "context");
        assert_eq!(request.exclude, ["*.md", "!README.md"]);
        // Not escaped without the second key.
        assert_eq!(request.include, ["100%"]);
        assert_eq!(request.follow, ["a+b"]);
    }

    #[test]
    fn unescapes_encoded_values() {
        let request = from_headers(&headers(&[
            ("dir-name", b"x"),
            ("include-patterns-encoded", b"1"),
            ("include-patterns", b"caf%C3%A9+%2B"),
            ("include-patterns", b"plain"),
        ]));
        assert_eq!(request.unwrap().include, ["caf\u{e9} +", "plain"]);
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for broken in [&b"%"[..], b"%4", b"%zz", b"%ff"] {
            let headers = headers(&[("followpaths-encoded", b"true"), ("followpaths", broken)]);
            let status = from_headers(&headers).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument, "{broken:?}");
        }
    }
}
