//! Registries that have an image, have it not, or do not say.

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
    // Who signed its certificate is known to nobody but the lab.
    let strict = RegistryAuth::new(AuthOptions { config_dir: Some(user.path().to_owned()), ..AuthOptions::default() });
    let said = reason(exist(&image, &strict.unwrap()).await);
    assert!(said.contains("certificate"), "{said}");
    let other = logged_in("not-the-password");
    let said = reason(exist(&image, &credentials(other.path())).await);
    assert!(said.contains("401") && !said.contains("not-the-password"), "{said}");
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
    let said = reason(exist("localhost:1/a:1", &credentials(nobody.path())).await);
    assert!(said.contains("localhost:1") && said.contains("refused"), "{said}");
    let said = reason(exist("registry.invalid/a:1", &credentials(nobody.path())).await);
    assert!(said.contains("registry.invalid"), "{said}");
    let unparsable = reason(exist("A b", &credentials(nobody.path())).await);
    assert!(unparsable.contains("not a valid image reference"), "{unparsable}");
}
