//! Checks of texts that many fields share: lines, words and names.
//!
//! Knows no fields; what a text means is not known here.

use crate::diagnostic::Rule;
use crate::fault::Fault;
use crate::quote::quote;
use crate::rules;

/// Text of any number of lines. The operating system ends a text at a NUL character, so it cannot contain one.
pub(crate) fn without_nul(value: &str) -> Result<(), Fault> {
    match value.find('\0') {
        Some(at) => Err(Fault::new(&rules::TEXT, "the text contains a NUL character").label("NUL").at(at..at + 1)),
        None => Ok(()),
    }
}

/// Text that is not empty and has no line break.
pub(crate) fn one_line(value: &str) -> Result<(), Fault> {
    without_nul(value)?;
    if value.trim().is_empty() {
        return Err(Fault::new(&rules::TEXT, "the text is empty")
            .label("empty")
            .help("leave out the field or the entry"));
    }
    match value.find(['\n', '\r']) {
        Some(at) => {
            let fault = Fault::new(&rules::TEXT, "the text contains a line break").at(at..at + 1);
            Err(if value.trim_end_matches('\n').len() == at {
                fault
                    .label("ends with a line break")
                    .help("text after `|` or `>` in YAML ends with a line break; `|-` and `>-` leave it out")
            } else {
                fault.label("has to be one line")
            })
        }
        None => Ok(()),
    }
}

/// Text that is any line.
pub(crate) fn line(value: &str) -> Result<String, Fault> {
    one_line(value).map(|()| value.to_owned())
}

/// Text of any characters but NUL.
pub(crate) fn any_text(value: &str) -> Result<String, Fault> {
    without_nul(value).map(|()| value.to_owned())
}

/// A shell command. It may have many lines and any character but NUL, and is kept as it is.
pub(crate) fn command(value: &str) -> Result<String, Fault> {
    without_nul(value)?;
    if value.trim().is_empty() {
        return Err(Fault::new(&rules::TEXT, "the command is empty")
            .label("empty")
            .help("leave out the entry: commands are joined with `&&`"));
    }
    Ok(value.to_owned())
}

/// Digits only: `parse` alone would take a sign.
pub(crate) fn number(text: &str) -> Option<u32> {
    let is_digits = text.bytes().all(|b| b.is_ascii_digit());
    let has_leading_zero = text.len() > 1 && text.starts_with('0');
    if is_digits && !has_leading_zero { text.parse().ok() } else { None }
}

/// Text of ASCII letters, digits and some other characters, which is not empty. `noun` is what it has to be.
pub(crate) fn made_of(value: &str, others: &str, rule: &'static Rule, noun: &str) -> Result<String, Fault> {
    if !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c)) {
        return Ok(value.to_owned());
    }
    let others: Vec<String> = others.chars().map(String::from).collect();
    Err(Fault::new(rule, format!("{} is not a valid {noun}", quote(value)))
        .label(format!("expected letters, digits and `{}`", others.join(" "))))
}

/// One word: a line without spaces.
pub(crate) fn one_word(value: &str, noun: &str) -> Result<(), Fault> {
    one_line(value)?;
    match value.find(char::is_whitespace) {
        Some(at) => {
            let width = value.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            Err(Fault::new(&rules::TEXT, format!("{noun} cannot contain spaces: {}", quote(value)))
                .label("a space")
                .at(at..at + width))
        }
        None => Ok(()),
    }
}

/// The name of an environment variable.
pub(crate) fn env_name(name: &str) -> Result<(), Fault> {
    let is_wrong = |(at, character): (usize, char)| {
        let is_valid = character == '_' || character.is_ascii_alphabetic() || (at > 0 && character.is_ascii_digit());
        !is_valid
    };
    if name.is_empty() || name.char_indices().any(is_wrong) {
        return Err(Fault::new(
            &rules::ENV_NAME,
            format!("{} is not a valid name of an environment variable", quote(name)),
        )
        .label("expected letters, digits and `_`, not beginning with a digit"));
    }
    Ok(())
}

