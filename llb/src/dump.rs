//! Dumps of a graph for users and tools: text that diffs well, JSON, and drawings.
//!
//! A dump reads the graph only; nothing parses it back. Texts of a graph are not trusted: none can end a line, change what
//! a terminal shows, or leave its place in a drawing.

mod dot;
mod mermaid;
mod picture;

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use crate::graph::Graph;
use crate::op::Op;
use crate::op::exec::{Exec, Network, Security};
use crate::op::file::{Action, Chmod, File, Origin, Owner, User, Wildcard};
use crate::op::mount::{Access, ContentCache, Mount, Sharing};
use crate::output::{OpId, Output};

/// A graph to print: `{}` is text, [`Dump::json`] is JSON, [`Dump::dot`] and [`Dump::mermaid`] are drawings.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile};
///
/// let mut graph = GraphBuilder::new();
/// let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// let graph = graph.finish(Some(file))?;
/// assert!(graph.dump().to_string().contains("mkfile /a 644 1 bytes"));
/// assert_eq!(graph.dump().json()["ops"][0]["kind"], "file");
/// assert!(graph.dump().dot().starts_with("digraph llb {"));
/// assert!(graph.dump().mermaid().starts_with("flowchart BT"));
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
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
    /// The reachable ops as a drawing in DOT, for Graphviz: `dot -Tsvg`. Long texts are cut.
    #[must_use]
    pub fn dot(&self) -> String {
        dot::write(self.0)
    }

    /// The reachable ops as a Mermaid flowchart. Long texts are cut. Mermaid itself refuses to draw more than 500 arrows or
    /// 50,000 characters, unless it is configured otherwise.
    #[must_use]
    pub fn mermaid(&self) -> String {
        mermaid::write(self.0)
    }

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
                    write!(f, " ({}:{})", visible(&file.filename), location.start.0)?;
                }
            }
            writeln!(f)?;
            let mut lines = Vec::new();
            describe(graph, op, &mut lines);
            for line in lines {
                writeln!(f, "    {}", visible(&line))?;
            }
        }
        match graph.root() {
            Some(root) => writeln!(f, "root {}", reference(graph, Some(root))),
            None => writeln!(f, "root scratch"),
        }
    }
}

/// The text with control characters, line ends and changes of direction spelled out, so that it stays where it is put.
pub(crate) fn visible(text: &str) -> String {
    let acts = |character: char| {
        character.is_control()
            || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
            || ('\u{202a}'..='\u{202e}').contains(&character)
            || ('\u{2066}'..='\u{2069}').contains(&character)
    };
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match acts(character) {
            true => out.extend(character.escape_default()),
            false => out.push(character),
        }
    }
    out
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
        }
        Op::Exec(exec) => describe_exec(graph, exec, lines),
        Op::File(file) => {
            lines.push(format!("on {}", reference(graph, file.base)));
            let steps = 0..file.steps.len();
            lines.extend(steps.filter_map(|step| describe_step(graph, file, step)));
        }
        Op::Merge(merge) => {
            lines.extend(merge.inputs().into_iter().map(|input| format!("+ {}", reference(graph, Some(input)))));
        }
        Op::Diff(diff) => {
            lines.push(format!("{} -> {}", reference(graph, diff.lower), reference(graph, diff.upper)));
        }
        Op::Build(build) => {
            let filename = if build.filename.is_empty() { "its definition" } else { &build.filename };
            lines.push(format!("{filename} of {}", reference(graph, Some(build.input))));
        }
        Op::Passthrough(passthrough) => {
            lines.push(format!("id {}", passthrough.id));
            lines.extend(passthrough.inputs.iter().map(|(input, handed_on)| {
                format!("{} {}", if *handed_on { "hands on" } else { "after" }, reference(graph, Some(*input)))
            }));
        }
        Op::Foreign(foreign) => {
            lines.push(format!("{} {} bytes", foreign.wire_kind(), foreign.bytes.len()));
            lines.extend(foreign.inputs.iter().map(|input| format!("input {}", reference(graph, Some(*input)))));
        }
    }
    let filters = op.worker_filters().iter().map(String::as_str);
    lines.extend(filters.map(|filter| format!("worker {}", if filter.is_empty() { "(any)" } else { filter })));
    lines.extend(op.platform().map(|platform| format!("platform {platform}")));
}

fn describe_exec(graph: &Graph, exec: &Exec, lines: &mut Vec<String>) {
    lines.push(format!("args {:?}", exec.args));
    lines.extend(exec.env.iter().map(|(name, value)| format!("env {name}={value:?}")));
    lines.push(format!("cwd {}", exec.cwd));
    for (name, value) in [("user", &exec.user), ("hostname", &exec.hostname), ("cgroup parent", &exec.cgroup_parent)] {
        if !value.is_empty() {
            lines.push(format!("{name} {value}"));
        }
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
    lines.extend(exec.ulimits.iter().map(|limit| format!("ulimit {} {}:{}", limit.name, limit.soft, limit.hard)));
    if !exec.valid_exit_codes.is_empty() {
        lines.push(format!("valid exit codes {:?}", exec.valid_exit_codes));
    }
    lines.extend(exec.devices.iter().map(|device| format!("device {}{}", device.name, optional(device.optional))));
    if !exec.removes_mount_stubs {
        lines.push("keeps mount stubs".to_owned());
    }
    lines.extend(exec.mounts().iter().map(|mount| describe_mount(graph, mount)));
    lines.extend(
        exec.secret_env
            .iter()
            .map(|secret| format!("secret env {} = {}{}", secret.name, secret.id, optional(secret.optional))),
    );
}

fn optional(optional: bool) -> &'static str {
    if optional { " optional" } else { "" }
}

