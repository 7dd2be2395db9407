//! What an op is, field by field, and what it reads in which role; read from its wire message, so of any op.
//!
//! Every field of the messages is named here: one that is missing would change a digest without a reason to show.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_proto::{Digest, Message as _, map, pb};

use crate::graph::Graph;
use crate::op::Op;
use crate::output::{OpId, Output};

/// A name's values in their order, mostly one.
type Lists<T> = BTreeMap<String, Vec<T>>;

#[derive(Default)]
pub(super) struct Description {
    pub(super) fields: Lists<String>,
    pub(super) reads: Lists<Option<Output>>,
    /// What distinguishes ops of a kind roughly: the source without its version, the program.
    pub(super) gist: String,
}

impl Description {
    pub(super) fn new(graph: &Graph, id: OpId) -> Self {
        let mut description = Self::default();
        let Some(node) = graph.node(id) else { return description };
        let inputs = &node.inputs;
        // Decoded or encoded by this crate, so it is a message.
        let pb::Op { inputs: _, op, platform, constraints } = pb::Op::decode(&*node.bytes).unwrap_or_default();
        match op {
            None => inputs.iter().for_each(|input| description.reads("input", Some(*input))),
            Some(pb::op::Op::Source(source)) => description.source(&source),
            Some(pb::op::Op::Exec(exec)) => description.exec(&exec, inputs),
            Some(pb::op::Op::File(file)) => description.file(&file, inputs),
            Some(pb::op::Op::Build(build)) => description.build(&build, inputs),
            Some(pb::op::Op::Merge(pb::MergeOp { inputs: layers })) => {
                layers.iter().for_each(|layer| description.reads("layer", at(inputs, layer.input)));
            }
            Some(pb::op::Op::Diff(pb::DiffOp { lower, upper })) => {
                description.reads("lower", lower.and_then(|lower| at(inputs, lower.input)));
                description.reads("upper", upper.and_then(|upper| at(inputs, upper.input)));
            }
            Some(pb::op::Op::Passthrough(pb::PassthroughOp { id, outputs })) => {
                description.field("id", id);
                outputs.iter().for_each(|output| description.reads("hands on", at(inputs, *output)));
                let handed_on: BTreeSet<i64> = outputs.into_iter().collect();
                let awaited = inputs.iter().zip(0..).filter(|(_, position)| !handed_on.contains(position));
                awaited.for_each(|(input, _)| description.reads("after", Some(*input)));
            }
        }
        if let Some(pb::Platform { architecture, os, variant, os_version, os_features }) = platform {
            description.field("platform", format!("{os}/{architecture}/{variant}").trim_end_matches('/'));
            description.filled("platform version", &os_version);
            description.list("platform features", os_features);
        }
        description.list("worker filter", constraints.unwrap_or_default().filter);
        description.note(graph, id, &node.op);
        description
    }

    fn field(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.fields.entry(name.into()).or_default().push(value.into());
    }

