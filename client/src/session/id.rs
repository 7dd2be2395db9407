//! The id of a session, by which a build refers to the session that serves its files, secrets and credentials.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::reference::new_reference;

/// The id of a session; never empty. [`Session::id`](super::Session::id) has it.
///
/// ```
/// use buildkit_client::session::SessionId;
///
/// let id: SessionId = "vp8ggl1x0bmhq6o3ldkb2tqrd".parse()?;
/// assert_eq!(id.as_str(), "vp8ggl1x0bmhq6o3ldkb2tqrd");
/// assert!("".parse::<SessionId>().is_err());
/// # Ok::<(), buildkit_client::session::EmptySessionId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// A new random id.
    pub(super) fn random() -> Self {
        Self(new_reference())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.0
    }
}

/// The id of a session that was opened elsewhere.
impl FromStr for SessionId {
    type Err = EmptySessionId;

    fn from_str(text: &str) -> Result<Self, EmptySessionId> {
        if text.is_empty() { Err(EmptySessionId) } else { Ok(Self(text.to_owned())) }
    }
}

/// An empty text, which is not a valid session id.
///
/// ```
/// use buildkit_client::session::{EmptySessionId, SessionId};
///
/// assert_eq!("".parse::<SessionId>(), Err(EmptySessionId));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the session id is empty")]
pub struct EmptySessionId;
