//! `imagespec schema`: prints the JSON Schema of spec files, for editors.

use crate::error::CliError;
use crate::print;

pub(crate) fn run() -> Result<(), CliError> {
    print::data(&format!("{:#}\n", imagespec::json_schema()))
}
