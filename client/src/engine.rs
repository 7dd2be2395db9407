//! The calls of the Docker Engine's HTTP API that a build needs besides gRPC: ping, info, exec, image load, image push.
//!
//! Each call opens a connection over the transport of the Engine's address.

mod http;
mod image;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ::http::StatusCode;

pub use self::image::{ImageError, ImageEvent, Load, RegistryAuth};

use thiserror::Error;

use crate::address::EngineAddress;
use crate::transport::{DialProblem, Transport};

pub(crate) use self::http::{Answer, Call};

/// An API version such as 1.51.
///
/// ```
/// use buildkit_client::engine::ApiVersion;
///
/// let version: ApiVersion = "1.51".parse()?;
/// assert!(version < ApiVersion { major: 1, minor: 53 });
/// assert_eq!(version.to_string(), "1.51");
/// # Ok::<(), buildkit_client::engine::ApiVersionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    /// Before the point.
    pub major: u16,
    /// After it.
    pub minor: u16,
}

/// Since this version the API socket accepts gRPC directly (moby/moby: `daemon/command/httphandler.go`, Engine 29.2).
pub(crate) const DIRECT_GRPC: ApiVersion = ApiVersion { major: 1, minor: 53 };

/// A text that is not an API version.
///
/// ```
/// use buildkit_client::engine::ApiVersion;
///
/// let error = "newest".parse::<ApiVersion>().expect_err("not two numbers");
/// assert_eq!(error.to_string(), "\"newest\" is not an API version such as 1.51");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not an API version such as 1.51")]
pub struct ApiVersionError(String);

impl FromStr for ApiVersion {
    type Err = ApiVersionError;

    fn from_str(text: &str) -> Result<Self, ApiVersionError> {
        let number = |text: &str| text.parse().ok();
        let parts = text.trim().split_once('.').and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
        let (major, minor) = parts.ok_or_else(|| ApiVersionError(text.to_owned()))?;
        Ok(Self { major, minor })
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// An Engine that has answered a ping.
///
/// ```no_run
/// use buildkit_client::dial::DialOptions;
/// use buildkit_client::engine::Engine;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::open(&"unix:///var/run/docker.sock".parse()?, &DialOptions::default()).await?;
/// println!("API {} at {:?}", engine.api_version(), engine.address());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    address: EngineAddress,
    transport: Transport,
    api_version: ApiVersion,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("address", &self.inner.address)
            .field("api_version", &self.inner.api_version)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Pings the Engine.
    pub(crate) async fn connect(address: &EngineAddress, transport: Transport) -> Result<Self, DialProblem> {
        let answer = http::send(&transport, Call::get("/_ping")).await?;
        let version = answer.headers().get("api-version").and_then(|value| value.to_str().ok());
        match version.and_then(|version| version.parse().ok()) {
            Some(api_version) if answer.status().is_success() => {
                Ok(Self { inner: Arc::new(Inner { address: address.clone(), transport, api_version }) })
            }
            _ => Err(answer.refusal().await),
        }
    }

    /// The Engine's address.
    #[must_use]
    pub fn address(&self) -> &EngineAddress {
        &self.inner.address
    }

    /// The newest API version that the Engine supports.
    #[must_use]
    pub fn api_version(&self) -> ApiVersion {
        self.inner.api_version
    }

    /// The transport of the API, and since API 1.53 of gRPC too.
    pub(crate) fn transport(&self) -> &Transport {
        &self.inner.transport
    }

    /// Whether the Engine uses the containerd image store, which can load OCI archives with several platforms
    /// (docker/buildx: `util/dockerutil/client.go`).
    ///
    /// # Errors
    /// If the Engine doesn't answer.
    pub async fn has_containerd_store(&self) -> Result<bool, DialProblem> {
        #[derive(serde::Deserialize)]
        struct Info {
            #[serde(rename = "DriverStatus", default)]
            driver_status: Option<Vec<Vec<String>>>,
        }
        let info: Info = self.call(Call::get("/info")).await?.json().await?;
        let driver_status = info.driver_status.unwrap_or_default();
        Ok(driver_status.iter().any(|pair| {
            matches!(pair.as_slice(), [key, value] if key == "driver-type" && value == "io.containerd.snapshotter.v1")
        }))
    }

    /// Sends one call with the Engine's API version. A status other than success is an error.
    pub(crate) async fn call(&self, call: Call) -> Result<Answer, DialProblem> {
        let answer = self.send(call.under_version(self.inner.api_version)).await?;
        if answer.status().is_success() || answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            Ok(answer)
        } else {
            Err(answer.refusal().await)
        }
    }

    /// Sends one call without an API version, and returns the answer with any status.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer, DialProblem> {
        http::send(&self.inner.transport, call).await
    }
}
