//! BuildKit's gRPC services with short names. This module only re-exports.

pub use bollard_buildkit_proto::fsutil::types as fsutil;
pub use bollard_buildkit_proto::google::protobuf;
pub use bollard_buildkit_proto::google::rpc as status;
pub use bollard_buildkit_proto::health;
pub use bollard_buildkit_proto::moby::buildkit::secrets::v1 as secrets;
pub use bollard_buildkit_proto::moby::buildkit::v1 as control;
pub use bollard_buildkit_proto::moby::buildkit::v1::apicaps;
pub use bollard_buildkit_proto::moby::buildkit::v1::frontend as gateway;
pub use bollard_buildkit_proto::moby::buildkit::v1::sourcepolicy;
pub use bollard_buildkit_proto::moby::buildkit::v1::types as worker;
pub use bollard_buildkit_proto::moby::filesync::packet as filesync_packet;
pub use bollard_buildkit_proto::moby::filesync::v1 as filesync;
pub use bollard_buildkit_proto::moby::sshforward::v1 as sshforward;
pub use bollard_buildkit_proto::moby::upload::v1 as upload;
pub use bollard_buildkit_proto::pb as llb;
