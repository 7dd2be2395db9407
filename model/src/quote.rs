//! Shows a value from a file inside a one-line message: short, printable, without credentials.

use crate::credentials::mask_credentials;

/// Longer values are cut; the source line below the message shows the rest.
const MAX_SHOWN: usize = 60;

/// The value between backticks.
pub(crate) fn quote(value: &str) -> String {
    format!("`{}`", printable(value, MAX_SHOWN))
}

/// The value with unprintable characters escaped, cut after `limit` characters.
pub(crate) fn printable(value: &str, limit: usize) -> String {
    let masked = mask_credentials(value);
    let mut characters = masked.chars();
    let mut shown = escaped(characters.by_ref().take(limit));
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// A text in one line, with unprintable characters escaped.
pub(crate) fn escaped(text: impl Iterator<Item = char>) -> String {
    let mut shown = String::new();
    for character in text {
        if is_unprintable(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Characters that a terminal interprets instead of showing them: controls, and characters that reorder text.
///
/// ```
/// assert!(imagespec::is_unprintable('\u{1b}') && imagespec::is_unprintable('\u{202e}'));
/// assert!(!imagespec::is_unprintable('ü'));
/// ```
#[must_use]
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_one_safe_line() {
        assert_eq!(quote("a\nb\u{1b}[1m\u{202e}"), r"`a\nb\u{1b}[1m\u{202e}`");
        assert_eq!(quote("ü and 漢"), "`ü and 漢`");
        assert_eq!(quote("https://u:p@h"), "`https://***@h`");
        assert_eq!(quote(&"x".repeat(100)).chars().count(), 63);
    }
}
