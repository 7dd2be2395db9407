//! Reading from refs: files, directories, and making a ref real.
//!
//! Paths are resolved inside the ref by the daemon, which follows symlinks (`moby/buildkit: cache/util/fsutil.go`).

use std::ops::Range;

use buildkit_proto::rpc::gateway;

use super::{Bridge, method};
use crate::error::GatewayError;
use crate::pong::caps;
use crate::result::Reference;
use crate::wire;

/// Read at most so much at a time, well below the message limit of every daemon.
const CHUNK: u64 = 4 << 20;

/// Go's `os.FileMode` bits (`go/src/os/types.go`), which is what the daemon sends.
const MODE_DIR: u32 = 1 << 31;
const MODE_SYMLINK: u32 = 1 << 27;
const MODE_TYPE: u32 = MODE_DIR | MODE_SYMLINK | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;

/// What is known of a file without reading it.
///
/// ```
/// let stat = buildkit_gateway::Stat { mode: 1 << 31 | 0o755, ..Default::default() };
/// assert!(stat.is_dir() && stat.permissions() == 0o755);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Its name (not its path); invalid UTF-8 is replaced.
    pub path: String,
    /// Go's `os.FileMode`; ask [`Stat::is_dir`] and its like.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mod_time: i64,
    /// Where a symlink points.
    pub linkname: String,
}

impl Stat {
    /// A directory?
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.mode & MODE_DIR != 0
    }

    /// A symlink? Only directory listings show them; [`Bridge::stat_file`] follows them.
    #[must_use]
    pub fn is_symlink(&self) -> bool {
        self.mode & MODE_SYMLINK != 0
    }

    /// A regular file?
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.mode & MODE_TYPE == 0
    }

    /// The nine permission bits.
    #[must_use]
    pub fn permissions(&self) -> u32 {
        self.mode & 0o777
    }

    pub(crate) fn from_wire(stat: buildkit_proto::fsutil::Stat) -> Self {
        Self {
            path: String::from_utf8_lossy(&stat.path).into_owned(),
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            size: u64::try_from(stat.size).unwrap_or_default(),
            mod_time: stat.mod_time,
            linkname: String::from_utf8_lossy(&stat.linkname).into_owned(),
        }
    }
}

impl Bridge {
    /// Reads a regular file, or a range of its bytes; evaluates the ref. Large files come in several calls.
    ///
    /// # Errors
    /// If the ref cannot be built, or the file is missing (code Unknown, text `no such file or directory`:
    /// ask [`Bridge::read_dir`] whether a file exists).
    pub async fn read_file(
        &self,
        reference: &Reference,
        path: &str,
        range: Option<Range<u64>>,
    ) -> Result<Vec<u8>, GatewayError> {
        let Range { start, end } = range.unwrap_or(0..u64::MAX);
        let mut content = Vec::new();
        let mut offset = start;
        while offset < end {
            let length = CHUNK.min(end - offset);
            let chunk = self.read_chunk(reference, path, offset, length).await?;
            let got = chunk.len() as u64;
            if content.is_empty() {
                content = chunk;
            } else {
                content.extend_from_slice(&chunk);
            }
            if got < length {
                break;
            }
            offset += got;
        }
        Ok(content)
    }

    async fn read_chunk(
        &self,
        reference: &Reference,
        path: &str,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, GatewayError> {
        let number = |n| i64::try_from(n).map_err(|_| GatewayError::Invalid("a file range must fit 63 bits"));
        let answer: gateway::ReadFileResponse = self
            .call(
                method!("ReadFile"),
                gateway::ReadFileRequest {
                    r#ref: reference.id.clone(),
                    file_path: path.to_owned(),
                    range: Some(gateway::FileRange { offset: number(offset)?, length: number(length)? }),
                    mount_index: 0,
                },
            )
            .await?;
        Ok(answer.data)
    }

    /// Lists one level of a directory, optionally only the names `include_pattern` matches; evaluates the ref.
    ///
    /// The list is empty when nothing matches, which makes it the way to ask whether a file exists.
    ///
    /// # Errors
    /// If the ref cannot be built or the directory is missing.
    pub async fn read_dir(
        &self,
        reference: &Reference,
        path: &str,
        include_pattern: Option<&str>,
    ) -> Result<Vec<Stat>, GatewayError> {
        self.require_gateway_cap(caps::READ_DIR, "list directories").await?;
        let answer: wire::ReadDirResponse = self
            .call(
                method!("ReadDir"),
                gateway::ReadDirRequest {
                    r#ref: reference.id.clone(),
                    dir_path: path.to_owned(),
                    include_pattern: include_pattern.unwrap_or_default().to_owned(),
                    mount_index: 0,
                },
            )
            .await?;
        Ok(answer.entries.into_iter().map(Stat::from_wire).collect())
    }

    /// Looks at one file; evaluates the ref.
    ///
    /// # Errors
    /// If the ref cannot be built or the file is missing.
    pub async fn stat_file(&self, reference: &Reference, path: &str) -> Result<Stat, GatewayError> {
        self.require_gateway_cap(caps::STAT_FILE, "look at single files").await?;
        let method = method!("StatFile");
        let name = method.name;
        let answer: wire::StatFileResponse = self
            .call(
                method,
                gateway::StatFileRequest { r#ref: reference.id.clone(), path: path.to_owned(), mount_index: 0 },
            )
            .await?;
        answer.stat.map(Stat::from_wire).ok_or(GatewayError::Incomplete { method: name, what: "stat" })
    }

    /// Builds a ref now rather than when it is first needed.
    ///
    /// # Errors
    /// If it cannot be built.
    pub async fn evaluate(&self, reference: &Reference) -> Result<(), GatewayError> {
        if !self.has_gateway_cap(caps::EVALUATE).await? {
            return self.stat_file(reference, ".").await.map(drop);
        }
        let _: gateway::EvaluateResponse =
            self.call(method!("Evaluate"), gateway::EvaluateRequest { r#ref: reference.id.clone() }).await?;
        Ok(())
    }
}
