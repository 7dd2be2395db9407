//! Platforms as messages: field by field, in whatever form they are in.
//!
//! Spelling and normal form are `oci-names`' business.

use oci_names::Platform;

use crate::pb;

/// As it came: somebody else's platform need not be in normal form.
impl From<pb::Platform> for Platform {
    fn from(message: pb::Platform) -> Self {
        let pb::Platform { architecture, os, variant, os_version, os_features } = message;
        Self { architecture, os, os_version, os_features, variant }
    }
}

/// The message of the gRPC services.
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

/// A platform from a message of the gRPC services, as it came. See [`platform_to_rpc`].
#[cfg(feature = "rpc")]
#[must_use]
pub fn platform_from_rpc(message: crate::rpc::llb::Platform) -> Platform {
    let crate::rpc::llb::Platform { architecture, os, variant, os_version, os_features } = message;
    Platform { architecture, os, os_version, os_features, variant }
}
