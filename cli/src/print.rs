//! The only module that prints: data to stdout, everything else to stderr.

use std::io::Write as _;

use imagespec_driver::Event;

use crate::error::CliError;

/// Writes a command's result to stdout.
pub(crate) fn data(text: &str) -> Result<(), CliError> {
    bytes(text.as_bytes())
}

/// Writes a command's binary result to stdout. A closed pipe is not an error.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::Output(format!("cannot write to stdout: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes an event for other programs to stderr.
pub(crate) fn event(event: &Event) {
    note(&format!("{}\n", event.to_json()));
}

/// Writes a message to stderr.
pub(crate) fn note(text: &str) {
    // If stderr is closed, the error cannot be reported anywhere.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
