//! The files of `testdata/specs`. The crate itself reads none.

#![allow(dead_code, reason = "not every test looks at snapshots")]
#![expect(clippy::disallowed_methods, reason = "the crate reads no files, its tests do")]

use std::path::{Path, PathBuf};

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/specs").join(name)
}

/// The files of a folder except snapshots, in order: name and text.
pub(crate) fn files(name: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder(name)).expect("testdata is there") {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
        if !name.ends_with(".snap") && !name.ends_with(".snap.new") {
            found.push((name, std::fs::read_to_string(&path).expect("text")));
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Compares with the snapshot next to the file.
pub(crate) fn snapshot(name: &str, file: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder(name));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(file, text));
}