    fn filled(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.field(name, value);
        }
    }

    fn list(&mut self, name: &str, values: Vec<String>) {
        values.into_iter().for_each(|value| self.field(name, value));
    }

    fn reads(&mut self, role: impl Into<String>, input: Option<Output>) {
        self.reads.entry(role.into()).or_default().push(input);
    }

    /// What is noted about the op and changes what the daemon does. Names and places do not.
    fn note(&mut self, graph: &Graph, id: OpId, op: &Op) {
        if let Op::Exec(exec) = op
            && !exec.default_path
        {
            self.field("default PATH", "not set");
        }
        let Some(note) = graph.note(id) else { return };
        if note.ignore_cache {
            self.field("cache", "ignored");
        }
        if let Some(exported) = note.export_cache {
            self.field("cache export", exported.to_string());
        }
        if let Some(resources) = &note.resources {
            self.field("resources", format!("{resources:?}"));
        }
        self.list("requires", note.requires.iter().cloned().collect());
    }

    fn source(&mut self, source: &pb::SourceOp) {
        let pb::SourceOp { identifier, attrs } = source;
        let name = identifier.split(['@', '#']).next().unwrap_or_default();
        let untagged = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map(|(untagged, _)| untagged);
        self.gist = untagged.unwrap_or(name).to_owned();
        self.field("identifier", identifier);
        for (name, value) in map::from_strings(attrs) {
            self.field(format!("attr {name}"), value);
        }
    }

    fn exec(&mut self, exec: &pb::ExecOp, inputs: &[Output]) {
        let pb::ExecOp { meta, mounts, network, security, secretenv, cdi_devices } = exec;
        let pb::Meta {
            args,
            env,
            cwd,
            user,
            proxy_env,
            extra_hosts,
            hostname,
            ulimit,
            cgroup_parent,
            remove_mount_stubs_recursive,
            valid_exit_codes,
        } = meta.clone().unwrap_or_default();
        self.gist = args.first().cloned().unwrap_or_default();
        self.field("args", format!("{args:?}"));
        for variable in env {
            let (name, value) = variable.split_once('=').unwrap_or((&variable, ""));
            self.field(format!("env {name}"), format!("{value:?}"));
        }
        self.field("cwd", cwd);
        self.filled("user", &user);
        self.filled("hostname", &hostname);
        self.filled("cgroup parent", &cgroup_parent);
        if let Some(pb::ProxyEnv { http_proxy, https_proxy, ftp_proxy, no_proxy, all_proxy }) = proxy_env {
            self.filled("proxy http", &http_proxy);
            self.filled("proxy https", &https_proxy);
            self.filled("proxy ftp", &ftp_proxy);
            self.filled("proxy none", &no_proxy);
            self.filled("proxy all", &all_proxy);
        }
        for pb::HostIp { host, ip } in extra_hosts {
            self.field(format!("host {host}"), ip);
        }
        for pb::Ulimit { name, soft, hard } in ulimit {
            self.field(format!("ulimit {name}"), format!("{soft}:{hard}"));
        }
        if !remove_mount_stubs_recursive {
            self.field("mount stubs", "kept");
        }
        if !valid_exit_codes.is_empty() {
            self.field("valid exit codes", format!("{valid_exit_codes:?}"));
        }
        if *network != 0 {
            self.field("network", named(pb::NetMode::try_from(*network), *network));
        }
        if *security != 0 {
            self.field("security", named(pb::SecurityMode::try_from(*security), *security));
        }
        for pb::SecretEnv { id, name, optional } in secretenv {
            self.field(format!("secret env {name}"), format!("{id}{}", if *optional { " optional" } else { "" }));
        }
        for pb::CdiDevice { name, optional } in cdi_devices {
            self.field(format!("device {name}"), if *optional { "optional" } else { "needed" });
        }
        mounts.iter().for_each(|mount| self.mount(mount, inputs));
    }

    fn mount(&mut self, mount: &pb::Mount, inputs: &[Output]) {
        let pb::Mount { input, selector, dest, output, readonly, mount_type, .. } = mount;
        let pb::Mount { tmpfs_opt, cache_opt, secret_opt, ssh_opt, result_id, content_cache, .. } = mount;
        let mut value = named(pb::MountType::try_from(*mount_type), *mount_type);
        value += if *readonly { " read-only" } else { " writable" };
        value += if *output >= 0 { " kept" } else { "" };
        for (name, text) in [("selector", selector), ("result", result_id)] {
            if !text.is_empty() {
                value += &format!(" {name} {text}");
            }
        }
        if let Some(pb::TmpfsOpt { size }) = tmpfs_opt {
            value += &format!(" size {size}");
        }
        if let Some(pb::CacheOpt { id, sharing }) = cache_opt {
            value += &format!(" {id} {}", named(pb::CacheSharingOpt::try_from(*sharing), *sharing));
        }
        let mut owned = |id: &str, uid: u32, gid: u32, mode: u32, optional: bool| {
            value += &format!(" {id} {uid}:{gid} {mode:o}{}", if optional { " optional" } else { "" });
        };
        if let Some(pb::SecretOpt { id, uid, gid, mode, optional }) = secret_opt {
            owned(id, *uid, *gid, *mode, *optional);
        }
        if let Some(pb::SshOpt { id, uid, gid, mode, optional }) = ssh_opt {
            owned(id, *uid, *gid, *mode, *optional);
        }
        if *content_cache != 0 {
            value +=
                &format!(" content cache {}", named(pb::MountContentCache::try_from(*content_cache), *content_cache));
        }
        self.field(format!("mount {dest}"), value);
        if matches!(pb::MountType::try_from(*mount_type), Ok(pb::MountType::Bind | pb::MountType::Cache)) {
            self.reads(format!("mount {dest}"), at(inputs, *input));
        }
    }

    fn file(&mut self, file: &pb::FileOp, inputs: &[Output]) {
        let pb::FileOp { actions } = file;
        for (position, pb::FileAction { input, secondary_input, output, action }) in actions.iter().enumerate() {
            let step = |index: i64| usize::try_from(index).ok()?.checked_sub(inputs.len());
            let mut line = String::new();
            match action {
                None => line += "unknown",
                Some(pb::file_action::Action::Copy(copy)) => {
                    let what = copied(copy, inputs.len());
                    match step(*secondary_input) {
                        Some(step) => line += &format!("from step {step}: "),
                        None => self.reads(format!("copy {} to {}", copy.src, copy.dest), at(inputs, *secondary_input)),
                    }
                    line += &what;
                }
                Some(pb::file_action::Action::Mkfile(mkfile)) => {
                    let pb::FileActionMkFile { path, mode, data, owner, timestamp } = mkfile;
                    line += &format!("mkfile {path} {mode:o} {} bytes {}", data.len(), Digest::from_content(data));
                    line += &stamped(owner.as_ref(), *timestamp, inputs.len());
                }
                Some(pb::file_action::Action::Mkdir(mkdir)) => {
                    let pb::FileActionMkDir { path, mode, make_parents, owner, timestamp } = mkdir;
                    line += &format!("mkdir {path} {mode:o}{}", if *make_parents { " with parents" } else { "" });
                    line += &stamped(owner.as_ref(), *timestamp, inputs.len());
                }
                Some(pb::file_action::Action::Rm(pb::FileActionRm { path, allow_not_found, allow_wildcard })) => {
                    line += &format!("rm {path}");
                    line += if *allow_not_found { " if there" } else { "" };
                    line += if *allow_wildcard { " wildcard" } else { "" };
                }
                Some(pb::file_action::Action::Symlink(symlink)) => {
                    let pb::FileActionSymlink { oldpath, newpath, owner, timestamp } = symlink;
                    line += &format!("symlink {newpath} to {oldpath}");
                    line += &stamped(owner.as_ref(), *timestamp, inputs.len());
                }
            }
            match step(*input) {
                Some(step) if Some(step) == position.checked_sub(1) => {}
                Some(step) => line += &format!(" (after step {step})"),
                None => {
                    line += if position == 0 { "" } else { " (on a base)" };
                    self.reads("base", at(inputs, *input));
                }
            }
            let is_last = position + 1 == actions.len();
            if (*output >= 0) != is_last || *output > 0 {
                line += &format!(" (output {output})");
            }
            if self.gist.is_empty() {
                self.gist.clone_from(&line);
            }
            self.field("step", line);
        }
    }

    fn build(&mut self, build: &pb::BuildOp, inputs: &[Output]) {
        let pb::BuildOp { builder, inputs: named, def, attrs } = build;
        match builder {
            -1 => {}
            other => self.field("builder", other.to_string()),
        }
        for (name, input) in map::from_build_inputs(named) {
            self.reads(format!("input {name}"), at(inputs, input.input));
        }
        if let Some(def) = def {
            self.field("definition", Digest::from_content(&def.encode_to_vec()).to_string());
        }
        for (name, value) in map::from_strings(attrs) {
            self.field(format!("attr {name}"), value);
        }
    }
}

