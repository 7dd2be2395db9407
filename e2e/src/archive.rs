//! Image archives from `docker save` and the exporters `oci` and `docker`, with all layers decompressed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ruzstd::decoding::StreamingDecoder;
use serde_json::Value;

use crate::rootfs::Rootfs;

/// One layer.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The digest of the uncompressed tar, from the config.
    pub diff_id: String,
    /// The uncompressed tar.
    pub tar: Vec<u8>,
}

/// One platform's image.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The image config.
    pub config: Value,
    /// The layers from the base up.
    pub layers: Vec<Layer>,
    /// All files except layers: manifests, configs, attestations.
    pub documents: BTreeMap<String, Vec<u8>>,
}

impl Archive {
    /// Reads the archive of one image.
    ///
    /// # Panics
    /// If it is not an image archive, or has several platforms.
    #[must_use]
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        let files = files(path);
        let parsed = docker_manifest(&files).unwrap_or_else(|| {
            let mut images = oci_manifests(&files);
            assert_eq!(images.len(), 1, "{} holds several platforms", path.display());
            images.remove(0).1
        });
        Self::assemble(&files, &parsed)
    }

    /// Reads an image of a registry. `bytes` gets `manifests/DIGEST` and `blobs/DIGEST` of its repository.
    ///
    /// # Panics
    /// If it has several platforms.
    #[must_use]
    #[track_caller]
    pub fn pulled(bytes: impl Fn(&str) -> Vec<u8>, reference: &str) -> Self {
        let (_, digest) = reference.split_once('@').expect("a reference with a digest");
        let mut files = BTreeMap::new();
        let mut images = Vec::new();
        let mut waiting = vec![(digest.to_owned(), true)];
        while let Some((digest, is_image)) = waiting.pop() {
            let text = bytes(&format!("manifests/{digest}"));
            let manifest: Value = serde_json::from_slice(&text).expect("a manifest is JSON");
            files.insert(digest, text);
            for child in manifest["manifests"].as_array().into_iter().flatten() {
                // Attestations have no platform (moby/buildkit: `docs/attestations/attestation-storage.md`).
                let is_image = child["platform"]["os"] != "unknown";
                waiting.push((child["digest"].as_str().unwrap_or_default().to_owned(), is_image));
            }
            let blob = |descriptor: &Value| descriptor["digest"].as_str().map(str::to_owned);
            let Some(config) = blob(&manifest["config"]) else { continue };
            let layers: Vec<String> = manifest["layers"].as_array().into_iter().flatten().filter_map(blob).collect();
            for name in layers.iter().chain([&config]) {
                files.insert(name.clone(), bytes(&format!("blobs/{name}")));
            }
            images.extend(is_image.then_some(Names { config, layers }));
        }
        assert_eq!(images.len(), 1, "{reference} has several platforms, or none");
        Self::assemble(&files, &images.remove(0))
    }

    /// Reads an OCI archive by platform.
    ///
    /// # Panics
    /// If it is not an OCI archive.
    #[must_use]
    #[track_caller]
    pub fn read_platforms(path: &Path) -> BTreeMap<String, Self> {
        let files = files(path);
        let images = oci_manifests(&files).into_iter();
        images.map(|(platform, names)| (platform, Self::assemble(&files, &names))).collect()
    }

    #[track_caller]
    fn assemble(files: &BTreeMap<String, Vec<u8>>, names: &Names) -> Self {
        let file = |name: &str| files.get(name).unwrap_or_else(|| panic!("the archive has no {name}"));
        let config: Value = serde_json::from_slice(file(&names.config)).expect("the image config is JSON");
        let diff_ids = config["rootfs"]["diff_ids"].as_array().cloned().unwrap_or_default();
        assert_eq!(diff_ids.len(), names.layers.len(), "config and manifest disagree on the number of layers");
        let layers = diff_ids.iter().zip(&names.layers).map(|(diff_id, name)| Layer {
            diff_id: diff_id.as_str().unwrap_or_default().to_owned(),
            tar: unpacked(file(name)),
        });
        let layers: Vec<Layer> = layers.collect();
        let documents = files.iter().filter(|(name, _)| !names.layers.contains(name));
        Self { config, layers, documents: documents.map(|(name, bytes)| (name.clone(), bytes.clone())).collect() }
    }

    /// The root filesystem.
    #[must_use]
    #[track_caller]
    pub fn rootfs(&self) -> Rootfs {
        Rootfs::from_layers(self.layers.iter().map(|layer| layer.tar.as_slice()))
    }

    /// The layers on top of a base's.
    ///
    /// # Panics
    /// If the image does not have the base's layers.
    #[must_use]
    #[track_caller]
    pub fn above(&self, base: &[String]) -> &[Layer] {
        let (below, above) = self.layers.split_at(base.len().min(self.layers.len()));
        let below: Vec<&String> = below.iter().map(|layer| &layer.diff_id).collect();
        assert_eq!(below, base.iter().collect::<Vec<_>>(), "the image has the base's layers");
        above
    }
}

