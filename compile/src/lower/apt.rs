//! The apt step's op.

use std::collections::BTreeMap;

use buildkit_llb::{Mount, Output, Sharing};

use crate::lower::{Lowering, ca_path};
use crate::plan::Step;

/// Updates the lists, installs, and removes what differs from run to run, in one exec: the lists live in a cache that may be
/// collected at any time, so an install must never rely on an earlier update. Packages are the script's arguments.
const SCRIPT: &str = r#"set -eu
conf=/dev/imagespec/apt/apt.conf
apt-get -q -c "$conf" update
apt-get -q -c "$conf" install -y --no-install-recommends -- "$@"
rm -rf /var/log/apt/* /var/log/dpkg.log /var/log/alternatives.log /var/log/bootstrap.log \
  /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old \
  /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
"#;

/// Read after the image's own configuration: takes back what Docker's Debian images do to keep layers small (they delete every
/// archive after use, which would leave the cache mount empty), and shows no progress bars in logs.
const CONFIGURATION: &str = r#"#clear DPkg::Post-Invoke;
#clear APT::Update::Post-Invoke;
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
APT::Keep-Downloaded-Packages "true";
Binary::apt::APT::Keep-Downloaded-Packages "true";
Dpkg::Use-Pty "0";
"#;

impl Lowering<'_> {
    pub(super) fn apt(
        &mut self,
        step: &Step,
        parent: Output,
        packages: &[String],
        cache_scope: &str,
        env: &BTreeMap<String, String>,
    ) -> Output {
        let mut configuration = CONFIGURATION.to_owned();
        if self.common.ca_bundle.is_some() {
            configuration += &format!("Acquire::https::CAInfo \"{}\";\n", ca_path());
        }
        let inputs = self.inputs("apt", &[("apt.conf", &configuration)]);
        let args = ["/bin/sh", "-c", SCRIPT, "apt"].into_iter().map(str::to_owned).chain(packages.iter().cloned());
        let exec = self
            .exec(args, parent)
            .with_env("DEBIAN_FRONTEND", "noninteractive")
            .with_envs(env.clone())
            .with_mount(inputs)
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
}
