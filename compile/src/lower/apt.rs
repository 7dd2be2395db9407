//! The apt step's op.

use buildkit_llb::{File, MkDir, MkFile, Mount, Output, Sharing};

use crate::lower::{Lowering, ca_path};
use crate::plan::{Action, Step};

/// Updates the lists, installs, and removes what differs from run to run, in one exec: the lists live in a cache that may be
/// collected at any time, so an install must never rely on an earlier update. Packages are the script's arguments.
///
/// An update makes apt's index of all lists anew, half a second for Debian's, whatever it brought. Here that is left to the
/// install, which sees by the times of the lists whether they are the index's; mirrors that say nothing of times send release
/// files again, so one with the same text gets its time back.
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

/// Read after the image's own configuration: takes back what Docker's Debian images do to keep layers small (they delete every
/// archive after use, which would leave the cache mount empty, and keep no index of the lists; one that has the installed
/// packages in it is not for images to share), takes names for names (`python3.15` would else be a regular
/// expression where no package has the name), and shows no progress bars in logs.
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
            // Else lists that the cache has of a repository would do, although its key is another one now.
            configuration += "APT::Update::Error-Mode \"any\";\n";
        }
        let args = ["/bin/sh", "-c", SCRIPT, "apt"].into_iter().map(str::to_owned).chain(packages.iter().cloned());
        let exec = self
            .exec(args, parent)
            .with_env("DEBIAN_FRONTEND", "noninteractive")
            .with_envs(env.clone())
            .with_env("IMAGESPEC_APT_CONF", configuration)
            .with_mount(Mount::tmpfs(format!("{}/apt", crate::fixed::MOUNTS)))
            // dpkg's journal, empty before and after: it is written to the disk a dozen times for each package, and a step that
            // breaks off leaves no layer that would need it.
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

    /// More repositories and their keys, which the image keeps.
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
