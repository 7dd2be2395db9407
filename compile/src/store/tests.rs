//! Tests of the store: which answers count, and what a saved store is.

use super::*;
use crate::question::Root;
use buildkit_llb::Platform;

fn programs(reference: &str) -> Programs {
    let root = Root::Image { reference: reference.to_owned(), platform: Platform::linux("amd64") };
    Programs { root, folders: vec!["/usr/bin".to_owned()] }
}

#[test]
fn a_saved_store_can_be_loaded() {
    let mut store = Store::default();
    store.set(ContextFile { path: "requirements.txt".to_owned() }, Some("numpy\n".into()));
    store.set(ContextFile { path: "gone.txt".to_owned() }, None);
    store.set(programs("debian@sha256:0"), vec![Program { path: "/usr/bin/python3".to_owned(), link: None }]);
    store.set(Lock { digest: "sha256:1".to_owned() }, LockFact { lock: Some("x".into()), exported: None });
    let saved = serde_json::to_string(&store).unwrap();
    assert_eq!(serde_json::from_str::<Store>(&saved).unwrap(), store);
    for older in [saved.replace("\"version\":3", "\"version\":1"), "{\"capabilities\": []}".to_owned()] {
        let refused = serde_json::from_str::<Store>(&older).unwrap_err().to_string();
        assert!(refused.contains("saved facts of version 1 are not supported"), "{refused}");
    }
}

#[test]
fn known_answers_override_expected_ones() {
    let (mut known, mut expected) = (Store::default(), Store::default());
    let file = ContextFile { path: "a".to_owned() };
    expected.set(file.clone(), Some("old".into()));
    assert!(matches!(known.over(&expected).find(&file), Found::Expected(_)));
    known.set(file.clone(), None);
    assert_eq!(known.over(&expected).find(&file), Found::Known(&None));
    assert_eq!(Knowledge::from(&expected).find(&file), Found::Known(&Some("old".into())));
}

#[test]
fn answers_about_content_are_permanent() {
    let (known, mut expected) = (Store::default(), Store::default());
    for reference in ["debian@sha256:0", "debian:12"] {
        expected.set(programs(reference), Vec::new());
    }
    assert!(matches!(known.over(&expected).find(&programs("debian@sha256:0")), Found::Known(_)));
    assert!(matches!(known.over(&expected).find(&programs("debian:12")), Found::Expected(_)));
}
