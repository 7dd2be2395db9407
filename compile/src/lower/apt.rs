//! The apt step's op.

use buildkit_llb::{File, MkDir, MkFile, Mount, Output, Sharing};

use crate::fixed::FILE_TIMESTAMP;
use crate::lower::{Lowering, ca_path};
use crate::plan::{Action, Step};

/// Installs packages, with checks of all that it takes from the caches. Packages are arguments of the script.
const INSTALL: &str = include_str!("apt_install.sh");

/// Checks archives before they are unpacked.
const VERIFY: &str = include_str!("apt_verify.sh");

/// Read after the image's own configuration. It reverts the settings of Docker's Debian images that keep layers small: they delete
/// archives after use, which would leave the cache mount empty. The index of the lists is kept for the duration of the step only.
/// Package names are taken literally (otherwise `python3.15` is a regular expression if there is no such package), and logs show no
/// progress bars.
const CONFIGURATION: &str = r#"#clear DPkg::Post-Invoke;
#clear APT::Update::Post-Invoke;
Dir::Cache::pkgcache "/dev/imagespec/apt/pkgcache.bin";
Dir::Cache::srcpkgcache "";
APT::Cmd::Pattern-Only "true";
APT::Keep-Downloaded-Packages "true";
Binary::apt::APT::Keep-Downloaded-Packages "true";
Dpkg::Use-Pty "0";
DPkg::Pre-Install-Pkgs { "/bin/sh /dev/imagespec/apt/verify.sh"; };
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
        let args = ["/bin/sh", "-c", INSTALL, "apt"].into_iter().map(str::to_owned).chain(packages.iter().cloned());
        let exec = self
            .exec(args, parent)
            .with_env("DEBIAN_FRONTEND", "noninteractive")
            .with_envs(env.clone())
            .with_env("IMAGESPEC_APT_CONF", configuration)
            .with_env("IMAGESPEC_APT_VERIFY", VERIFY)
            .with_mount(Mount::tmpfs(format!("{}/apt", crate::fixed::MOUNTS)))
            // dpkg's journal is empty before and after, but is written to disk about ten times for each package. A step that is interrupted
            // leaves no layer that would need it.
            .with_mount(Mount::tmpfs("/var/lib/dpkg/updates"))
            .with_mount(Mount::cache(
                "/var/cache/apt/archives",
                self.cache_id(&format!("apt-packages-{cache_scope}")),
                Sharing::Locked,
            ))
            .with_mount(Mount::cache(
                "/var/lib/apt/lists",
                self.cache_id(&format!("apt-lists-{cache_scope}")),
                Sharing::Locked,
            ));
        let exec = self.with_ca_bundle(exec);
        self.step_exec(step, exec).root().unwrap_or(parent)
    }

    /// Adds repositories and their keys, which stay in the image.
    fn repositories(&mut self, step: &Step, parent: Output, files: &[(String, String)]) -> Output {
        if files.is_empty() {
            return parent;
        }
        let timestamp = Some(FILE_TIMESTAMP);
        let folder = MkDir { parents: true, timestamp, ..MkDir::new("/etc/apt/keyrings", 0o755) };
        let file = files.iter().fold(File::on(parent).mkdir(folder), |file, (path, text)| {
            file.mkfile(MkFile { timestamp, ..MkFile::new(path, 0o644, text.as_str()) })
        });
        let targets = files.iter().map(|(path, _)| path.as_str());
        self.step_file(step, self.with_touched_folders(file, parent, targets, None))
    }
}
