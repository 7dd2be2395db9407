//! Environment variables, which the caller passes in.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

type Lookup = dyn Fn(&str) -> Option<OsString> + Send + Sync;

/// A function that looks up variables. The default has none.
///
/// ```
/// use imagespec_driver::Variables;
///
/// let variables = Variables::new(|name| (name == "HOME").then(|| "/home/me".into()));
/// assert_eq!(variables.text("HOME").as_deref(), Some("/home/me"));
/// assert_eq!(Variables::default().text("HOME"), None);
/// ```
#[derive(Clone)]
pub struct Variables(Arc<Lookup>);

impl Variables {
    /// Looks up variables with a function.
    #[must_use]
    pub fn new(lookup: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// The variables of the process. `HOME` is the user's home folder even if the variable is not set.
    #[must_use]
    pub fn from_process() -> Self {
        Self::new(|name| {
            let home = || std::env::home_dir().filter(|_| name == "HOME").map(PathBuf::into_os_string);
            std::env::var_os(name).or_else(home)
        })
    }

    /// The value of a variable, which may be empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<OsString> {
        (self.0)(name)
    }

    /// The value of a variable as UTF-8 text, if it is not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
    }

    /// The value of a variable as a path, if it is not empty.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }
}

impl Default for Variables {
    fn default() -> Self {
        Self::new(|_| None)
    }
}

/// Hides the values, which may be secrets.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables(..)")
    }
}
