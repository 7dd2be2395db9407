//! Connections through a child process: `docker exec`, `kubectl exec`, `ssh` and the like, whose standard input and output
//! are the stream.
//!
//! The child gets its own process session, so that Ctrl-C in the terminal does not reach it: a build that is cancelled
//! needs the connection for a while. When the stream is dropped, the child is ended with SIGTERM, then SIGKILL
//! (docker/cli: `cli/connhelper/commandconn`). If this process dies, the child's standard input is closed.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessSession};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{BoxedIo, DialProblem, keep_end};
use crate::address::{Helper, SshTarget};

/// Between SIGTERM and SIGKILL.
const TERM_TIMEOUT: Duration = Duration::from_secs(3);

const SIGTERM: i32 = 15;

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HelperCommand {
    program: &'static str,
    args: Vec<String>,
    /// Where the program is searched; the `PATH` of this process if not given.
    path: Option<OsString>,
}

impl HelperCommand {
    /// The command that connects to `buildkitd` (moby/buildkit: `client/connhelper`).
    pub(super) fn for_buildkit(helper: &Helper, path: Option<OsString>) -> Self {
        let (program, mut args) = match helper {
            Helper::DockerContainer { name, context } => {
                let mut args: Vec<String> = context.iter().map(|context| format!("--context={context}")).collect();
                args.extend(strings(&["exec", "-i", name]));
                ("docker", args)
            }
            Helper::PodmanContainer { name } => ("podman", strings(&["exec", "-i", name])),
            Helper::NerdctlContainer { name, namespace } => {
                let mut args = strings(&["exec"]);
                if let Some(namespace) = namespace {
                    args.extend(strings(&["--namespace", namespace]));
                }
                args.extend(strings(&["-i", name]));
                ("nerdctl", args)
            }
            Helper::KubePod { pod, context, namespace, container } => (
                "kubectl",
                vec![
                    format!("--context={context}"),
                    format!("--namespace={namespace}"),
                    "exec".to_owned(),
                    format!("--container={container}"),
                    "-i".to_owned(),
                    pod.clone(),
                    "--".to_owned(),
                ],
            ),
            Helper::Ssh(target) => ("ssh", ssh_login(target, &[])),
        };
        args.push("buildctl".to_owned());
        if let Helper::Ssh(SshTarget { socket: Some(socket), .. }) = helper {
            args.extend(["--addr".to_owned(), shell_quote(&format!("unix://{socket}"))]);
        }
        args.push("dial-stdio".to_owned());
        Self { program, args, path }
    }

    /// The command that connects to an Engine's API (docker/cli: `cli/connhelper/connhelper.go`).
    pub(super) fn for_engine(target: &SshTarget, path: Option<OsString>) -> Self {
        let mut args = ssh_login(target, &["-o", "ConnectTimeout=30", "-T"]);
        args.push("docker".to_owned());
        if let Some(socket) = &target.socket {
            args.push(shell_quote(&format!("--host=unix://{socket}")));
        }
        args.extend(strings(&["system", "dial-stdio"]));
        Self { program: "ssh", args, path }
    }

    /// Starts the program. The first read shows whether it could connect.
    pub(super) fn open(&self) -> Result<BoxedIo, DialProblem> {
        let mut command = CommandWrap::with_new(self.program, |command| {
            command.args(&self.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            if let Some(path) = &self.path {
                command.env("PATH", path);
            }
        });
        command.wrap(ProcessSession).wrap(KillOnDrop);
        let mut child = command.spawn().map_err(|error| DialProblem::Helper {
            command: self.to_string(),
            ending: match error.kind() {
                io::ErrorKind::NotFound => {
                    format!("can't be started: there is no `{}` on PATH", self.program)
                }
                _ => format!("can't be started: {error}"),
            },
            stderr: String::new(),
        })?;
        let missing = || DialProblem::Helper {
            command: self.to_string(),
            ending: "was started without pipes".to_owned(),
            stderr: String::new(),
        };
        let stdin = child.stdin().take().ok_or_else(missing)?;
        let stdout = child.stdout().take().ok_or_else(missing)?;
        let stderr = child.stderr().take().ok_or_else(missing)?;
        let (closed, on_close) = oneshot::channel();
        let (ended, on_end) = oneshot::channel();
        tokio::spawn(supervise(child, stderr, on_close, ended));
        Ok(Box::new(HelperIo { stdin, stdout, end: Some(on_end), command: self.to_string(), _closed: closed }))
    }
}

impl fmt::Display for HelperCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

fn strings(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|&part| part.to_owned()).collect()
}

