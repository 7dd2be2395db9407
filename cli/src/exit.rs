//! Exit codes.

use std::process::ExitCode;

/// How a run ended. The numbers are part of the command line's contract (`docs/cli.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command succeeded.
    Success,
    /// The build ran and a step failed, for example because of the user's packages or commands.
    StepFailed,
    /// Two graphs differ; the same code as `diff`.
    Different,
    /// An image is not in its registry.
    Missing,
    /// The arguments or the spec are invalid. clap uses the same code for usage errors.
    InvalidInput,
    /// The daemon cannot be reached or the connection was lost; a retry may help.
    Unreachable,
    /// Access to a registry or a secret was refused, or credentials are unusable.
    Refused,
    /// A registry is overloaded, fails, or cannot be reached by the daemon; a retry may help.
    RegistryUnavailable,
    /// A bug in imagespec, or an output file that cannot be written.
    Internal,
    /// The user interrupted the run (128 + SIGINT).
    Interrupted,
}

impl Exit {
    /// The process exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::StepFailed | Self::Different | Self::Missing => 1,
            Self::InvalidInput => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
            Self::RegistryUnavailable => 5,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
