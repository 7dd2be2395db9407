//! `imagespec tag`: prints the image name of a spec, without a daemon.

use imagespec::ImageSpec;
use imagespec_driver::content;

use crate::args::{TagArgs, TagFormat};
use crate::error::CliError;
use crate::print;
use crate::spec_file::SpecFile;

pub(crate) fn run(args: &TagArgs) -> Result<(), CliError> {
    let file = SpecFile::read(&args.spec)?;
    let (document, _warnings) = imagespec_frontend::parse(&file.text, &file.choice)?;
    if args.format == TagFormat::Id {
        return print::data(&format!("{}\n", document.spec.id()));
    }
    let content = content::gather(&file.files, &document, &args.platform)?;
    let spec: &ImageSpec = &document.spec;
    let text = match args.format {
        TagFormat::Name => spec.image_name(&content),
        TagFormat::Tag => spec.tag(&content),
        TagFormat::Fingerprint | TagFormat::Id => spec.fingerprint(&content).to_string(),
    };
    print::data(&format!("{text}\n"))
}
