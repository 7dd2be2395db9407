//! Exit codes: what a run means to the program that called it.

use std::process::ExitCode;

/// How a run ended. The numbers are part of the command line's contract (`docs/cli.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It worked.
    Success,
    /// The build ran and a step failed: the user's packages or commands are wrong.
    StepFailed,
    /// Two graphs differ; the number `diff` has for that.
    Different,
    /// An image is not in its registry.
    Missing,
    /// Input was refused: arguments or spec. Also clap's code for wrong usage.
    InvalidInput,
    /// The daemon cannot be reached or was lost; a retry may help.
    Unreachable,
    /// A registry, credentials or a secret was refused.
    Refused,
    /// Our own bug.
    Internal,
    /// The user interrupted the run (128 + SIGINT).
    Interrupted,
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::StepFailed | Self::Different | Self::Missing => 1,
            Self::InvalidInput => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
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
