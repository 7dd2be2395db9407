//! What a frontend reports to the user: warnings on the way, and exactly one answer at the end.

use std::sync::atomic::Ordering;

use buildkit_proto::rpc::gateway;

use super::{Bridge, method};
use crate::error::GatewayError;
use crate::pong::caps;
use crate::result::{FrontendResult, Refs};
use crate::status::Status;
use crate::wire;
use buildkit_proto::errdefs::{SourceInfo, SourceRange};

/// A warning shown with the build (`moby/buildkit: frontend/dockerfile/linter`).
///
/// ```
/// use buildkit_gateway::{SourceInfo, SpecFile, Warning};
///
/// let info = SourceInfo { filename: "image.txt".into(), data: b"old: 1\n".to_vec(), ..SourceInfo::default() };
/// let spec = SpecFile::new(info, "sha256:of-the-vertex-that-loaded-it")?;
/// let warning = Warning { url: "https://example.com/old".into(), ..spec.warning(1, "OldKey: use `new` (line 1)") };
/// assert_eq!(warning.ranges[0].start.line, 1);
/// # Ok::<(), buildkit_gateway::Status>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Warning {
    /// The vertex that loaded the file warned about; `sha256:…`.
    pub digest: String,
    /// How bad; 1 at least, and 0 is sent as 1.
    pub level: i64,
    /// `RuleName: message (line N)`.
    pub short: String,
    /// More text, a paragraph each.
    pub detail: Vec<String>,
    /// Where to read more.
    pub url: String,
    /// The file.
    pub source: Option<SourceInfo>,
    /// The lines.
    pub ranges: Vec<SourceRange>,
}

impl Bridge {
    /// Shows a warning; daemons without warnings show nothing. A failure need not bother anyone.
    ///
    /// ```no_run
    /// # use buildkit_gateway::{Bridge, GatewayError, SpecFile};
    /// # async fn warn(bridge: &Bridge, spec: &SpecFile) -> Result<(), GatewayError> {
    /// bridge.warn(spec.warning(3, "OldKey: use `new` (line 3)")).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the daemon refuses it.
    pub async fn warn(&self, warning: Warning) -> Result<(), GatewayError> {
        if !self.has_gateway_cap(caps::WARNINGS).await? {
            return Ok(());
        }
        let Warning { digest, level, short, detail, url, source, ranges } = warning;
        let request = wire::WarnRequest {
            digest,
            level: level.max(1),
            short: short.into_bytes(),
            detail: detail.into_iter().map(String::into_bytes).collect(),
            url,
            info: source.map(Into::into),
            ranges: ranges.into_iter().map(Into::into).collect(),
        };
        let _: gateway::WarnResponse = self.call(method!("Warn"), request).await?;
        Ok(())
    }

    /// Ends the build with a result.
    ///
    /// # Errors
    /// If the build was answered before, or a ref is not of this build.
    pub async fn return_result(&self, result: FrontendResult) -> Result<(), GatewayError> {
        self.require_gateway_cap(caps::RETURN, "take a result").await?;
        if matches!(&result.refs, Refs::PerPlatform(refs) if refs.len() > 1) {
            self.require_gateway_cap(caps::RETURN_MAP, "take a result of several platforms").await?;
        }
        let ref_messages = self.has_gateway_cap(caps::PROTO_REF_ARRAY).await?;
        let attestations = self.has_gateway_cap(caps::REFERENCE_ATTESTATIONS).await?;
        self.answer(wire::ReturnRequest { result: Some(result.to_wire(ref_messages, attestations)), error: None }).await
    }

    /// Ends the build with an error; code, message and details reach the client unchanged.
    ///
    /// # Errors
    /// If the build was answered before.
    pub async fn return_error(&self, status: impl Into<Status>) -> Result<(), GatewayError> {
        let mut status = status.into().into_message();
        if status.code == 0 {
            // The daemon takes an error of code OK for no error, and then for no answer at all.
            status.code = tonic::Code::Unknown as i32;
        }
        self.answer(wire::ReturnRequest { result: None, error: Some(status) }).await
    }

    async fn answer(&self, request: wire::ReturnRequest) -> Result<(), GatewayError> {
        if self.shared.returned.swap(true, Ordering::AcqRel) {
            return Err(GatewayError::AlreadyReturned);
        }
        let answer: Result<gateway::ReturnResponse, _> = self.call(method!("Return"), request).await;
        if let Err(GatewayError::Rpc { .. }) = &answer {
            // A refused answer (a ref of another build, say) does not count: an error may still be returned.
            self.shared.returned.store(false, Ordering::Release);
        }
        answer.map(drop)
    }
}
