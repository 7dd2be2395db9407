//! What to run in a container, and the signals it can be sent. Knows no shell: the arguments are argv.

use buildkit_llb::{SecretEnv, Security};
use buildkit_proto::rpc::{gateway, llb};

/// A process to start (`InitMessage`).
///
/// ```
/// use buildkit_gateway::container::Command;
///
/// let command = Command::new(["/bin/sh", "-c", "cat; echo $GREETING"])
///     .with_env("GREETING", "hello")
///     .with_cwd("/tmp")
///     .with_user("nobody")
///     .with_input("fed to cat");
/// assert_eq!(command.args()[0], "/bin/sh");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    pub(super) args: Vec<String>,
    env: Vec<String>,
    cwd: String,
    user: String,
    pub(super) tty: bool,
    pub(super) input: Input,
    security: Security,
    pub(super) secret_env: Vec<SecretEnv>,
}

/// Where a process reads from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Input {
    /// It finds the end at once.
    #[default]
    Nothing,
    /// The data that is written to [`Stdin`](super::Stdin).
    Pipe,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
}

impl Command {
    /// Runs `args` as root in `/` without input. The daemon adds a `PATH` unless one is set, and the container knows
    /// nothing of an image's own variables.
    pub fn new<A: Into<String>>(args: impl IntoIterator<Item = A>) -> Self {
        Self { args: args.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Sets a variable.
    #[must_use]
    pub fn with_env(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.env.push(format!("{}={}", name.as_ref(), value.as_ref()));
        self
    }

    /// Takes over variables in the form `NAME=value`, as image configs have them.
    #[must_use]
    pub fn with_envs<E: Into<String>>(mut self, env: impl IntoIterator<Item = E>) -> Self {
        self.env.extend(env.into_iter().map(Into::into));
        self
    }

    /// A secret of the client's as a variable; needs the capability `gateway.exec.secretenv`.
    #[must_use]
    pub fn with_secret_env(mut self, secret: SecretEnv) -> Self {
        self.secret_env.push(secret);
        self
    }

    /// The working directory, absolute.
    #[must_use]
    pub fn with_cwd(mut self, cwd: impl Into<String>) -> Self {
        self.cwd = cwd.into();
        self
    }

    /// `user[:group]`, resolved in the container.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// Lets [`Process::take_stdin`](super::Process::take_stdin) feed it.
    #[must_use]
    pub fn with_stdin(mut self) -> Self {
        self.input = Input::Pipe;
        self
    }

    /// Feeds it these bytes.
    #[must_use]
    pub fn with_input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// Gives it a terminal: what it writes to stderr comes as stdout, and line ends come as the terminal makes them.
    #[must_use]
    pub fn with_tty(mut self) -> Self {
        self.tty = true;
        self
    }

    /// The confinement; none needs the entitlement `security.insecure`.
    #[must_use]
    pub fn with_security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// argv.
    #[must_use]
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// The message that starts it, and the source of its input.
    pub(super) fn into_init(self, container: &str) -> (gateway::InitMessage, Input) {
        let Self { args, env, cwd, user, tty, input, security, secret_env } = self;
        let stdin = (input != Input::Nothing).then_some(0);
        let init = gateway::InitMessage {
            container_id: container.to_owned(),
            meta: Some(llb::Meta { args, env, cwd, user, ..llb::Meta::default() }),
            fds: stdin.into_iter().chain([1]).chain((!tty).then_some(2)).collect(),
            tty,
            security: match security {
                Security::Sandbox => llb::SecurityMode::Sandbox,
                Security::Insecure => llb::SecurityMode::Insecure,
            }
            .into(),
            secretenv: secret_env
                .into_iter()
                .map(|SecretEnv { id, name, optional }| llb::SecretEnv { id, name, optional })
                .collect(),
        };
        (init, input)
    }
}

macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident = $wire:literal;)*) => {
        /// A signal. The wire has names, because numbers differ between platforms (`moby/sys: signal`).
        ///
        /// ```
        /// use buildkit_gateway::container::Signal;
        /// assert_eq!(Signal::Term.name(), "TERM");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Signal {
            $($(#[$doc])* $name,)*
        }

        impl Signal {
            /// The name without `SIG`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $wire,)*
                }
            }
        }
    };
}

signals! {
    /// Abort.
    Abrt = "ABRT";
    /// A timer has run out.
    Alrm = "ALRM";
    /// Go on after a stop.
    Cont = "CONT";
    /// The terminal is gone.
    Hup = "HUP";
    /// Ctrl-C.
    Int = "INT";
    /// The end of input, without a request.
    Kill = "KILL";
    /// The reader is gone.
    Pipe = "PIPE";
    /// Quit and dump core.
    Quit = "QUIT";
    /// Stop, without a request.
    Stop = "STOP";
    /// Please end.
    Term = "TERM";
    /// Ctrl-Z.
    Tstp = "TSTP";
    /// Means what the program wants it to mean.
    Usr1 = "USR1";
    /// Likewise.
    Usr2 = "USR2";
    /// The terminal has another size.
    Winch = "WINCH";
}
