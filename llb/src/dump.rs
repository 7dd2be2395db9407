//! Dumps of a graph for people and tools: text that diffs well, and JSON.
//!
//! A dump reads the graph only; nothing parses it back.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use crate::graph::{Graph, OpId, Output};
use crate::op::Op;
use crate::op::exec::{Exec, Network, Security};
use crate::op::file::{Action, Owner, User};
use crate::op::mount::{Access, MountKind, Sharing};

/// A graph to print: `{}` is text, [`Dump::json`] is JSON.
#[derive(Debug)]
pub struct Dump<'a>(&'a Graph);

impl Graph {
    /// The graph to print.
    #[must_use]
    pub fn dump(&self) -> Dump<'_> {
        Dump(self)
    }
}

impl Dump<'_> {
    /// The reachable ops, inputs first, as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let graph = self.0;
        let ops: Vec<Value> = graph
            .reachable()
            .into_iter()
            .filter_map(|id| {
                let op = graph.op(id)?;
                let inputs: Vec<Value> = op
                    .inputs()
                    .into_iter()
                    .map(|input| json!({"digest": digest(graph, input.op), "index": input.index}))
                    .collect();
                let mut value = json!({
                    "digest": digest(graph, id),
                    "kind": op.kind(),
                    "inputs": inputs,
                    "caps": crate::required_caps(op),
                });
                if let Some(name) = graph.note(id).and_then(|note| note.name.as_deref()) {
                    value["name"] = name.into();
                }
                let mut lines = Vec::new();
                describe(graph, op, &mut lines);
                value["detail"] = lines.into();
                let locations: Vec<Value> = graph
                    .locations(id)
                    .map(|location| {
                        let file = graph.files().get(location.file as usize);
                        json!({"file": file.map(|file| &file.filename), "line": location.start.0})
                    })
                    .collect();
                if !locations.is_empty() {
                    value["locations"] = locations.into();
                }
                Some(value)
            })
            .collect();
        json!({ "ops": ops, "root": graph.root().map(|root| json!({"digest": digest(graph, root.op), "index": root.index})) })
    }
}

impl fmt::Display for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = self.0;
        for id in graph.reachable() {
            let Some(op) = graph.op(id) else { continue };
            write!(f, "{} {}", short(graph, id), op.kind())?;
            if let Some(name) = graph.note(id).and_then(|note| note.name.as_deref()) {
                write!(f, " {name:?}")?;
            }
            for location in graph.locations(id) {
                if let Some(file) = graph.files().get(location.file as usize) {
                    write!(f, " ({}:{})", file.filename, location.start.0)?;
                }
            }
            writeln!(f)?;
            let mut lines = Vec::new();
            describe(graph, op, &mut lines);
            for line in lines {
                writeln!(f, "    {line}")?;
            }
        }
        match graph.root() {
            Some(root) => writeln!(f, "root {}", reference(graph, Some(root))),
            None => writeln!(f, "root scratch"),
        }
    }
}

fn digest(graph: &Graph, id: OpId) -> String {
    graph.digest(id).map(|digest| digest.to_string()).unwrap_or_default()
}

/// The first twelve digits: enough to tell the ops of one graph apart, short enough to read.
fn short(graph: &Graph, id: OpId) -> String {
    digest(graph, id).trim_start_matches("sha256:").chars().take(12).collect()
}

fn reference(graph: &Graph, output: Option<Output>) -> String {
    match output {
        None => "scratch".to_owned(),
        Some(Output { op, index: 0 }) => short(graph, op),
        Some(Output { op, index }) => format!("{}#{index}", short(graph, op)),
    }
}

fn describe(graph: &Graph, op: &Op, lines: &mut Vec<String>) {
    match op {
        Op::Source(source) => {
            lines.push(source.identifier().to_owned());
            lines.extend(source.attrs().iter().map(|(name, value)| format!("{name} = {value}")));
            lines.extend(source.platform.iter().map(|platform| format!("platform {platform}")));
        }
        Op::Exec(exec) => describe_exec(graph, exec, lines),
        Op::File(file) => {
            lines.push(format!("on {}", reference(graph, file.base)));
            lines.extend(file.actions.iter().map(|action| describe_action(graph, action)));
        }
        Op::Merge(merge) => {
            lines.extend(merge.inputs().into_iter().map(|input| format!("+ {}", reference(graph, Some(input)))));
        }
        Op::Diff(diff) => {
            let mut inputs = diff.inputs().into_iter();
            let lower = if inputs.len() == 2 { inputs.next() } else { None };
            lines.push(format!("{} -> {}", reference(graph, lower), reference(graph, inputs.next())));
        }
    }
}

