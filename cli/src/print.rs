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

/// Writes a text for people to stdout.
pub(crate) fn text(text: &str) -> Result<(), CliError> {
    data(&visible(text))
}

/// Writes an event for other programs to stderr.
pub(crate) fn event(event: &Event) {
    // If stderr is closed, the error cannot be reported anywhere.
    let _ = std::io::stderr().lock().write_all(format!("{}\n", event.to_json()).as_bytes());
}

/// Writes a message to stderr.
pub(crate) fn note(text: &str) {
    let _ = std::io::stderr().lock().write_all(visible(text).as_bytes());
}

/// Names, versions and messages come from files, images and daemons. What a terminal would interpret is shown as a replacement character.
fn visible(text: &str) -> String {
    let is_hidden = |character| imagespec::is_unprintable(character) && !matches!(character, '\n' | '\t');
    text.chars().map(|character| if is_hidden(character) { char::REPLACEMENT_CHARACTER } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_only_text() {
        assert_eq!(visible("a\x1b]52;c;x\x07\tb\u{202e}\r\n"), "a\u{fffd}]52;c;x\u{fffd}\tb\u{fffd}\u{fffd}\n");
    }
}
