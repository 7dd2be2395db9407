//! A spec with everything it needs from this machine: its file, options, secrets and registry credentials.
//!
//! Client paths in a spec are relative to the spec file.

use std::path::Path;
use std::sync::Arc;

use buildkit_client::flag::SecretFlag;
use buildkit_client::session::auth::RegistryAuth;
use buildkit_client::session::secrets::{SecretError, SecretSource, Secrets};
use imagespec::ImageSpec;
use imagespec_driver::{Image, SecretsError, Variables, add_secrets};

use crate::args::{BuildOptionArgs, SpecArgs};
use crate::error::CliError;
use crate::options::{self, CA_BUNDLE_ID};
use crate::spec_file::SpecFile;
use crate::{print, proxies};

/// Reads a spec and everything it needs from this machine. The image has no tags yet.
pub(crate) fn read(spec: &SpecArgs, args: &BuildOptionArgs, missing: Missing) -> Result<Image, CliError> {
    let mut file = SpecFile::read(spec)?;
    let mut options = options::frontend_options(args, &file, |name| std::env::var_os(name))?;
    let config = imagespec_driver::auth_options(None, &Variables::from_process()).config_dir;
    for name in proxies::add(&mut options, proxies::configured(config.as_deref())) {
        let folder = config.as_deref().unwrap_or(Path::new("")).display();
        print::note(&format!(
            "warning: {name} in {folder}/config.json has a password, which the daemon would keep, so steps do not get it\n"
        ));
    }
    file.choice.contexts = options::named_contexts(&options);
    let (document, warnings) = imagespec_frontend::parse(&file.text, &file.choice)?;
    let credentials = registry_auth_for(&file, &document.spec)?;
    let secrets = secrets(&file, &document.spec, args, missing)?;
    let (title, tags, files) = (spec.title(), Vec::new(), file.files);
    Ok(Image { title, document, warnings, files, options, tags, secrets, credentials })
}

/// How to handle a secret that has no source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Fail: the build needs it.
    Refuse,
    /// Ignore it: planning reads no secrets, and the caller may not have them.
    Ignore,
}

/// Credentials from the spec's `registry_config`, or else from Docker's own configuration.
pub(crate) fn registry_auth_for(file: &SpecFile, spec: &ImageSpec) -> Result<Arc<RegistryAuth>, CliError> {
    Ok(Arc::new(imagespec_driver::registry_auth(&file.files, spec, &Variables::from_process())?))
}

/// Credentials from Docker's configuration. Token requests trust this machine's own certificates.
pub(crate) fn registry_auth() -> Result<Arc<RegistryAuth>, CliError> {
    let options = imagespec_driver::auth_options(None, &Variables::from_process());
    RegistryAuth::new(options).map(Arc::new).map_err(|error| CliError::Refused(error.to_string()))
}

/// The secrets of the flags and the spec. A flag overrides the spec, so that a machine can use a different file.
fn secrets(file: &SpecFile, spec: &ImageSpec, args: &BuildOptionArgs, missing: Missing) -> Result<Secrets, CliError> {
    let mut secrets = Secrets::default();
    let environment = |name: &str| std::env::var_os(name);
    let refused = |error: SecretError| {
        use std::error::Error as _;
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        CliError::Refused(format!("{error}{cause}"))
    };
    let flags: Vec<SecretFlag> = args.secret.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let by_flag = |id: &str| flags.iter().any(|flag| flag.id == id);
    let has_source = |id: &str| by_flag(id) || (id == CA_BUNDLE_ID && args.ca_bundle.is_some());
    let problems = add_secrets(&mut secrets, &file.files, spec, &Variables::from_process(), has_source);
    // Planning needs the bundle to use the network.
    let is_fatal = |problem: &SecretsError| missing == Missing::Refuse || problem.id() == CA_BUNDLE_ID;
    if let Some(problem) = problems.into_iter().find(is_fatal) {
        let advice = match &problem {
            SecretsError::NoSource { id } => format!("; add --secret id={id},src=FILE"),
            SecretsError::Unreadable { .. } => String::new(),
        };
        return Err(CliError::Refused(format!("{problem}{advice}")));
    }
    if let Some(path) = args.ca_bundle.clone().filter(|_| !by_flag(CA_BUNDLE_ID)) {
        secrets.add(CA_BUNDLE_ID, SecretSource::File(path), environment).map_err(refused)?;
    }
    for SecretFlag { id, source } in flags {
        match source {
            Some(source) => secrets.add(id, source, environment),
            None => secrets.add_by_id(id, environment),
        }
        .map_err(refused)?;
    }
    Ok(secrets)
}
