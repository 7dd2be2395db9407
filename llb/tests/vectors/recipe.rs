//! Recipes of testdata/vectors as data, and the graphs this crate makes of them.
//!
//! The fields are those of `testdata/vectors/recipe.go`. Nothing here knows what bytes are right.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use buildkit_llb::*;
use serde::Deserialize;

/// A secret or socket with the options that both have.
macro_rules! private {
    ($mount:expr, ($uid:expr, $gid:expr, $mode:expr), $optional:expr) => {{
        let mount = if $mode == 0 { $mount } else { $mount.with_owner($uid, $gid).with_mode($mode) };
        if $optional { mount.optional() } else { mount }
    }};
}

/// A vector: a recipe and what Go made of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) recipe: Recipe,
    pub(crate) digests: Vec<String>,
    pub(crate) definition: String,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(crate) struct Recipe {
    files: Vec<RecipeFile>,
    nodes: Vec<Node>,
    root: String,
    nopath: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RecipeFile {
    name: String,
    language: String,
    data: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Node {
    image: Option<Image>,
    oci: Option<Oci>,
    blob: Option<Blob>,
    local: Option<Local>,
    git: Option<Git>,
    http: Option<Http>,
    exec: Option<Run>,
    file: Option<Files>,
    merge: Option<Vec<String>>,
    diff: Option<[String; 2]>,
    build: Option<BuildNode>,
    pass: Option<Pass>,
    platform: String,
    require: Vec<String>,
    name: String,
    description: BTreeMap<String, String>,
    ignorecache: bool,
    exportcache: Option<bool>,
    group: Option<Group>,
    resources: Option<Resources>,
    at: Vec<[u32; 5]>,
    caps: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Group {
    id: String,
    name: String,
    weak: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Resources {
    memory: i64,
    memoryswap: i64,
    cpushares: u64,
    cpuperiod: u64,
    cpuquota: i64,
    cpusetcpus: String,
    cpusetmems: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Image {
    r#ref: String,
    resolve: String,
    record: String,
    layers: u32,
    checksum: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Oci {
    r#ref: String,
    session: String,
    store: String,
    layers: u32,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Blob {
    r#ref: String,
    oci: bool,
    session: String,
    store: String,
    filename: String,
    perm: u32,
    uid: u32,
    gid: u32,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Local {
    name: String,
    session: String,
    unique: String,
    include: Vec<String>,
    exclude: Vec<String>,
    follow: Vec<String>,
    hint: String,
    differ: String,
    required: bool,
    metadata: bool,
    except: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Git {
    url: String,
    r#ref: String,
    subdir: String,
    keep: bool,
    token: String,
    header: String,
    hosts: String,
    sock: String,
    checksum: String,
    skip: bool,
    mtime: String,
    bycommit: bool,
    bundle: String,
    session: String,
    store: String,
    checkout: bool,
    pubkey: String,
    expired: bool,
    signedtag: bool,
    ignoretag: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Http {
    url: String,
    checksum: String,
    filename: String,
    perm: u32,
    uid: u32,
    gid: u32,
    auth: String,
    accept: String,
    agent: String,
    pubkey: String,
    signature: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Run {
    root: String,
    readonly: bool,
    args: Vec<String>,
    env: Vec<(String, String)>,
    cwd: String,
    user: String,
    hostname: String,
    hosts: Vec<(String, String)>,
    proxy: Option<Proxy>,
    network: String,
    insecure: bool,
    secrets: Vec<Secret>,
    ssh: Vec<Secret>,
    devices: Vec<DeviceNode>,
    ulimits: Vec<Limit>,
    cgroup: String,
    codes: Vec<i32>,
    mounts: Vec<MountNode>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Secret {
    id: String,
    target: String,
    env: String,
    uid: u32,
    gid: u32,
    mode: u32,
    optional: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DeviceNode {
    name: String,
    optional: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Limit {
    name: String,
    soft: i64,
    hard: i64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MountNode {
    dest: String,
    from: String,
    readonly: bool,
    discard: bool,
    selector: String,
    cache: String,
    sharing: String,
    tmpfs: bool,
    size: i64,
    content: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Files {
    on: String,
    actions: Vec<ActionNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum ActionNode {
    Copy(Box<CopyNode>),
    MkFile(MkFileNode),
    MkDir(MkDirNode),
    Rm(RmNode),
    Symlink(SymlinkNode),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CopyNode {
    from: String,
    files: Option<Files>,
    src: String,
    dest: String,
    owner: String,
    mode: Option<u32>,
    modestr: String,
    follow: bool,
    contents: bool,
    unpack: bool,
    parents: bool,
    wildcard: bool,
    allowempty: bool,
    include: Vec<String>,
    exclude: Vec<String>,
    required: Vec<String>,
    replace: bool,
    time: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MkFileNode {
    path: String,
    mode: u32,
    data: String,
    owner: String,
    time: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MkDirNode {
    path: String,
    mode: u32,
    parents: bool,
    owner: String,
    time: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RmNode {
    path: String,
    notfound: bool,
    wildcard: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SymlinkNode {
    target: String,
    link: String,
    owner: String,
    time: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BuildNode {
    from: String,
    filename: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Pass {
    id: String,
    inputs: Vec<PassInput>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PassInput {
    from: String,
    output: bool,
}

/// What a node left behind for others to refer to.
enum Made {
    One(Option<Output>),
    Exec(ExecOutputs),
    Many(Vec<Output>),
}

struct Maker {
    graph: GraphBuilder,
    made: Vec<Made>,
}

impl Recipe {
    pub(crate) fn make(self) -> Result<Graph, Violations> {
        let mut maker = Maker { graph: GraphBuilder::new(), made: Vec::new() };
        for RecipeFile { name, language, data } in self.files {
            maker.graph.add_file(SourceFile::new(name, language, data));
        }
        for node in self.nodes {
            let made = maker.node(node);
            maker.made.push(made);
        }
        let root = maker.output(&self.root);
        let graph = maker.graph.finish(root)?;
        if !self.nopath {
            return Ok(graph);
        }
        let without = caps::ALL.iter().copied().filter(|cap| *cap != caps::EXEC_META_SETSDEFAULTPATH);
        Ok(graph.lower_for(&without.collect()).expect("the variable is set").graph)
    }
}

fn set(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn owner(text: &str) -> Option<Owner> {
    (!text.is_empty()).then(|| Owner::parse(text))
}

fn platform(text: &str) -> Platform {
    let mut parts = text.splitn(5, '/').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    let (os, architecture, variant, os_version) = (next(), next(), next(), next());
    let os_features = next().split(',').filter(|feature| !feature.is_empty()).map(str::to_owned).collect();
    Platform { os, architecture, variant, os_version, os_features }
}

impl Maker {
    fn output(&self, reference: &str) -> Option<Output> {
        if reference.is_empty() {
            return None;
        }
        let (node, output) = reference.split_at(reference.find([':', '#']).unwrap_or(reference.len()));
        match &self.made[node.parse::<usize>().expect("a number")] {
            Made::One(output) => *output,
            Made::Exec(outputs) => outputs.at(output.strip_prefix(':').unwrap_or("/")),
            Made::Many(outputs) => Some(outputs[output[1..].parse::<usize>().expect("a number")]),
        }
    }

    fn some(&self, reference: &str) -> Output {
        self.output(reference).expect("not scratch")
    }

    fn node(&mut self, mut node: Node) -> Made {
        let mut note = Note {
            name: set(std::mem::take(&mut node.name)),
            description: std::mem::take(&mut node.description),
            ignore_cache: node.ignorecache,
            export_cache: node.exportcache,
            group: node.group.take().map(|Group { id, name, weak }| ProgressGroup { id, name, weak }),
            resources: node.resources.take().map(|resources| LinuxResources {
                memory: resources.memory,
                memory_swap: resources.memoryswap,
                cpu_shares: resources.cpushares,
                cpu_period: resources.cpuperiod,
                cpu_quota: resources.cpuquota,
                cpuset_cpus: resources.cpusetcpus,
                cpuset_mems: resources.cpusetmems,
            }),
            locations: node
                .at
                .iter()
                .map(|&[file, line, character, to_line, to_character]| Location {
                    file,
                    start: (line, character),
                    end: (to_line, to_character),
                })
                .collect(),
            requires: node.caps.drain(..).collect(),
        };
        let is_composed = node.merge.is_some() || node.diff.is_some();
        // A merge or diff that is nothing new has nothing to be noted about.
        let (made, op) = match self.kind(&mut node, &mut note) {
            Made::One(Some(output)) if is_composed && self.made.iter().any(|made| made.is(output)) => {
                (Made::One(Some(output)), None)
            }
            Made::One(output) => (Made::One(output), output.map(Output::op)),
            Made::Exec(outputs) => {
                let op = outputs.op();
                (Made::Exec(outputs), Some(op))
            }
            Made::Many(outputs) => {
                let op = outputs.first().map(|output| output.op());
                (Made::Many(outputs), op)
            }
        };
        if let Some(op) = op {
            self.graph.annotate(op, note);
        }
        made
    }

    fn kind(&mut self, node: &mut Node, note: &mut Note) -> Made {
        let filters = std::mem::take(&mut node.require);
        let platform = platform(&node.platform);
        macro_rules! filtered {
            ($op:expr) => {
                filters.iter().fold($op, |op, filter| op.with_worker_filter(filter))
            };
        }
        let source = if let Some(image) = node.image.take() {
            Some(Source::from(ImageSource {
                resolve_mode: match image.resolve.as_str() {
                    "pull" => ResolveMode::Pull,
                    "local" => ResolveMode::Local,
                    _ => ResolveMode::Default,
                },
                record_type: image.record,
                layer_limit: NonZeroU32::new(image.layers),
                checksum: image.checksum.parse().ok(),
                ..ImageSource::new(image.r#ref, platform.clone())
            }))
        } else if let Some(oci) = node.oci.take() {
            Some(Source::from(OciLayoutSource {
                session: oci.session,
                store: oci.store,
                layer_limit: NonZeroU32::new(oci.layers),
                ..OciLayoutSource::new(oci.r#ref, platform.clone())
            }))
        } else if let Some(blob) = node.blob.take() {
            let store = BlobStore::OciLayout { session: blob.session, store: blob.store };
            Some(Source::from(BlobSource {
                reference: blob.r#ref,
                store: if blob.oci { store } else { BlobStore::Registry },
                filename: blob.filename,
                permissions: Permissions::new(blob.perm),
                uid: blob.uid,
                gid: blob.gid,
            }))
        } else if let Some(local) = node.local.take() {
            if local.required {
                note.requires.insert(caps::SOURCE_LOCAL_DIFFER.to_owned());
            }
            Some(Source::from(LocalSource {
                name: local.name,
                session: set(local.session),
                include: local.include,
                exclude: local.exclude,
                follow: local.follow,
                shared_key_hint: set(local.hint),
                unique: set(local.unique),
                differ: match local.differ.as_str() {
                    "none" => Some(Differ::None),
                    "metadata" => Some(Differ::Metadata),
                    _ => None,
                },
                metadata_only: local.metadata.then_some(MetadataOnly { except: local.except }),
            }))
        } else if let Some(git) = node.git.take() {
            Some(git.source())
        } else {
            node.http.take().map(Http::source)
        };
        if let Some(source) = source {
            return Made::One(Some(self.graph.source(filtered!(source))));
        }
        if let Some(run) = node.exec.take() {
            let exec = filtered!(self.exec(run, platform));
            return Made::Exec(self.graph.exec(exec));
        }
        if let Some(files) = node.file.take() {
            let file = filtered!(FilteredFile::from(self.files(files)));
            return Made::One(Some(self.graph.file(file)));
        }
        if let Some(layers) = node.merge.take() {
            let layers: Vec<Option<Output>> = layers.iter().map(|layer| self.output(layer)).collect();
            let real: Vec<Output> = layers.iter().copied().flatten().collect();
            return Made::One(match real.as_slice() {
                // Only the long way has worker filters.
                [lowest, next, rest @ ..] if !filters.is_empty() => {
                    let merge = rest.iter().fold(Merge::new(*lowest, *next), |merge, layer| merge.with(*layer));
                    Some(self.graph.merge(filtered!(merge)))
                }
                _ => self.graph.merge_all(layers),
            });
        }
        if let Some([lower, upper]) = node.diff.take() {
            // As Go's llb.Diff: the difference to nothing is the thing itself.
            return Made::One(match (self.output(&lower), self.output(&upper)) {
                (None, upper) => upper,
                (lower, upper) => Some(self.graph.diff(filtered!(Diff::new(lower, upper)))),
            });
        }
        if let Some(BuildNode { from, filename }) = node.build.take() {
            let build = filtered!(Build::new(self.some(&from), platform).with_filename(filename));
            return Made::One(Some(self.graph.build(build)));
        }
        let Pass { id, inputs } = node.pass.take().expect("a kind");
        let mut passthrough = Passthrough::new(id);
        for PassInput { from, output } in inputs {
            passthrough = match (self.output(&from), output) {
                (None, _) => passthrough,
                (Some(from), true) => passthrough.handing_on(from),
                (Some(from), false) => passthrough.after(from),
            };
        }
        Made::Many(self.graph.passthrough(filtered!(passthrough)))
    }

    fn exec(&self, run: Run, platform: Platform) -> Exec {
        let root = self.output(&run.root);
        let mut exec = match (root, run.readonly) {
            (Some(root), false) => Exec::new(run.args, root, platform),
            (Some(root), true) => Exec::reading_root(run.args, root, platform),
            (None, _) => Exec::on_scratch(run.args, platform),
        }
        .with_envs(run.env)
        .with_user(run.user)
        .with_hostname(run.hostname)
        .with_cgroup_parent(run.cgroup)
        .with_valid_exit_codes(run.codes)
        .with_security(if run.insecure { Security::Insecure } else { Security::Sandbox })
        .with_network(match run.network.as_str() {
            "host" => Network::Host,
            "none" => Network::None,
            _ => Network::Sandbox,
        });
        if !run.cwd.is_empty() {
            exec = exec.with_cwd(run.cwd);
        }
        if let Some(proxy) = run.proxy {
            exec = exec.with_proxy(proxy);
        }
        exec = run.hosts.into_iter().fold(exec, |exec, (host, ip)| exec.with_host(host, ip));
        exec = run.ulimits.into_iter().fold(exec, |exec, limit| exec.with_ulimit(limit.name, limit.soft, limit.hard));
        for DeviceNode { name, optional } in run.devices {
            exec = exec.with_device(Device { name, optional });
        }
        for secret in run.secrets {
            let Secret { id, target, env, uid, gid, mode, optional } = secret;
            if !env.is_empty() {
                exec = exec.with_secret_env(SecretEnv { id: id.clone(), name: env, optional });
            }
            if !target.is_empty() {
                exec = exec.with_mount(private!(Mount::secret(target, id), (uid, gid, mode), optional));
            }
        }
        for (secret, number) in run.ssh.into_iter().zip(0..) {
            let Secret { id, target, env: _, uid, gid, mode, optional } = secret;
            // Where Go puts sockets that have no place.
            let target = set(target).unwrap_or_else(|| format!("/run/buildkit/ssh_agent.{number}"));
            exec = exec.with_mount(private!(Mount::ssh(target, id), (uid, gid, mode), optional));
        }
        run.mounts.into_iter().fold(exec, |exec, mount| exec.with_mount(self.mount(mount)))
    }

    fn mount(&self, mount: MountNode) -> Mount {
        let input = self.output(&mount.from);
        let content_cache = match mount.content.as_str() {
            "on" => ContentCache::On,
            "off" => ContentCache::Off,
            _ => ContentCache::Default,
        };
        if !mount.cache.is_empty() {
            let sharing = match mount.sharing.as_str() {
                "private" => Sharing::Private,
                "locked" => Sharing::Locked,
                _ => Sharing::Shared,
            };
            let mut cache = Mount::cache(mount.dest, mount.cache, sharing)
                .with_selector(mount.selector)
                .with_content_cache(content_cache);
            if let Some(seed) = input {
                cache = cache.seeded_with(seed);
            }
            if mount.readonly { cache.read_only().into() } else { cache.into() }
        } else if mount.tmpfs {
            Mount::tmpfs(mount.dest).with_size(mount.size).into()
        } else {
            let access = match (mount.readonly, mount.discard) {
                (true, _) => Access::ReadOnly,
                (false, true) => Access::Discard,
                (false, false) => Access::Output,
            };
            let bind = Mount::bind(mount.dest, input, access).with_selector(mount.selector);
            bind.with_content_cache(content_cache).into()
        }
    }

    fn files(&self, files: Files) -> File {
        files.actions.into_iter().fold(File::over(self.output(&files.on)), |file, action| match action {
            ActionNode::Copy(copy) => file.copy(self.copy(*copy)),
            ActionNode::MkFile(MkFileNode { path, mode, data, owner: by, time }) => {
                use base64::Engine as _;
                let data = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
                file.mkfile(MkFile { owner: owner(&by), timestamp: time, ..MkFile::new(path, mode, data) })
            }
            ActionNode::MkDir(MkDirNode { path, mode, parents, owner: by, time }) => {
                file.mkdir(MkDir { parents, owner: owner(&by), timestamp: time, ..MkDir::new(path, mode) })
            }
            ActionNode::Rm(RmNode { path, notfound, wildcard }) => {
                file.rm(Rm { allow_not_found: notfound, wildcard, ..Rm::new(path) })
            }
            ActionNode::Symlink(SymlinkNode { target, link, owner: by, time }) => {
                file.symlink(Symlink { owner: owner(&by), timestamp: time, ..Symlink::new(target, link) })
            }
        })
    }

    fn copy(&self, copy: CopyNode) -> Copy {
        let from = match copy.files {
            Some(files) => CopyFrom::from(self.files(files)),
            None => CopyFrom::from(self.output(&copy.from)),
        };
        Copy {
            owner: owner(&copy.owner),
            mode: set(copy.modestr).map(Chmod::Symbolic).or(copy.mode.map(Chmod::Bits)),
            follow_symlink: copy.follow,
            contents_only: copy.contents,
            create_dest_path: copy.parents,
            wildcard: match (copy.wildcard, copy.allowempty) {
                (false, _) => Wildcard::Literal,
                (true, false) => Wildcard::MustMatch,
                (true, true) => Wildcard::MayMatchNothing,
            },
            include: copy.include,
            exclude: copy.exclude,
            required: copy.required,
            unpack: copy.unpack,
            replace_existing: copy.replace,
            timestamp: copy.time,
            ..Copy::new(from, copy.src, copy.dest)
        }
    }
}

impl Made {
    fn is(&self, output: Output) -> bool {
        match self {
            Self::One(made) => *made == Some(output),
            Self::Exec(outputs) => outputs.op() == output.op(),
            Self::Many(outputs) => outputs.contains(&output),
        }
    }
}

impl Git {
    fn source(self) -> Source {
        let mut source = GitSource {
            reference: self.r#ref,
            subdir: self.subdir,
            keep_git_dir: self.keep,
            checksum: self.checksum,
            skip_submodules: self.skip,
            mtime: match self.mtime.as_str() {
                "checkout" => Some(GitMtime::Checkout),
                "commit" => Some(GitMtime::Commit),
                _ => None,
            },
            fetch_by_commit: self.bycommit,
            bundle: set(self.bundle).map(|locator| GitBundle { locator, session: self.session, store: self.store }),
            checkout_bundle: self.checkout,
            signature: set(self.pubkey).map(|public_key| GitSignature {
                public_key,
                reject_expired: self.expired,
                require_signed_tag: self.signedtag,
                ignore_signed_tag: self.ignoretag,
            }),
            ..GitSource::new(GitRemote::parse(&self.url).expect("a URL"))
        };
        // Go takes them for any remote and sends them for those of ssh.
        if let Some(ssh) = source.remote.ssh_mut() {
            *ssh = GitSsh { known_hosts: self.hosts, agent: self.sock };
        }
        if let Some(token) = set(self.token) {
            source.auth_token_secret = token;
        }
        if let Some(header) = set(self.header) {
            source.auth_header_secret = header;
        }
        source.into()
    }
}

impl Http {
    fn source(self) -> Source {
        HttpSource {
            checksum: self.checksum.parse().ok(),
            filename: self.filename,
            permissions: Permissions::new(self.perm),
            uid: self.uid,
            gid: self.gid,
            auth_header_secret: self.auth,
            accept: self.accept,
            user_agent: self.agent,
            signature: set(self.pubkey).map(|public_key| HttpSignature { public_key, signature: self.signature }),
            ..HttpSource::new(self.url)
        }
        .into()
    }
}
