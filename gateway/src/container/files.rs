//! Looking into a container's mounts while it lives, changes of its processes included.
//!
//! The daemon takes a mount by its index and a path in it, sends whole files only and knows no patterns
//! (`moby/buildkit: frontend/gateway/container/container.go`).

use buildkit_proto::rpc::gateway;

use super::{Container, Mount};
use crate::bridge::{Stat, method};
use crate::error::GatewayError;
use crate::pong::caps;
use crate::wire;
use buildkit_proto::go::clean_path;

impl Container {
    /// Reads a regular file, whole; one above 16 MiB does not fit an answer, so let a process print it.
    ///
    /// Paths are those processes see, in any of its mounts; a symlink may not lead out of its mount.
    ///
    /// # Errors
    /// If the daemon cannot look into containers (the capability `gateway.exec.filesystem`), or the file cannot be read.
    pub async fn read_file(&self, path: &str) -> Result<Vec<u8>, GatewayError> {
        let (mount_index, file_path) = self.find(path).await?;
        let request = gateway::ReadFileRequest { r#ref: self.0.id.clone(), file_path, range: None, mount_index };
        let answer: gateway::ReadFileResponse = self.bridge().call(method!("ReadFileContainer"), request).await?;
        Ok(answer.data)
    }

    /// Lists one level of a directory. Owners are not reported.
    ///
    /// # Errors
    /// As [`Container::read_file`].
    pub async fn read_dir(&self, path: &str) -> Result<Vec<Stat>, GatewayError> {
        let (mount_index, dir_path) = self.find(path).await?;
        let include_pattern = String::new();
        let request = gateway::ReadDirRequest { r#ref: self.0.id.clone(), dir_path, include_pattern, mount_index };
        let answer: wire::ReadDirResponse = self.bridge().call(method!("ReadDirContainer"), request).await?;
        Ok(answer.entries.into_iter().map(Stat::from_wire).collect())
    }

    /// Looks at one file. A symlink is followed unless it leads out of its mount; that one is described itself.
    /// Owners are not reported.
    ///
    /// # Errors
    /// As [`Container::read_file`].
    pub async fn stat_file(&self, path: &str) -> Result<Stat, GatewayError> {
        let (mount_index, path) = self.find(path).await?;
        let method = method!("StatFileContainer");
        let name = method.name;
        let request = gateway::StatFileRequest { r#ref: self.0.id.clone(), path, mount_index };
        let answer: wire::StatFileResponse = self.bridge().call(method, request).await?;
        answer.stat.map(Stat::from_wire).ok_or(GatewayError::Incomplete { method: name, what: "stat" })
    }

    /// The mount that contains a path of the container, and the path inside it.
    async fn find(&self, path: &str) -> Result<(i32, String), GatewayError> {
        self.bridge().require_gateway_cap(caps::EXEC_FILESYSTEM, "look into containers").await?;
        find(&self.0.places, path).ok_or(GatewayError::Invalid("a path in a container lies in one of its mounts"))
    }
}

/// Where processes see a mount.
#[derive(Debug)]
pub(super) struct Place {
    /// Clean; the root is empty.
    dest: String,
    /// What of the mounted tree they see; the daemon reads the whole tree. Clean, beginning with `/`.
    selector: String,
}

impl Place {
    pub(super) fn from_mount(mount: &Mount) -> Self {
        Self::new(mount.dest(), mount.selector())
    }

    fn new(dest: &str, selector: &str) -> Self {
        let dest = clean_path(&format!("/{dest}"));
        Self { dest: dest.trim_end_matches('/').to_owned(), selector: clean_path(&format!("/{selector}")) }
    }

    /// A clean path of the container as the daemon wants it.
    fn inside(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(&self.dest)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| clean_path(&format!("{}{rest}", self.selector)))
    }
}

/// The deepest mount above a path; of several at one place the last, which covers the others.
fn find(places: &[Place], path: &str) -> Option<(i32, String)> {
    let path = clean_path(&format!("/{path}"));
    let above = places.iter().enumerate().filter_map(|(index, place)| Some((place, index, place.inside(&path)?)));
    let (_, index, inside) = above.max_by_key(|(place, ..)| place.dest.len())?;
    Some((i32::try_from(index).ok()?, inside))
}

#[cfg(test)]
mod tests {
    use super::{Place, find};

    #[test]
    fn the_deepest_mount_has_the_path() {
        let places = [("/", ""), ("/src", ""), ("/src/vendor/", "third/party")];
        let places = places.map(|(dest, selector)| Place::new(dest, selector));
        let check = |path: &str, index: i32, rest: &str| {
            assert_eq!(find(&places, path), Some((index, rest.to_owned())), "{path}");
        };
        check("/etc/passwd", 0, "/etc/passwd");
        check("etc/../etc/passwd", 0, "/etc/passwd");
        check("/", 0, "/");
        check("/src", 1, "/");
        check("/srcs", 0, "/srcs");
        check("/src/a", 1, "/a");
        check("/src/vendor/x", 2, "/third/party/x");
        assert_eq!(find(&[Place::new("/src", "")], "/etc"), None);
    }
}
