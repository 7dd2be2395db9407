//! Runs `docker-credential-<suffix> get` (docker/docker-credential-helpers: `client`).
//!
//! The registry is written to stdin and the secret is read from stdout, so that no secret is on a command line.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::super::secret_bytes::SecretBytes;
use super::config::Credentials;

/// A helper may ask the user to unlock a keychain. The daemon waits for one minute.
const TIMEOUT: Duration = Duration::from_secs(50);
const MAX_OUTPUT: usize = 1024 * 1024;
/// User name that marks the secret as an identity token (docker/cli: `cli/config/credentials/native_store.go`).
const TOKEN_USER: &str = "<token>";
/// The message of a helper without credentials (docker-credential-helpers: `credentials/error.go`).
const NOT_FOUND: &str = "credentials not found in native keychain";

/// A helper that failed.
#[derive(Debug, Error)]
#[error("credential helper docker-credential-{suffix}: {problem}")]
pub(super) struct HelperError {
    suffix: String,
    problem: String,
}

#[derive(Deserialize)]
struct Output {
    #[serde(default, rename = "Username")]
    username: String,
    #[serde(default, rename = "Secret")]
    secret: String,
}

/// Asks the helper for `key`; the rest of the credentials comes from `base`.
pub(super) async fn get(
    suffix: &str,
    key: &str,
    base: Credentials,
    path: Option<&OsStr>,
) -> Result<Credentials, HelperError> {
    let fail = |problem: String| HelperError { suffix: suffix.to_owned(), problem };
    // A slash would bypass the PATH.
    if suffix.contains('/') {
        return Err(fail("invalid helper name".to_owned()));
    }
    let mut command = Command::new(format!("docker-credential-{suffix}"));
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let child = command
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| fail(error.to_string()))?;
    let (is_success, output) = tokio::time::timeout(TIMEOUT, talk(child, key))
        .await
        .map_err(|_| fail(format!("no answer within {} s", TIMEOUT.as_secs())))?
        .map_err(|error| fail(error.to_string()))?;
    if !is_success {
        // On failure, the output is a message.
        let message = output.expose_text().unwrap_or_default().trim();
        if message.eq_ignore_ascii_case(NOT_FOUND) {
            return Ok(base);
        }
        return Err(fail(message.chars().take(200).collect()));
    }
    let Output { username, secret } =
        serde_json::from_slice(output.expose()).map_err(|_| fail("its output is not valid JSON".to_owned()))?;
    Ok(if username == TOKEN_USER {
        Credentials { identity_token: secret.into(), ..base }
    } else {
        Credentials { user: username, password: secret.into(), ..base }
    })
}

async fn talk(mut child: Child, key: &str) -> std::io::Result<(bool, SecretBytes)> {
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that doesn't read its input may still answer.
        let _unread = stdin.write_all(format!("{key}\n").as_bytes()).await;
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_OUTPUT as u64).read_to_end(&mut output).await?;
    }
    let output = SecretBytes::from(output);
    Ok((child.wait().await?.success(), output))
}
