//! Folders in which blobs are written, tagged and removed.

use serde_json::json;

use super::*;

async fn put(layout: &OciLayout, content: &[u8]) -> Digest {
    let mut upload = layout.upload().await.unwrap();
    upload.write(content).await.unwrap();
    let digest = upload.digest();
    assert_eq!(upload.len(), content.len() as u64);
    layout.commit(upload).await.unwrap();
    digest
}

#[tokio::test]
async fn blobs_are_found_by_their_digests() {
    let folder = tempfile::tempdir().unwrap();
    let layout = OciLayout::create(folder.path()).unwrap();
    let digest = put(&layout, b"0123456789").await;
    assert_eq!(digest, Digest::from_content(b"0123456789"));
    assert_eq!(layout.size(&digest).await.unwrap(), 10);
    for (offset, limit, expect) in [(0, None, "0123456789"), (3, None, "3456789"), (3, Some(2), "34"), (20, None, "")] {
        let mut text = String::new();
        layout.read(&digest, offset, limit).await.unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, expect);
    }
    let missing = layout.size(&Digest::from_content(b"other")).await.unwrap_err();
    assert!(matches!(missing, LayoutError::Io(_, error) if error.kind() == io::ErrorKind::NotFound));
}

#[tokio::test]
async fn unfinished_blobs_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let layout = OciLayout::create(folder.path()).unwrap();
    let mut upload = layout.upload().await.unwrap();
    upload.write(b"part").await.unwrap();
    drop(upload);
    for left in [layout.blobs(), folder.path().join(UPLOADS)] {
        assert_eq!(std::fs::read_dir(left).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_tag_names_one_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let layout = OciLayout::create(folder.path()).unwrap();
    let descriptor =
        |content: &[u8]| json!({"digest": Digest::from_content(content).to_string(), "size": content.len()});
    layout.tag(descriptor(b"one"), "latest").unwrap();
    layout.tag(descriptor(b"two"), "latest").unwrap();
    layout.tag(descriptor(b"three"), "other").unwrap();
    // Opening the folder again keeps the index.
    let layout = OciLayout::create(folder.path()).unwrap();
    assert_eq!(layout.tagged("latest").unwrap(), Some(Digest::from_content(b"two")));
    assert_eq!(layout.tagged("other").unwrap(), Some(Digest::from_content(b"three")));
    assert_eq!(layout.tagged("none").unwrap(), None);
}

#[tokio::test]
async fn unreferenced_blobs_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let layout = OciLayout::create(folder.path()).unwrap();
    let kept = put(&layout, b"layer").await;
    let config = put(&layout, b"config").await;
    let manifest = json!({
        "config": {"mediaType": "application/vnd.buildkit.cacheconfig.v0", "digest": config.to_string()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": kept.to_string()}],
    });
    let manifest = put(&layout, manifest.to_string().as_bytes()).await;
    let unreferenced = put(&layout, b"of an earlier build").await;
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    layout.tag(json!({"mediaType": media_type, "digest": manifest.to_string()}), "latest").unwrap();
    assert_eq!(layout.remove_unreferenced().unwrap(), 1);
    assert!(layout.size(&unreferenced).await.is_err());
    for digest in [kept, config, manifest] {
        assert!(layout.size(&digest).await.is_ok(), "{digest}");
    }
}

#[test]
fn a_broken_index_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let layout = OciLayout::create(folder.path()).unwrap();
    for broken in ["{", "[1]", "{\"manifests\": 1}"] {
        std::fs::write(folder.path().join(INDEX_FILE), broken).unwrap();
        assert!(layout.tag(json!({}), "latest").is_err(), "{broken}");
    }
    // As `touch` makes it.
    std::fs::write(folder.path().join(INDEX_FILE), "").unwrap();
    layout.tag(json!({}), "latest").unwrap();
}