fn ssh_login(target: &SshTarget, flags: &[&str]) -> Vec<String> {
    let mut args = Vec::new();
    if let Some(user) = &target.user {
        args.extend(strings(&["-l", user]));
    }
    if let Some(port) = target.port {
        args.extend(["-p".to_owned(), port.to_string()]);
    }
    args.extend(strings(flags));
    args.extend(strings(&["--", &target.host]));
    args
}

/// Quotes an argument: ssh passes its arguments to a shell on the remote side.
fn shell_quote(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/:=._-+@%,".contains(&byte);
    if text.bytes().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// How a helper ended.
struct Ended {
    status: io::Result<ExitStatus>,
    stderr: String,
}

/// Owns the child: reads its standard error, waits for it, and ends it when the stream is gone.
async fn supervise(
    mut child: Box<dyn ChildWrapper>,
    mut stderr: ChildStderr,
    on_close: oneshot::Receiver<()>,
    ended: oneshot::Sender<Ended>,
) {
    let mut tail = Vec::new();
    let status = {
        let read_stderr = async {
            let mut chunk = [0; 1024];
            while let Ok(read) = stderr.read(&mut chunk).await {
                if read == 0 {
                    break;
                }
                keep_end(&mut tail, chunk.get(..read).unwrap_or_default());
            }
        };
        let wait = async {
            let closed = tokio::select! {
                status = child.wait() => Some(status),
                _ = on_close => None,
            };
            match closed {
                Some(status) => status,
                None => end(child.as_mut()).await,
            }
        };
        // A process started by the helper may keep its standard error open, so do not wait for it after the helper has exited.
        tokio::pin!(read_stderr);
        tokio::pin!(wait);
        tokio::select! {
            status = &mut wait => {
                let _ = timeout(Duration::from_millis(200), &mut read_stderr).await;
                status
            }
            () = &mut read_stderr => wait.await,
        }
    };
    // The receiver is gone if the stream was dropped first.
    let _ = ended.send(Ended { status, stderr: String::from_utf8_lossy(&tail).into_owned() });
}

async fn end(child: &mut dyn ChildWrapper) -> io::Result<ExitStatus> {
    // If the child has already exited, the signal fails and the wait succeeds.
    let _ = child.signal(SIGTERM);
    match timeout(TERM_TIMEOUT, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            child.start_kill()?;
            child.wait().await
        }
    }
}

/// The stream. Its end is an error unless the helper exited successfully.
struct HelperIo {
    stdin: ChildStdin,
    stdout: ChildStdout,
    end: Option<oneshot::Receiver<Ended>>,
    command: String,
    /// Dropping it notifies the supervisor.
    _closed: oneshot::Sender<()>,
}

impl HelperIo {
    /// The output has ended: waits for the helper to exit, and returns an error if it failed.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(end) = &mut self.end else {
            return Poll::Ready(Ok(()));
        };
        let ended = ready!(Pin::new(end).poll(cx));
        self.end = None;
        let Ok(Ended { status, stderr }) = ended else {
            return Poll::Ready(Ok(()));
        };
        let ending = match status {
            Ok(status) if status.success() => return Poll::Ready(Ok(())),
            Ok(status) => format!("ended ({status})"),
            Err(error) => format!("can't be waited for: {error}"),
        };
        Poll::Ready(Err(io::Error::other(DialProblem::Helper { command: self.command.clone(), ending, stderr })))
    }
}