/// The paths of an image's parts in an archive.
struct Names {
    config: String,
    layers: Vec<String>,
}

#[track_caller]
fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = File::open(path).unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
    let mut archive = tar::Archive::new(BufReader::new(file));
    let entries = archive.entries().unwrap_or_else(|error| panic!("{} is not a tar: {error}", path.display()));
    let read = entries.map(|entry| {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        Ok((name, bytes))
    });
    let read: std::io::Result<BTreeMap<_, _>> = read.collect();
    read.unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// `manifest.json`, which is in all of Docker's archives.
fn docker_manifest(files: &BTreeMap<String, Vec<u8>>) -> Option<Names> {
    let manifest: Value = serde_json::from_slice(files.get("manifest.json")?).expect("manifest.json is JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let layers = manifest[0]["Layers"].as_array().into_iter().flatten().map(text).collect();
    Some(Names { config: text(&manifest[0]["Config"]), layers })
}

/// The images of an OCI layout by platform, without attestations.
#[track_caller]
fn oci_manifests(files: &BTreeMap<String, Vec<u8>>) -> Vec<(String, Names)> {
    let json = |name: &str| -> Value {
        let bytes = files.get(name).unwrap_or_else(|| panic!("the archive has no {name}"));
        serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{name} is not valid JSON: {error}"))
    };
    let blob = |descriptor: &Value| {
        format!("blobs/{}", descriptor["digest"].as_str().unwrap_or_default().replacen(':', "/", 1))
    };
    let mut open = vec![json("index.json")];
    let mut images = Vec::new();
    while let Some(document) = open.pop() {
        for descriptor in document["manifests"].as_array().into_iter().flatten() {
            if descriptor["annotations"]["vnd.docker.reference.type"] != "attestation-manifest" {
                open.push(json(&blob(descriptor)));
            }
        }
        if document["config"].is_object() {
            let config = json(&blob(&document["config"]));
            let text = |name: &str| config[name].as_str().unwrap_or_default().to_owned();
            let layers = document["layers"].as_array().into_iter().flatten().map(&blob).collect();
            let platform = format!("{}/{}", text("os"), text("architecture"));
            images.push((platform, Names { config: blob(&document["config"]), layers }));
        }
    }
    images
}

/// A decompressed layer; the compression is detected by its first bytes.
#[track_caller]
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    const TAR_MAGIC_AT: usize = 257;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut unpacked).expect("the layer is gzip");
        return unpacked;
    }
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let (mut rest, mut unpacked) = (bytes, Vec::new());
        // One frame after the other.
        while !rest.is_empty() {
            let mut frame = StreamingDecoder::new(&mut rest).expect("the layer is zstd");
            frame.read_to_end(&mut unpacked).expect("the layer is zstd");
        }
        return unpacked;
    }
    // An empty tar consists of zeros. Other data must not count as a layer that was checked.
    let is_tar = bytes.get(TAR_MAGIC_AT..).is_some_and(|rest| rest.starts_with(b"ustar"));
    assert!(is_tar || bytes.iter().all(|byte| *byte == 0), "a layer is not a tar, gzip or zstd");
    bytes.to_vec()
}
