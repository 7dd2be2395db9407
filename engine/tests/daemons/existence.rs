//! Registries that have an image, do not have it, or do not answer.

use buildkit_client::session::auth::{AuthOptions, RegistryAuth};
use imagespec_engine::{Existence, exist};

use crate::lab::{BUILDKITD, credentials, engine, fresh, logged_in, spec, variable, variables};

#[track_caller]
fn reason(found: Existence) -> String {
    match found {
        Existence::Unknown(reason) => {
            assert!(!reason.contains(&variable("IMAGESPEC_LAB_TLS_REGISTRY_PASSWORD")), "{reason}");
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_registry_without_a_password() {
    let nobody = tempfile::tempdir().unwrap();
    let settings = imagespec_engine::Settings::from_variables(variables(nobody.path()));
    let spec = spec("plain").with_registry(&variable("IMAGESPEC_LAB_REGISTRY")).unwrap();
    let built = engine(BUILDKITD, settings).build(&spec).await.unwrap();
    let credentials = credentials(nobody.path());
    assert_eq!(exist(&built.image_name, &credentials).await, Existence::Exists);
    let (repository, _) = built.image_name.rsplit_once(':').unwrap();
    assert_eq!(exist(&format!("{repository}:other"), &credentials).await, Existence::Missing);
    assert_eq!(exist(&format!("{repository}-other:1"), &credentials).await, Existence::Missing);
}

#[tokio::test]
async fn a_registry_with_a_password() {
    let user = logged_in(&variable("IMAGESPEC_LAB_TLS_REGISTRY_PASSWORD"));
    let spec = spec("tls").with_registry(&variable("IMAGESPEC_LAB_TLS_REGISTRY")).unwrap();
    let settings = imagespec_engine::Settings::from_variables(variables(user.path()));
    let image = engine(BUILDKITD, settings).build(&spec).await.unwrap().image_name;
    assert_eq!(exist(&image, &credentials(user.path())).await, Existence::Exists);
    let missing = format!("{}/engine-test/{}:1", variable("IMAGESPEC_LAB_TLS_REGISTRY"), fresh());
    assert_eq!(exist(&missing, &credentials(user.path())).await, Existence::Missing);

    let nobody = tempfile::tempdir().unwrap();
    for image in [&image, &missing] {
        let reason = reason(exist(image, &credentials(nobody.path())).await);
        assert!(reason.contains("401") && reason.contains("no credentials"), "{reason}");
    }
    // The certificate is signed by the lab's own authority.
    let strict = RegistryAuth::new(AuthOptions { config_dir: Some(user.path().to_owned()), ..AuthOptions::default() });
    let reason_text = reason(exist(&image, &strict.unwrap()).await);
    assert!(reason_text.contains("certificate"), "{reason_text}");
    let other = logged_in("not-the-password");
    let reason_text = reason(exist(&image, &credentials(other.path())).await);
    assert!(reason_text.contains("401") && !reason_text.contains("not-the-password"), "{reason_text}");
}

#[tokio::test]
async fn the_spec_names_its_credentials() {
    let user = logged_in(&variable("IMAGESPEC_LAB_TLS_REGISTRY_PASSWORD"));
    let nobody = tempfile::tempdir().unwrap();
    let settings = imagespec_engine::Settings::from_variables(variables(nobody.path()));
    let spec = spec("config").with_registry(&variable("IMAGESPEC_LAB_TLS_REGISTRY")).unwrap();
    let spec = spec.with_registry_config(user.path().to_str().unwrap()).unwrap();
    for was_built in [true, false] {
        let built = engine(BUILDKITD, settings.clone()).build(&spec).await.unwrap();
        assert_eq!((built.was_built, built.warnings), (was_built, Vec::new()));
    }
}

#[tokio::test]
async fn nobody_answers() {
    let nobody = tempfile::tempdir().unwrap();
    let reason_text = reason(exist("localhost:1/a:1", &credentials(nobody.path())).await);
    assert!(reason_text.contains("localhost:1") && reason_text.contains("refused"), "{reason_text}");
    let reason_text = reason(exist("registry.invalid/a:1", &credentials(nobody.path())).await);
    assert!(reason_text.contains("registry.invalid"), "{reason_text}");
    let unparsable = reason(exist("A b", &credentials(nobody.path())).await);
    assert!(unparsable.contains("not a valid image reference"), "{unparsable}");
}
