//! The apt step's op.

use buildkit_llb::{File, MkDir, MkFile, Mount, Output, Sharing};

use crate::lower::{Lowering, ca_path};
use crate::plan::{Action, Step};

/// Updates the lists, installs, and removes files that differ between runs. This is a single exec, because the lists are in a cache
/// that may be deleted at any time, so an install must not rely on an earlier update. Packages are arguments of the script.
///
/// `apt-get update` always rebuilds apt's index of all lists, which takes half a second for Debian's. The script leaves this to the
/// install, which compares the times of lists and index. Mirrors without modification times send unchanged release files again, so
/// files with unchanged text get their old time back.
const SCRIPT: &str = r#"set -eu
conf=/dev/imagespec/apt/apt.conf
printf %s "$IMAGESPEC_APT_CONF" > "$conf"
unset IMAGESPEC_APT_CONF
lists=/var/lib/apt/lists
before=/dev/imagespec/apt/before
mkdir "$before"
cp -p "$lists"/*Release "$before" 2>/dev/null || true
apt-get -q -c "$conf" -o pkgCacheFile::Generate=false update
for file in "$before"/*; do
  if cmp -s "$file" "$lists/${file##*/}"; then touch -r "$file" "$lists/${file##*/}"; fi
done
apt-get -q -c "$conf" install -y --no-install-recommends -- "$@"
rm -rf /var/log/apt/* /var/log/dpkg.log /var/log/alternatives.log /var/log/bootstrap.log \
  /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old \
  /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
"#;

/// Read after the image's own configuration. It reverts the settings of Docker's Debian images that keep layers small: they delete
/// archives after use, which would leave the cache mount empty, and keep no index of the lists. An index that includes the installed
/// packages cannot be shared between images. Package names are taken literally (otherwise `python3.15` is a regular expression if
/// there is no such package), and logs show no progress bars.
const CONFIGURATION: &str = r#"#clear DPkg::Post-Invoke;
#clear APT::Update::Post-Invoke;
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
APT::Cmd::Pattern-Only "true";
APT::Keep-Downloaded-Packages "true";
Binary::apt::APT::Keep-Downloaded-Packages "true";
Dpkg::Use-Pty "0";
"#;

impl Lowering<'_> {
    pub(super) fn apt(&mut self, step: &Step, parent: Output) -> Output {
        let Action::Apt { packages, cache_scope, env, files } = &step.action else { return parent };
        let parent = self.repositories(step, parent, files);
        if packages.is_empty() {
            return parent;
        }
        let mut configuration = CONFIGURATION.to_owned();
        if self.common.ca_bundle.is_some() {
            configuration += &format!("Acquire::https::CAInfo \"{}\";\n", ca_path());
        }
        if !files.is_empty() {
            // Otherwise apt would use cached lists of a repository even if its key has changed.
            configuration += "APT::Update::Error-Mode \"any\";\n";
        }
        let args = ["/bin/sh", "-c", SCRIPT, "apt"].into_iter().map(str::to_owned).chain(packages.iter().cloned());
        let exec = self
            .exec(args, parent)
            .with_env("DEBIAN_FRONTEND", "noninteractive")
            .with_envs(env.clone())
            .with_env("IMAGESPEC_APT_CONF", configuration)
            .with_mount(Mount::tmpfs(format!("{}/apt", crate::fixed::MOUNTS)))
            // dpkg's journal is empty before and after, but is written to disk about ten times for each package. A step that is interrupted
            // leaves no layer that would need it.
            .with_mount(Mount::tmpfs("/var/lib/dpkg/updates"))
            .with_mount(Mount::cache(
                "/var/cache/apt",
                self.cache_id(&format!("apt-archives-{cache_scope}")),
                Sharing::Locked,
            ))
            .with_mount(Mount::cache(
                "/var/lib/apt/lists",
                self.cache_id(&format!("apt-lists-{cache_scope}")),
                Sharing::Locked,
            ));
        let exec = self.with_ca_bundle(exec);
        let outputs = self.graph.exec(exec);
        self.annotate(step, outputs.op());
        outputs.root().unwrap_or(parent)
    }

    /// Adds repositories and their keys, which stay in the image.
    fn repositories(&mut self, step: &Step, parent: Output, files: &[(String, String)]) -> Output {
        if files.is_empty() {
            return parent;
        }
        let folder = MkDir { parents: true, timestamp: Some(0), ..MkDir::new("/etc/apt/keyrings", 0o755) };
        let file = files.iter().fold(File::on(parent).mkdir(folder), |file, (path, text)| {
            file.mkfile(MkFile { timestamp: Some(0), ..MkFile::new(path, 0o644, text.as_str()) })
        });
        let output = self.graph.file(file);
        self.annotate(step, output.op());
        output
    }
}
