//! `imagespec exists`: checks whether an image is in its registry, without a daemon.

use imagespec_driver::content;
use imagespec_engine::{Existence, exist};
use oci_names::ImageReference;

use crate::args::{ExistsArgs, SpecArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::spec_file::SpecFile;
use crate::{image, print};

pub(crate) async fn run(args: &ExistsArgs) -> Result<Exit, CliError> {
    let (reference, credentials) = match (lone_reference(&args.spec), &args.reference) {
        (Some(reference), None) => (reference, image::registry_auth()?),
        (_, reference) => {
            let file = SpecFile::read(&args.spec)?;
            let (document, _warnings) = imagespec_frontend::parse(&file.text, &file.choice)?;
            let reference = match reference {
                Some(reference) => reference.clone(),
                None if document.spec.registry().is_some() => {
                    let content = content::gather(&file.files, &document, &args.platform)?;
                    document.spec.image_name(&content)
                }
                None => {
                    let message = "the spec has no `registry`; set one, or pass an image reference";
                    return Err(CliError::Input(message.to_owned()));
                }
            };
            (reference, image::registry_auth_for(&file, &document.spec)?)
        }
    };
    ImageReference::parse(&reference).map_err(|error| CliError::Input(error.to_string()))?;
    for problem in credentials.problems() {
        print::note(&format!("warning: {problem}; its logins are not used\n"));
    }
    let found = exist(&reference, &credentials).await;
    print::text(&format!("{found} {reference}\n"))?;
    Ok(match found {
        Existence::Exists => Exit::Success,
        Existence::Missing => Exit::Missing,
        Existence::Unknown(reason) => {
            print::note(&format!("{reason}\n"));
            Exit::Refused
        }
    })
}

/// The reference, if one was passed in place of the context. A context is a folder and has no tag or digest; with `-f`, the
/// argument is always the context.
fn lone_reference(spec: &SpecArgs) -> Option<String> {
    let text = spec.common.context.to_str()?;
    let is_reference = text.contains([':', '@']) && !spec.common.context.is_dir() && spec.file.is_none();
    is_reference.then(|| text.to_owned())
}
