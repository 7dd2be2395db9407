//! The rules of secret sources. The wire format is tested with the session.

use super::*;

fn environment(name: &str) -> Option<OsString> {
    (name == "TOKEN").then(|| "from env".into())
}

fn value(secrets: &Secrets, id: &str) -> Option<Vec<u8>> {
    secrets.read(id).unwrap().map(|bytes| bytes.expose().to_vec())
}

#[test]
fn reads_each_kind_of_source() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "from file").unwrap();
    let mut secrets = Secrets::default();
    secrets.add("file", SecretSource::File(file.clone()), environment).unwrap();
    secrets.add("env", SecretSource::Env("TOKEN".to_owned()), environment).unwrap();
    secrets.add("bytes", SecretSource::Bytes(vec![0, 255].into()), environment).unwrap();
    secrets.add_by_id("TOKEN", environment).unwrap();
    secrets.add_by_id(file.to_str().unwrap(), environment).unwrap();
    assert_eq!(value(&secrets, "file").unwrap(), b"from file");
    assert_eq!(value(&secrets, "env").unwrap(), b"from env");
    assert_eq!(value(&secrets, "bytes").unwrap(), [0, 255]);
    assert_eq!(value(&secrets, "TOKEN").unwrap(), b"from env");
    assert_eq!(value(&secrets, file.to_str().unwrap()).unwrap(), b"from file");
    assert_eq!(value(&secrets, "unknown"), None);
    // Read when requested, not when added.
    std::fs::write(&file, "changed").unwrap();
    assert_eq!(value(&secrets, "file").unwrap(), b"changed");
}

#[test]
fn reports_mistakes_early() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    std::fs::write(&large, vec![0; MAX_SECRET_SIZE + 1]).unwrap();
    let mut secrets = Secrets::default();
    let mut add = |id: &str, source| secrets.add(id, source, environment).unwrap_err();
    assert!(matches!(add("", SecretSource::Env("TOKEN".to_owned())), SecretError::MissingId));
    assert!(matches!(add("x", SecretSource::Env("UNSET".to_owned())), SecretError::UnsetVariable { .. }));
    assert!(matches!(add("x", SecretSource::File("/nowhere".into())), SecretError::Unreadable { .. }));
    assert!(matches!(add("x", SecretSource::File(folder.path().into())), SecretError::Unreadable { .. }));
    assert!(matches!(add("x", SecretSource::File(large)), SecretError::TooLarge { .. }));
    let bytes = SecretSource::Bytes(vec![0; MAX_SECRET_SIZE + 1].into());
    assert!(matches!(add("x", bytes), SecretError::TooLarge { .. }));
}

#[test]
fn the_limit_holds_when_reading_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, vec![7; MAX_SECRET_SIZE]).unwrap();
    let mut secrets = Secrets::default();
    secrets.add("s", SecretSource::File(file.clone()), environment).unwrap();
    assert_eq!(value(&secrets, "s").unwrap().len(), MAX_SECRET_SIZE);
    std::fs::write(&file, vec![7; MAX_SECRET_SIZE + 1]).unwrap();
    assert!(matches!(secrets.read("s"), Err(SecretError::TooLarge { .. })));
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(secrets.read("s"), Err(SecretError::Unreadable { .. })));
}

#[test]
fn nothing_prints_a_secret() {
    let mut secrets = Secrets::default();
    secrets.add("id", SecretSource::Bytes(b"hunter2".to_vec().into()), environment).unwrap();
    let shown = format!("{secrets:?} {:?}", SecretSource::Bytes(b"hunter2".to_vec().into()));
    assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
}
