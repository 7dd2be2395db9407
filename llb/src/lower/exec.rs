//! Fallbacks of execs: limits left out, `PATH` in the environment, and a line of shell around the command.

use std::fmt::Write as _;

use buildkit_proto::caps::llb as cap;

use super::Lowering;
use crate::op::Op;
use crate::op::exec::{Exec, SecretEnv};
use crate::op::mount::{Access, BindMount, CacheMount, ContentCache, Mount};
use crate::output::{OpId, Output};

/// `moby/buildkit: util/system/path.go`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Where helpers are mounted: `/dev` is a filesystem of the container's own, so nothing is left behind.
const HELPERS: &str = "/dev/.buildkit-llb";

impl Lowering<'_> {
    /// `waits` must exist before the process runs.
    pub(super) fn exec(&mut self, id: OpId, mut exec: Exec, waits: Vec<Output>) -> Vec<(Output, Output)> {
        let before: Vec<String> = exec.output_mounts().map(|mount| mount.dest().to_owned()).collect();
        for (wait, number) in waits.into_iter().zip(0..) {
            self.change(id, cap::PASSTHROUGHOP, "what it waits for is mounted");
            exec.add_mount(Mount::read_only(format!("{HELPERS}/after-{number}"), wait).into());
        }
        self.without_limits(id, &mut exec);
        self.in_shell(id, &mut exec);
        if !self.has(cap::EXEC_META_SETSDEFAULTPATH) {
            exec.default_path = false;
            if exec.platform.os != "windows" && !exec.env.iter().any(|(name, _)| name == "PATH") {
                exec = exec.with_socket_in_env().with_env("PATH", DEFAULT_PATH);
                self.change(id, cap::EXEC_META_SETSDEFAULTPATH, "PATH is in the environment");
            }
        }
        let after: Vec<String> = exec.output_mounts().map(|mount| mount.dest().to_owned()).collect();
        let stands = self.plain(id, Op::Exec(Box::new(exec))).op;
        let index = |dest: &String| after.iter().position(|known| known == dest).and_then(|at| u32::try_from(at).ok());
        let outputs = before.iter().zip(0..).filter_map(|(dest, old)| {
            Some((Output { op: id, index: old }, Output { op: stands, index: index(dest)? }))
        });
        outputs.collect()
    }

    fn without_limits(&mut self, id: OpId, exec: &mut Exec) {
        if !self.has(cap::EXEC_META_ULIMIT) && !exec.ulimits.is_empty() {
            exec.ulimits.clear();
            self.change(id, cap::EXEC_META_ULIMIT, "no limits");
        }
        if !self.has(cap::EXEC_META_CGROUP_PARENT) && !exec.cgroup_parent.is_empty() {
            exec.cgroup_parent.clear();
            self.change(id, cap::EXEC_META_CGROUP_PARENT, "the daemon's own cgroup");
        }
        if !self.has(cap::EXEC_META_CDI) && exec.devices.iter().any(|device| device.optional) {
            exec.devices.retain(|device| !device.optional);
            self.change(id, cap::EXEC_META_CDI, "optional devices are missing");
        }
        exec.change_mounts(|mount| {
            if let Mount::Bind(BindMount { content_cache, .. }) | Mount::Cache(CacheMount { content_cache, .. }) = mount
                && !self.daemon.contains(cap::EXEC_MOUNT_CACHE_CONTENT)
                && *content_cache != ContentCache::Default
            {
                *content_cache = ContentCache::Default;
                self.change(id, cap::EXEC_MOUNT_CACHE_CONTENT, "the daemon chooses what the cache key holds");
            }
            match mount {
                Mount::Tmpfs(tmpfs) if tmpfs.size > 0 && !self.daemon.contains(cap::EXEC_MOUNT_TMPFS_SIZE) => {
                    tmpfs.size = 0;
                    self.change(id, cap::EXEC_MOUNT_TMPFS_SIZE, "no limit");
                }
                Mount::Bind(bind)
                    if bind.access == Access::Discard
                        && !self.daemon.contains(cap::EXEC_MOUNT_BIND_READWRITE_NOOUTPUT) =>
                {
                    bind.access = Access::Output;
                    self.change(id, cap::EXEC_MOUNT_BIND_READWRITE_NOOUTPUT, "an output nobody uses");
                }
                Mount::Bind(_) | Mount::Cache(_) | Mount::Tmpfs(_) | Mount::Secret(_) | Mount::Ssh(_) => {}
            }
        });
    }

    fn in_shell(&mut self, id: OpId, exec: &mut Exec) {
        let mut script = String::new();
        let is_name = |name: &str| {
            let mut bytes = name.bytes();
            bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        // A shell cannot export every name; the others stay and are reported as missing.
        if !self.has(cap::EXEC_SECRETENV) && exec.secret_env.iter().all(|secret| is_name(&secret.name)) {
            for (SecretEnv { id: secret, name, optional }, number) in
                std::mem::take(&mut exec.secret_env).into_iter().zip(0..)
            {
                let file = format!("{HELPERS}/secret-{number}");
                let mut mount = Mount::secret(&file, secret).readable_by_all();
                if optional {
                    mount = mount.optional();
                }
                exec.add_mount(mount.into());
                // The x keeps line ends at the end, which a shell drops. Writing to a String cannot fail.
                let _ = write!(
                    script,
                    "if [ -e {file} ]; then {name}=$(cat {file}; printf x); {name}=${{{name}%x}}; else {name}=; fi; export {name}; "
                );
                self.change(id, cap::EXEC_SECRETENV, "a shell reads the variable from a file");
            }
        }
        if !self.has(cap::EXEC_VALIDEXITCODE) && !exec.valid_exit_codes.is_empty() {
            let codes = std::mem::take(&mut exec.valid_exit_codes);
            let valid: Vec<String> = codes.iter().filter(|code| (0..256).contains(*code)).map(i32::to_string).collect();
            let _ = write!(script, "\"$@\"; code=$?; case $code in ");
            if !valid.is_empty() {
                let _ = write!(script, "{}) exit 0 ;; ", valid.join("|"));
            }
            script += "0) exit 1 ;; *) exit $code ;; esac";
            self.change(id, cap::EXEC_VALIDEXITCODE, "a shell maps the exit code");
        } else if !script.is_empty() {
            script += "exec \"$@\"";
        }
        if !script.is_empty() {
            let shell = ["/bin/sh".to_owned(), "-c".to_owned(), script, "sh".to_owned()];
            exec.args.splice(0..0, shell);
        }
    }
}
