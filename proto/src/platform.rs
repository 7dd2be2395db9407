//! Conversions between platforms and messages, field by field, without normalization.
//!
//! `oci-names` parses and normalizes platforms.

use oci_names::Platform;

use crate::pb;

/// Converts without normalization: a received platform need not be in normal form.
impl From<pb::Platform> for Platform {
    fn from(message: pb::Platform) -> Self {
        let pb::Platform { architecture, os, variant, os_version, os_features } = message;
        Self { architecture, os, os_version, os_features, variant }
    }
}

/// Converts to the message of the gRPC services.
///
/// ```
/// use buildkit_proto::{platform_from_rpc, platform_to_rpc};
/// use oci_names::Platform;
///
/// let platform = Platform::linux("arm");
/// let message = platform_to_rpc(&platform);
/// assert_eq!((message.architecture.as_str(), message.variant.as_str()), ("arm", "v7"));
/// assert_eq!(platform_from_rpc(message), platform);
/// ```
#[cfg(feature = "rpc")]
#[must_use]
pub fn platform_to_rpc(platform: &Platform) -> crate::rpc::llb::Platform {
    let Platform { architecture, os, os_version, os_features, variant } = platform.clone();
    crate::rpc::llb::Platform { architecture, os, variant, os_version, os_features }
}

/// Converts from the message of the gRPC services, without normalization. See [`platform_to_rpc`].
#[cfg(feature = "rpc")]
#[must_use]
pub fn platform_from_rpc(message: crate::rpc::llb::Platform) -> Platform {
    let crate::rpc::llb::Platform { architecture, os, variant, os_version, os_features } = message;
    Platform { architecture, os, os_version, os_features, variant }
}