fn describe_mount(graph: &Graph, mount: &Mount) -> String {
    let part = |selector: &str| if selector.is_empty() { String::new() } else { format!(":{selector}") };
    let what = match mount {
        Mount::Bind(bind) => {
            let access = match bind.access {
                Access::ReadOnly => "ro",
                Access::Output => "out",
                Access::Discard => "discard",
            };
            format!("{access} {}{}", reference(graph, bind.input), part(bind.selector()))
        }
        Mount::Cache(cache) => {
            let sharing = match cache.sharing() {
                Sharing::Shared => "shared",
                Sharing::Private => "private",
                Sharing::Locked => "locked",
            };
            let from = cache.seed().map(|seed| format!(" from {}", reference(graph, Some(seed)))).unwrap_or_default();
            let read_only = if cache.is_read_only() { " ro" } else { "" };
            format!("cache {}{} {sharing}{from}{read_only}", cache.id(), part(cache.selector()))
        }
        Mount::Tmpfs(tmpfs) => format!("tmpfs {}", tmpfs.size()),
        Mount::Secret(secret) => {
            let ((uid, gid), mode) = (secret.owner(), secret.mode());
            format!("secret {} {uid}:{gid} {mode:o}{}", secret.id(), optional(secret.is_optional()))
        }
        Mount::Ssh(ssh) => {
            let ((uid, gid), mode) = (ssh.owner(), ssh.mode());
            format!("ssh {} {uid}:{gid} {mode:o}{}", ssh.id(), optional(ssh.is_optional()))
        }
    };
    let content_cache = match mount.content_cache() {
        ContentCache::Default => "",
        ContentCache::On => " content cache on",
        ContentCache::Off => " content cache off",
    };
    format!("mount {} {what}{content_cache}", mount.dest())
}

/// A step; where it does not follow the one before it, what it starts from.
fn describe_step(graph: &Graph, file: &File, position: usize) -> Option<String> {
    let step = file.steps.get(position)?;
    let owner = || {
        let name = |user: &User| match user {
            User::Named(name) => name.clone(),
            User::Id(id) => id.to_string(),
        };
        match step.action.owner() {
            None => String::new(),
            Some(Owner { user, group: None }) => format!(" owner {}", name(user)),
            Some(Owner { user, group: Some(group) }) => format!(" owner {}:{}", name(user), name(group)),
        }
    };
    let mut line = match &step.action {
        Action::Copy(copy) => {
            let from = match &copy.from.0 {
                Origin::Output(output) => reference(graph, *output),
                Origin::Step(step) => format!("step {step}"),
                Origin::Files(_) => "files".to_owned(),
            };
            let mut line = format!("copy {from}:{} -> {}", copy.src, copy.dest);
            line += &owner();
            // Writing to a String cannot fail.
            let _ = match &copy.mode {
                None => Ok(()),
                Some(Chmod::Bits(mode)) => write!(line, " mode {mode:o}"),
                Some(Chmod::Symbolic(mode)) => write!(line, " mode {mode}"),
            };
            for (set, text) in [
                (copy.follow_symlink, " follow"),
                (copy.contents_only, " contents"),
                (copy.create_dest_path, " parents"),
                (copy.wildcard != Wildcard::Literal, " wildcard"),
                (copy.wildcard == Wildcard::MayMatchNothing, " allow-empty"),
                (copy.unpack, " unpack"),
                (copy.replace_existing, " replace"),
            ] {
                line += if set { text } else { "" };
            }
            for (list, text) in [(&copy.include, "include"), (&copy.exclude, "exclude"), (&copy.required, "required")] {
                if !list.is_empty() {
                    let _ = write!(line, " {text} {list:?}");
                }
            }
            line
        }
        Action::MkFile(mkfile) => format!(
            "mkfile {} {:o} {} bytes {}{}",
            mkfile.path,
            mkfile.mode,
            mkfile.data.len(),
            crate::Digest::from_content(&mkfile.data),
            owner()
        ),
        Action::MkDir(mkdir) => format!("mkdir {} {:o}{}", mkdir.path, mkdir.mode, owner()),
        Action::Rm(rm) => format!("rm {}", rm.path),
        Action::Symlink(symlink) => format!("symlink {} -> {}{}", symlink.link, symlink.target, owner()),
    };
    if step.after != position.checked_sub(1) {
        let _ = match step.after {
            Some(step) => write!(line, " (after step {step})"),
            None => write!(line, " (on {})", reference(graph, step.base)),
        };
    }
    Some(line)
}
