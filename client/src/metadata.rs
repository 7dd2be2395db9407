//! The files `--metadata-file` and `--iidfile` of a finished build (docker/buildx: `commands/build.go`).

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buildkit_proto::keys::result;
use serde_json::Value;
use tempfile::NamedTempFile;

/// The response as a JSON object. Values that are themselves JSON, most of them in base64, are embedded as JSON.
#[must_use]
pub fn metadata(response: &BTreeMap<String, String>) -> Value {
    let entries = response.iter().map(|(key, value)| (key.clone(), decode(key, value)));
    Value::Object(entries.collect())
}

/// Decodes like buildx: only non-empty objects and lists of objects become JSON, everything else stays text.
fn decode(key: &str, value: &str) -> Value {
    let text = || Value::String(value.to_owned());
    // The result of a subrequest is plain JSON, not base64.
    let bytes =
        if key == result::RESULT_JSON { value.as_bytes().to_vec() } else { STANDARD.decode(value).unwrap_or_default() };
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) if !object.is_empty() => Value::Object(object),
        Ok(Value::Array(list)) if !list.is_empty() && list.iter().all(Value::is_object) => Value::Array(list),
        _ => text(),
    }
}

/// The image id that `docker` uses: the digest of the config if there is one, else the digest of the manifest.
#[must_use]
pub fn image_id(response: &BTreeMap<String, String>) -> Option<&str> {
    response.get(result::IMAGE_CONFIG_DIGEST).or_else(|| response.get(result::IMAGE_DIGEST)).map(String::as_str)
}

/// Writes metadata as indented JSON.
///
/// # Errors
/// The file can't be written. An existing file is then unchanged.
pub fn write_metadata_file(path: &Path, metadata: &Value) -> io::Result<()> {
    let text = serde_json::to_string_pretty(metadata)?;
    write_atomically(path, text.as_bytes())
}

/// Writes only the image id.
///
/// # Errors
/// As [`write_metadata_file`].
pub fn write_image_id_file(path: &Path, id: &str) -> io::Result<()> {
    write_atomically(path, id.as_bytes())
}

/// Writes to a temporary file and renames it, so that no reader sees a partial file. Only the user may read the file, because
/// metadata can contain tokens.
fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn json_in_base64_becomes_json() {
        let descriptor = STANDARD.encode(r#"{"digest":"sha256:d","size":7}"#);
        let list = STANDARD.encode(r#"[{"a":1}]"#);
        let response = response(&[
            ("containerimage.descriptor", &descriptor),
            ("containerimage.digest", "sha256:d"),
            ("empty", "e30="),
            ("list", &list),
            ("numbers", "WzEsMl0="),
            ("result.json", r#"{"x":true}"#),
        ]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&metadata(&response)).expect("JSON"), @r#"
        {
          "containerimage.descriptor": {
            "digest": "sha256:d",
            "size": 7
          },
          "containerimage.digest": "sha256:d",
          "empty": "e30=",
          "list": [
            {
              "a": 1
            }
          ],
          "numbers": "WzEsMl0=",
          "result.json": {
            "x": true
          }
        }
        "#);
    }

    #[test]
    fn the_config_is_the_image() {
        let both = response(&[(result::IMAGE_DIGEST, "sha256:m"), (result::IMAGE_CONFIG_DIGEST, "sha256:c")]);
        assert_eq!(image_id(&both), Some("sha256:c"));
        assert_eq!(image_id(&response(&[(result::IMAGE_DIGEST, "sha256:m")])), Some("sha256:m"));
        assert_eq!(image_id(&BTreeMap::new()), None);
    }

    #[test]
    fn files_are_replaced_whole_and_kept_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("iid");
        for id in ["sha256:one", "sha256:two"] {
            write_image_id_file(&path, id).expect("written");
            assert_eq!(std::fs::read_to_string(&path).expect("read"), id);
        }
        assert_eq!(std::fs::metadata(&path).expect("metadata").permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_file_that_cant_be_written_leaves_nothing() {
        let dir = tempfile::tempdir().expect("temp dir");
        let taken = dir.path().join("taken");
        std::fs::create_dir(&taken).expect("created");
        assert!(write_metadata_file(&taken, &Value::Null).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 1);
    }
}
