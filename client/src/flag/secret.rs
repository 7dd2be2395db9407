//! `--secret id=NAME,src=FILE`, `--secret id=NAME,env=VARIABLE` (docker/buildx: `util/buildflags/secrets.go`).
//!
//! The flag names the source of a secret; the session reads it.

use std::path::PathBuf;
use std::str::FromStr;

use super::{FlagError, Pairs};
use crate::session::secrets::SecretSource;

const FLAG: &str = "--secret";
const KEYS: [&str; 5] = ["type", "id", "source", "src", "env"];

/// A secret as the command line names it.
///
/// ```
/// use buildkit_client::flag::SecretFlag;
/// use buildkit_client::session::secrets::SecretSource;
///
/// let token: SecretFlag = "id=token,src=token.txt".parse()?;
/// assert_eq!((token.id.as_str(), token.source), ("token", Some(SecretSource::File("token.txt".into()))));
/// # Ok::<(), buildkit_client::flag::FlagError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFlag {
    /// The id that steps ask for.
    pub id: String,
    /// The source. Without one, the secret is the environment variable named by the id if it is set, else the file of that name.
    pub source: Option<SecretSource>,
}

impl FromStr for SecretFlag {
    type Err = FlagError;

    fn from_str(text: &str) -> Result<Self, FlagError> {
        let wrong = |problem: &str| FlagError::new(FLAG, text, problem);
        let mut pairs = Pairs::parse(FLAG, text)?;
        let kind = pairs.take("type");
        let file = pairs.take("src").or_else(|| pairs.take("source")).filter(|file| !file.is_empty());
        let variable = pairs.take("env").filter(|variable| !variable.is_empty());
        let id = pairs.take("id").unwrap_or_default();
        pairs.finish(FLAG, text, &KEYS)?;
        let source = match (kind.as_deref(), file, variable) {
            (_, Some(_), Some(_)) => return Err(wrong("src and env cannot be combined")),
            (None | Some("file"), Some(file), None) => Some(SecretSource::File(PathBuf::from(file))),
            // As in buildx, type=env makes src the name of a variable.
            (Some("env"), Some(name), None) | (None | Some("env"), None, Some(name)) => Some(SecretSource::Env(name)),
            (Some("file"), None, Some(_)) => return Err(wrong("type=file cannot be combined with env; use src")),
            (None | Some("env" | "file"), None, None) => None,
            (Some(_), _, _) => return Err(wrong("unknown type; use file or env")),
        };
        if id.is_empty() { Err(wrong("id=… is missing")) } else { Ok(Self { id, source }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, id: &str, source: Option<SecretSource>) {
        assert_eq!(text.parse(), Ok(SecretFlag { id: id.to_owned(), source }));
    }

    #[test]
    fn every_form() {
        let file = |path: &str| Some(SecretSource::File(path.into()));
        let variable = |name: &str| Some(SecretSource::Env(name.into()));
        check("id=a", "a", None);
        check("id=a,src=f", "a", file("f"));
        check("ID=a,source=f", "a", file("f"));
        check("type=file,id=a,src=f", "a", file("f"));
        check("id=a,env=V", "a", variable("V"));
        check("type=env,id=a,src=V", "a", variable("V"));
        check("\"id=a\",\"src=x,y\"", "a", file("x,y"));
    }

    #[test]
    fn mistakes_are_reported() {
        for (text, problem) in [
            ("a", "is not KEY=VALUE"),
            ("src=f", "id=… is missing"),
            ("id=a,sorce=f", "did you mean \"source\"?"),
            ("id=a,type=vault", "use file or env"),
            ("id=a,src=f,env=V", "cannot be combined"),
        ] {
            let error = text.parse::<SecretFlag>().expect_err(text).to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