/// The name of a variable of the image. Docker and Kubernetes take names that no shell can set, such as `discovery.type`.
pub(crate) fn image_variable(name: &str) -> Result<(), Fault> {
    if !name.is_empty()
        && name.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '=' | '$' | '"' | '\'' | '\\' | '`'))
    {
        return Ok(());
    }
    Err(Fault::new(&rules::ENV_NAME, format!("{} is not a valid name of an environment variable", quote(name)))
        .label("expected printable ASCII characters except `=`, `$`, quotes and backslashes"))
}

/// `user[:group]`, by name or number.
pub(crate) fn user(value: &str) -> Result<String, Fault> {
    one_line(value)?;
    let is_name = |name: &str| {
        let body = name.strip_suffix('$').unwrap_or(name);
        body.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && body.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    let (user, group) = match value.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (value, None),
    };
    if !is_name(user) || !group.is_none_or(is_name) {
        return Err(Fault::new(&rules::USER, format!("{} is not a valid user", quote(value)))
            .label("expected `user` or `user:group`")
            .help("use names or numbers: `flytekit`, `1000:1000`"));
    }
    Ok(value.to_owned())
}

/// The key of an image label.
pub(crate) fn label_key(key: &str) -> Result<(), Fault> {
    let is_valid =
        !key.is_empty() && key.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '=' | '"' | '\'' | '`' | '\\'));
    if is_valid {
        return Ok(());
    }
    Err(Fault::new(&rules::LABEL, format!("{} is not a valid name of a label", quote(key)))
        .label("expected one printable word")
        .help("labels look like `org.opencontainers.image.source`"))
}

/// The name of an extra or of a dependency group (PEP 685, PEP 735).
pub(crate) fn part_name(value: &str) -> Result<String, Fault> {
    const NOUN: &str = "name of dependencies";
    let help = "name what `pyproject.toml` calls them, such as `dev`";
    let name = made_of(value, "_-.", &rules::TEXT, NOUN).map_err(|fault| fault.help(help))?;
    let is_end = |c: char| c.is_ascii_alphanumeric();
    if name.starts_with(is_end) && name.ends_with(is_end) {
        return Ok(name);
    }
    Err(Fault::new(&rules::TEXT, format!("{} is not a valid {NOUN}", quote(value)))
        .label("expected a letter or digit at both ends")
        .help(help))
}

/// BuildKit's name of a secret.
pub(crate) fn secret_id(id: &str) -> Result<String, Fault> {
    // `--secret id=…,src=…` is separated by commas; ids that cannot be written there are refused.
    made_of(id, "_-./:", &rules::SECRET, "id of a secret")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_refuses_what_a_line_cannot_contain() {
        assert!(one_line("a b; $(c) `d` \"e\" 'f' \\ |&<>*?[]{}~#!%^ü漢").is_ok());
        for bad in ["", "  ", "a\0b", "a\nb", "a\r", "b\n"] {
            assert!(one_line(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names() {
        for good in ["A", "_a1", "PATH"] {
            assert!(env_name(good).is_ok());
        }
        for bad in ["", "1A", "A-B", "A B", "Ä", "A=B"] {
            assert!(env_name(bad).is_err(), "{bad}");
        }
        for good in ["A", "discovery.type", "my-flag", "1A"] {
            assert!(image_variable(good).is_ok(), "{good}");
        }
        for bad in ["", "A B", "A=B", "Ä", "$A", "\"A", "A\\"] {
            assert!(image_variable(bad).is_err(), "{bad}");
        }
        for good in ["root", "1000", "1000:1000", "a.b-c:_d", "samba$"] {
            assert!(user(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", ":1", "a:", "-x", "a:b:c", "a\n"] {
            assert!(user(bad).is_err(), "{bad}");
        }
        assert!(label_key("org.x/y").is_ok());
        assert!(label_key("a b").is_err() && label_key("a=b").is_err() && label_key("").is_err());
        assert!(secret_id("a_b-1.c").is_ok());
        assert!(secret_id("a,b").is_err() && secret_id("").is_err());
    }
}
