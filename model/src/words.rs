//! Splits a line into words as a POSIX shell does with quotes and backslashes.
//!
//! Expands nothing: `$`, `*`, `~` and `;` are ordinary characters.

use std::ops::Range;

use crate::fault::Fault;
use crate::rules;

/// A word and the bytes of the line it was written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) range: Range<usize>,
}

/// All words of a line.
pub(crate) fn words(line: &str) -> Result<Vec<Word>, Fault> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(word) = next_word(line, at)? {
        at = word.range.end;
        words.push(word);
    }
    Ok(words)
}

/// The first word at or after byte `from`.
pub(crate) fn next_word(line: &str, from: usize) -> Result<Option<Word>, Fault> {
    let rest = line.get(from..).unwrap_or_default();
    let blanks = rest.len() - rest.trim_start().len();
    let start = from + blanks;
    let mut characters =
        rest.char_indices().map(|(at, character)| (from + at, character)).skip_while(|(at, _)| *at < start);
    let mut text = String::new();
    let mut end = start;
    while let Some((at, character)) = characters.next() {
        match character {
            c if c.is_whitespace() => break,
            '\'' => loop {
                match characters.next() {
                    Some((_, '\'')) => break,
                    Some((_, inner)) => text.push(inner),
                    None => return Err(not_closed(at)),
                }
            },
            '"' => loop {
                match characters.next() {
                    Some((_, '"')) => break,
                    Some((_, '\\')) => match characters.next() {
                        Some((_, escaped @ ('"' | '\\' | '$' | '`'))) => text.push(escaped),
                        Some((_, other)) => text.extend(['\\', other]),
                        None => return Err(not_closed(at)),
                    },
                    Some((_, inner)) => text.push(inner),
                    None => return Err(not_closed(at)),
                }
            },
            '\\' => match characters.next() {
                Some((_, escaped)) => text.push(escaped),
                None => {
                    return Err(Fault::new(&rules::WORDS, "nothing follows the backslash")
                        .label("backslash at the end")
                        .at(at..at + 1));
                }
            },
            other => text.push(other),
        }
        end = characters.clone().next().map_or(line.len(), |(next, _)| next);
    }
    Ok((end > start).then_some(Word { text, range: start..end }))
}

fn not_closed(at: usize) -> Fault {
    Fault::new(&rules::WORDS, "a quote is not closed").label("opened here").at(at..at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: &[&str]) {
        let found = words(line).expect("words");
        let texts: Vec<&str> = found.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, expect);
    }

    #[test]
    fn splits_as_a_shell_does() {
        check("", &[]);
        check("  a  b\tc ", &["a", "b", "c"]);
        check(r#"a'b c'd "e \" f" g\ h"#, &["ab cd", "e \" f", "g h"]);
        check(r#""a\b" '\' $X ;|&"#, &[r"a\b", r"\", "$X", ";|&"]);
        check("''  \"\"", &["", ""]);
        check("ü 漢", &["ü", "漢"]);
        let found = words("ü 'b c'").expect("words");
        assert_eq!(found.iter().map(|word| word.range.clone()).collect::<Vec<_>>(), [0..2, 3..8]);
    }

    #[test]
    fn says_where_a_quote_was_opened() {
        for (line, at) in [("a 'b", 2), ("a \"b\\\"", 2), ("ab\\", 2)] {
            assert_eq!(words(line).expect_err("open").part, Some(at..at + 1), "{line}");
        }
    }
}