fn at(inputs: &[Output], index: i64) -> Option<Output> {
    usize::try_from(index).ok().and_then(|index| inputs.get(index)).copied()
}

/// An enumeration's value in small letters; of a newer BuildKit, its number.
fn named<T: std::fmt::Debug, E>(known: Result<T, E>, number: i32) -> String {
    known.map_or_else(|_| number.to_string(), |known| format!("{known:?}").to_lowercase())
}

fn copied(copy: &pb::FileActionCopy, inputs: usize) -> String {
    let pb::FileActionCopy { src, dest, owner, mode, mode_str, timestamp, .. } = copy;
    let pb::FileActionCopy { follow_symlink, dir_copy_contents, attempt_unpack_docker_compatibility, .. } = copy;
    let pb::FileActionCopy { create_dest_path, allow_wildcard, allow_empty_wildcard, .. } = copy;
    let pb::FileActionCopy { include_patterns, exclude_patterns, required_paths, .. } = copy;
    let pb::FileActionCopy { always_replace_existing_dest_paths, .. } = copy;
    let mut line = format!("copy {src} to {dest}");
    if *mode >= 0 {
        line += &format!(" mode {mode:o}");
    }
    if !mode_str.is_empty() {
        line += &format!(" mode {mode_str}");
    }
    for (set, text) in [
        (*follow_symlink, " follow"),
        (*dir_copy_contents, " contents"),
        (*attempt_unpack_docker_compatibility, " unpack"),
        (*create_dest_path, " parents"),
        (*allow_wildcard, " wildcard"),
        (*allow_empty_wildcard, " allow-empty"),
        (*always_replace_existing_dest_paths, " replace"),
    ] {
        line += if set { text } else { "" };
    }
    for (list, text) in [(include_patterns, "include"), (exclude_patterns, "exclude"), (required_paths, "required")] {
        if !list.is_empty() {
            line += &format!(" {text} {list:?}");
        }
    }
    line + &stamped(owner.as_ref(), *timestamp, inputs)
}

/// Owner and time, where an action sets them. The input that has the names is shown if it is not an input of the op.
fn stamped(owner: Option<&pb::ChownOpt>, timestamp: i64, inputs: usize) -> String {
    let name = |user: &Option<pb::UserOpt>| match user.as_ref().and_then(|user| user.user.as_ref()) {
        None => String::new(),
        Some(pb::user_opt::User::ById(id)) => id.to_string(),
        Some(pb::user_opt::User::ByName(pb::NamedUserOpt { name, input })) => {
            match usize::try_from(*input).ok().and_then(|input| input.checked_sub(inputs)) {
                Some(step) => format!("{name:?} of step {step}"),
                None => format!("{name:?}"),
            }
        }
    };
    let owner = owner.map(|pb::ChownOpt { user, group }| format!(" owner {}:{}", name(user), name(group)));
    let time = (timestamp != -1).then(|| format!(" time {timestamp}"));
    owner.unwrap_or_default() + &time.unwrap_or_default()
}
