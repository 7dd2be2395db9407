//! Mounts that the client's session serves while the process runs: secrets and sockets of ssh agents.
//!
//! Values of secrets are nowhere in a graph, only their ids.

/// What `SecretOpt` and `SSHOpt` have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServedFile {
    pub(super) id: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
    pub(super) optional: bool,
}

/// A secret as a file; its value is in no cache key.
///
/// ```
/// use buildkit_llb::Mount;
///
/// let token = Mount::secret("/dev/token", "token").with_owner(1000, 1000).with_mode(0o440).optional();
/// assert_eq!((token.id(), token.owner(), token.mode()), ("token", (1000, 1000), 0o440));
/// assert!(token.is_optional());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretMount {
    pub(super) dest: String,
    pub(super) file: ServedFile,
}

/// The socket of an ssh agent of the client.
///
/// ```
/// use buildkit_llb::Mount;
///
/// let agent = Mount::ssh("/run/ssh-agent", "").with_owner(1000, 1000);
/// assert_eq!((agent.dest(), agent.mode()), ("/run/ssh-agent", 0o600));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshMount {
    pub(super) dest: String,
    pub(super) file: ServedFile,
}

impl SecretMount {
    pub(super) fn new(dest: String, id: String) -> Self {
        Self { dest, file: ServedFile { id, uid: 0, gid: 0, mode: 0o400, optional: false } }
    }

    /// Every user of the process can read it.
    #[must_use]
    pub fn readable_by_all(mut self) -> Self {
        self.file.mode |= 0o444;
        self
    }
}

impl SshMount {
    pub(super) fn new(dest: String, id: String) -> Self {
        Self { dest, file: ServedFile { id, uid: 0, gid: 0, mode: 0o600, optional: false } }
    }
}

macro_rules! options_of_a_served_file {
    ($mount:ident, $what:literal) => {
        impl $mount {
            #[doc = concat!("Owner and group of the ", $what, ".")]
            #[must_use]
            pub fn with_owner(mut self, owner: u32, group: u32) -> Self {
                (self.file.uid, self.file.gid) = (owner, group);
                self
            }

            #[doc = concat!("Permission bits of the ", $what, ".")]
            #[must_use]
            pub fn with_mode(mut self, bits: u32) -> Self {
                self.file.mode = bits;
                self
            }

            /// It is not an error if the client does not serve it: nothing is mounted then.
            #[must_use]
            pub fn optional(mut self) -> Self {
                self.file.optional = true;
                self
            }

            /// Where it is mounted.
            #[must_use]
            pub fn dest(&self) -> &str {
                &self.dest
            }

            /// The id by which the client knows it.
            #[must_use]
            pub fn id(&self) -> &str {
                &self.file.id
            }

            #[doc = concat!("Owner and group of the ", $what, ".")]
            #[must_use]
            pub fn owner(&self) -> (u32, u32) {
                (self.file.uid, self.file.gid)
            }

            #[doc = concat!("Permission bits of the ", $what, ".")]
            #[must_use]
            pub fn mode(&self) -> u32 {
                self.file.mode
            }

            /// Whether it may be missing.
            #[must_use]
            pub fn is_optional(&self) -> bool {
                self.file.optional
            }
        }
    };
}

options_of_a_served_file!(SecretMount, "file");
options_of_a_served_file!(SshMount, "socket");
