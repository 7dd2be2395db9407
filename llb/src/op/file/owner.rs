//! Owners of files, by name or by number.
//!
//! Looks up no names: the daemon does, in the filesystem the change starts from.

use std::convert::Infallible;
use std::str::FromStr;

use buildkit_proto::pb;

/// Owner and group of a file (`ChownOpt`). Names are looked up in the base's passwd and group files.
///
/// ```
/// use buildkit_llb::{Owner, User};
///
/// let owner = Owner::parse("www-data:33");
/// assert_eq!(owner.user, User::Named("www-data".to_owned()));
/// assert_eq!(owner.group, Some(User::Id(33)));
/// assert_eq!("www-data:33".parse(), Ok(owner));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: User,
    /// The group; `None` leaves it to BuildKit (the user's own for a name, 0 otherwise).
    pub group: Option<User>,
}

/// A user or group.
///
/// ```
/// use buildkit_llb::{Owner, User};
///
/// assert_eq!(Owner { user: User::Id(1000), group: None }, Owner::parse("1000"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// By name.
    Named(String),
    /// By number.
    Id(u32),
}

impl Owner {
    /// User and group by number.
    #[must_use]
    pub fn id(user: u32, group: u32) -> Self {
        Self { user: User::Id(user), group: Some(User::Id(group)) }
    }

    /// `user[:group]`, each a number or a name, as Dockerfile's `--chown` has it; `root` and nothing are 0
    /// (`client/llb/fileop.go`, `WithUser`).
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((user, group)) => Self { user: User::parse(user), group: Some(User::parse(group)) },
            None => Self { user: User::parse(text), group: None },
        }
    }

    pub(super) fn to_pb(&self, base: i64) -> pb::ChownOpt {
        let user = |user: &User| pb::UserOpt {
            user: Some(match user {
                User::Named(name) => pb::user_opt::User::ByName(pb::NamedUserOpt { name: name.clone(), input: base }),
                User::Id(id) => pb::user_opt::User::ById(*id),
            }),
        };
        pb::ChownOpt { user: Some(user(&self.user)), group: self.group.as_ref().map(user) }
    }

    /// The names in it: they need a base to be looked up in.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.user).chain(&self.group).filter_map(|user| match user {
            User::Named(name) => Some(name.as_str()),
            User::Id(_) => None,
        })
    }
}

/// As [`Owner::parse`], which takes any text.
impl FromStr for Owner {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::parse(text))
    }
}

impl User {
    fn parse(text: &str) -> Self {
        match text {
            "" | "root" => Self::Id(0),
            // Go reads a signed number and sends its bits.
            _ => text.parse::<i32>().map_or_else(|_| Self::Named(text.to_owned()), |id| Self::Id(id.cast_unsigned())),
        }
    }

    fn from_pb(user: &pb::UserOpt) -> Option<Self> {
        Some(match user.user.as_ref()? {
            pb::user_opt::User::ByName(name) => Self::Named(name.name.clone()),
            pb::user_opt::User::ById(id) => Self::Id(*id),
        })
    }
}

/// `None` for an owner that the types cannot express: one without a user.
pub(super) fn owner_from_pb(owner: Option<&pb::ChownOpt>) -> Option<Option<Owner>> {
    let Some(owner) = owner else { return Some(None) };
    let user = User::from_pb(owner.user.as_ref()?)?;
    let group = match &owner.group {
        None => None,
        Some(group) => Some(User::from_pb(group)?),
    };
    Some(Some(Owner { user, group }))
}