fn describe_exec(graph: &Graph, exec: &Exec, lines: &mut Vec<String>) {
    lines.push(format!("args {:?}", exec.args));
    lines.extend(exec.env.iter().map(|(name, value)| format!("env {name}={value:?}")));
    lines.push(format!("cwd {}", exec.cwd));
    if !exec.user.is_empty() {
        lines.push(format!("user {}", exec.user));
    }
    if !exec.hostname.is_empty() {
        lines.push(format!("hostname {}", exec.hostname));
    }
    lines.extend(exec.hosts.iter().map(|(host, ip)| format!("host {host} {ip}")));
    match exec.network {
        Network::Sandbox => {}
        Network::Host => lines.push("network host".to_owned()),
        Network::None => lines.push("network none".to_owned()),
    }
    match exec.security {
        Security::Sandbox => {}
        Security::Insecure => lines.push("security insecure".to_owned()),
    }
    if exec.proxy.is_some() {
        lines.push("proxy".to_owned());
    }
    for mount in exec.sorted_mounts() {
        let mut line = format!("mount {} ", mount.dest());
        // Writing to a String cannot fail.
        let _ = match mount.kind() {
            MountKind::Bind { input, selector, access } => {
                let access = match access {
                    Access::ReadOnly => "ro",
                    Access::Output => "out",
                    Access::Discard => "discard",
                };
                let selector = if selector.is_empty() { String::new() } else { format!(":{selector}") };
                write!(line, "{access} {}{selector}", reference(graph, *input))
            }
            MountKind::Cache { id, sharing } => {
                let sharing = match sharing {
                    Sharing::Shared => "shared",
                    Sharing::Private => "private",
                    Sharing::Locked => "locked",
                };
                write!(line, "cache {id} {sharing}")
            }
            MountKind::Tmpfs { size } => write!(line, "tmpfs {size}"),
            MountKind::Secret { id, uid, gid, mode, optional } => {
                write!(line, "secret {id} {uid}:{gid} {mode:o}{}", if *optional { " optional" } else { "" })
            }
        };
        lines.push(line);
    }
    lines.extend(exec.secret_env.iter().map(|secret| format!("secret env {} = {}", secret.name, secret.id)));
    lines.push(format!("platform {}", exec.platform));
}

fn describe_action(graph: &Graph, action: &Action) -> String {
    let owner = |owner: &Option<Owner>| {
        let name = |user: &User| match user {
            User::Named(name) => name.clone(),
            User::Id(id) => id.to_string(),
        };
        match owner {
            None => String::new(),
            Some(Owner { user, group: None }) => format!(" owner {}", name(user)),
            Some(Owner { user, group: Some(group) }) => format!(" owner {}:{}", name(user), name(group)),
        }
    };
    match action {
        Action::Copy(copy) => {
            let mut line = format!("copy {}:{} -> {}", reference(graph, Some(copy.from)), copy.src, copy.dest);
            line += &owner(&copy.owner);
            if let Some(mode) = copy.mode {
                let _ = write!(line, " mode {mode:o}");
            }
            for (set, text) in [
                (copy.follow_symlink, " follow"),
                (copy.contents_only, " contents"),
                (copy.create_dest_path, " parents"),
                (copy.wildcard, " wildcard"),
                (copy.allow_empty_wildcard, " allow-empty"),
            ] {
                line += if set { text } else { "" };
            }
            if !copy.include.is_empty() {
                let _ = write!(line, " include {:?}", copy.include);
            }
            if !copy.exclude.is_empty() {
                let _ = write!(line, " exclude {:?}", copy.exclude);
            }
            line
        }
        Action::MkFile(mkfile) => format!(
            "mkfile {} {:o} {} bytes {}{}",
            mkfile.path,
            mkfile.mode,
            mkfile.data.len(),
            crate::Digest::of(&mkfile.data),
            owner(&mkfile.owner)
        ),
        Action::MkDir(mkdir) => format!("mkdir {} {:o}{}", mkdir.path, mkdir.mode, owner(&mkdir.owner)),
        Action::Rm(rm) => format!("rm {}", rm.path),
        Action::Symlink(symlink) => {
            format!("symlink {} -> {}{}", symlink.link, symlink.target, owner(&symlink.owner))
        }
    }
}