impl AsyncRead for HelperIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stdout).poll_read(cx, buf))?;
        if buf.filled().len() == before && buf.remaining() > 0 { self.poll_end(cx) } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for HelperIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.stdin).poll_write(cx, bytes)) {
            // A write fails first when the helper has ended, but the reason is in its exit status and error output.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                ready!(self.poll_end(cx))?;
                Poll::Ready(Err(error))
            }
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_STDERR;
    use super::*;
    use crate::address::Address;

    #[track_caller]
    fn check(address: &str, command: &str) {
        let shown = match address.parse().expect("address") {
            Address::Helper(helper) => HelperCommand::for_buildkit(&helper, None).to_string(),
            Address::Engine(crate::address::EngineAddress::Ssh(target)) => {
                HelperCommand::for_engine(&target, None).to_string()
            }
            other => panic!("{other} needs no helper"),
        };
        assert_eq!(shown, command);
    }

    #[test]
    fn every_helper_has_its_command() {
        check("docker-container://bk", "docker exec -i bk buildctl dial-stdio");
        check("docker-container://bk?context=c", "docker --context=c exec -i bk buildctl dial-stdio");
        check("podman-container://bk", "podman exec -i bk buildctl dial-stdio");
        check("nerdctl-container://bk?namespace=n", "nerdctl exec --namespace n -i bk buildctl dial-stdio");
        check("kube-pod://p", "kubectl --context= --namespace= exec --container= -i p -- buildctl dial-stdio");
        check("ssh://me@h:22/s o/k", "ssh -l me -p 22 -- h buildctl --addr 'unix:///s o/k' dial-stdio");
        check("ssh://h", "ssh -- h buildctl dial-stdio");
        check("docker+ssh://me@h", "ssh -l me -o ConnectTimeout=30 -T -- h docker system dial-stdio");
        check("docker+ssh://h/s", "ssh -o ConnectTimeout=30 -T -- h docker --host=unix:///s system dial-stdio");
    }

    async fn read_all(script: &str) -> (Vec<u8>, io::Result<usize>) {
        let command = HelperCommand { program: "sh", args: strings(&["-c", script]), path: None };
        let mut io = command.open().expect("sh starts");
        let mut bytes = Vec::new();
        let end = io.read_to_end(&mut bytes).await;
        (bytes, end)
    }

    #[tokio::test]
    async fn a_helper_that_fails_quotes_its_last_words() {
        let (bytes, end) = read_all("printf data; echo no such container >&2; exit 3").await;
        assert_eq!(bytes, b"data");
        let error = end.expect_err("exit 3").to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.contains("no such container"), "{error}");
    }

    #[tokio::test]
    async fn a_helper_that_ends_well_is_an_ordinary_end() {
        let (bytes, end) = read_all("printf data; echo chatter >&2").await;
        assert_eq!(bytes, b"data");
        assert_eq!(end.expect("exit 0"), 4);
    }

    #[tokio::test]
    async fn only_the_end_of_standard_error_is_kept() {
        let (_, end) = read_all("seq 1 5000 >&2; exit 1").await;
        let error = end.expect_err("exit 1").to_string();
        assert!(error.len() < MAX_STDERR + 200, "{}", error.len());
        assert!(error.ends_with("5000"), "{error}");
    }

    #[tokio::test]
    async fn dropping_the_stream_ends_the_helper() {
        let dir = tempfile::tempdir().expect("temp dir");
        let mark = dir.path().join("ended");
        let script =
            format!("trap 'echo term > {}; exit 0' TERM; echo up; while :; do sleep 0.05; done", mark.display());
        let command = HelperCommand { program: "sh", args: strings(&["-c", &script]), path: None };
        let mut io = command.open().expect("sh starts");
        let mut up = [0; 3];
        io.read_exact(&mut up).await.expect("up");
        drop(io);
        let seen = timeout(Duration::from_secs(5), async {
            while !mark.exists() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        seen.await.expect("SIGTERM reaches the helper");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let command = HelperCommand { program: "no-such-program-here", args: Vec::new(), path: None };
        let error = command.open().err().expect("missing").to_string();
        assert!(error.contains("there is no `no-such-program-here` on PATH"), "{error}");
    }
}
