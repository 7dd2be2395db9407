//! What a build pushed last, and whether a build of now would push the same: then there is nothing to do.
//!
//! Whether options and files are the same is known here; the rest, what images, locks and interpreters are, the daemon is asked by the
//! caller ([`imagespec_frontend::Recorder::confirming_only`]). Files are the same that have the same names, modes, sizes and times,
//! that of their last change of any kind included. Builds nothing and asks nobody.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_client::session::sent::{DirRequest, SentDir};
use buildkit_client::solve::{Exporter, ExporterKind};
use buildkit_llb::{Digest, Graph, Op, Source};
use buildkit_proto::keys::{exporter_attr, option, result};
use buildkit_proto::rpc::sourcepolicy::Policy;
use imagespec_compile::{AnyQuestion, Compiled, Store};
use imagespec_frontend::{Memory as _, Planned, Published};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::files::{Files, absolute};
use crate::image::Image;
use crate::memory::DaemonMemory;

/// The key of a response that names the image (`moby/buildkit: exporter/containerimage/exptypes/types.go`).
const DIGEST: &str = result::IMAGE_DIGEST;

/// The place where the last push of an image is remembered.
#[derive(Clone, Debug)]
pub(crate) struct LastPush {
    memory: DaemonMemory,
    files: Files,
    names: BTreeSet<String>,
    /// Under which it is remembered.
    key: String,
    /// The digest of what the build is told beside the spec.
    told: String,
}

/// A push as it is remembered.
#[derive(Debug, Deserialize, Serialize)]
struct Push {
    /// The digest of what the build was told beside the spec.
    told: String,
    /// The digest of what it found out, as far as the image depends on it.
    recipe: String,
    sent: Vec<SentDir>,
    response: BTreeMap<String, String>,
}

/// A push that a build of now would repeat, as far as that is known without a daemon.
#[derive(Debug)]
pub(crate) struct UnchangedPush {
    recipe: String,
    names: BTreeSet<String>,
    response: BTreeMap<String, String>,
}

/// Whether the last push is what a build of now would push.
#[derive(Debug)]
pub(crate) enum UpToDate {
    /// It is.
    Yes {
        /// What the image is made of.
        planned: Box<Planned>,
        /// What the exporters reported then.
        exporter_response: BTreeMap<String, String>,
    },
    /// It is not, or not known to be.
    No {
        /// What was found out about the daemon's side meanwhile.
        known: Box<Store>,
    },
}

impl LastPush {
    /// Where that of a build with these options is or would be. `None` if the result does not stay in registries alone, has no name
    /// there, or has to be made in any case.
    pub(crate) fn new(
        image: &Image,
        options: &BTreeMap<String, String>,
        exporters: &[Exporter],
        source_policy: Option<&Policy>,
        memory: DaemonMemory,
    ) -> Option<Self> {
        let mut names = BTreeSet::new();
        for exporter in exporters {
            let is_set = |name: &str| exporter.flag(name) == Some(true);
            // What is kept in the daemon's own store, too, may be gone from there.
            let is_kept = [exporter_attr::STORE, exporter_attr::UNPACK].into_iter().any(is_set);
            let is_plain = exporter.kind == ExporterKind::Image
                && is_set(exporter_attr::PUSH)
                && !is_kept
                && !exporter.attrs.contains_key(exporter_attr::PUSH_BY_DIGEST);
            let named = exporter.attrs.get(exporter_attr::NAME).filter(|names| is_plain && !names.is_empty())?;
            names.extend(named.split(',').map(str::to_owned));
        }
        if names.is_empty()
            || options.keys().any(|key| key == option::NO_CACHE || key.starts_with(option::ATTEST_PREFIX))
        {
            return None;
        }
        let files = image.files.clone();
        let (spec, target) =
            (absolute(&files.spec), options.get(option::TARGET).map(String::as_str).unwrap_or_default());
        let key = format!("push {} {target} {names:?}", spec.display());
        let exporters: Vec<_> =
            exporters.iter().map(|exporter| json!([exporter.kind.as_str(), exporter.attrs])).collect();
        let policy = source_policy.map(policy_json);
        let told = json!([env!("CARGO_PKG_VERSION"), absolute(&files.context), options, exporters, policy]);
        let told = Digest::from_content(told.to_string().as_bytes()).to_string();
        Some(Self { memory, files, names, key, told })
    }

    /// What a build of now would repeat, unless it is told something else, or files have changed. Blocking.
    pub(crate) fn unchanged(&self) -> Option<UnchangedPush> {
        let Push { told, recipe, sent, response } = serde_json::from_str(&self.memory.get(&self.key)?).ok()?;
        let is_same = told == self.told && self.files.are_unchanged(&sent);
        is_same.then(|| UnchangedPush { recipe, names: self.names.clone(), response })
    }

    /// Remembers a push: what it was built from, what the daemon was sent for it, and what the exporters reported.
    pub(crate) fn keep(&self, planned: &Planned, mut sent: Vec<SentDir>, response: &BTreeMap<String, String>) {
        let Some((recipe, wanted)) = recipe(planned).filter(|_| response.contains_key(DIGEST)) else { return };
        // Where the daemon has not asked, it had the files from somebody else.
        if !wanted.iter().all(|wanted| sent.iter().any(|sent| sent.request == *wanted)) {
            return;
        }
        // Other images of the same session are not this one; what else was read for it is asked for again.
        sent.retain(|sent| wanted.contains(&sent.request));
        let push = Push { told: self.told.clone(), recipe, sent, response: response.clone() };
        if let Ok(text) = serde_json::to_string(&push) {
            self.memory.put(&self.key, &text);
        }
    }
}

impl UnchangedPush {
    /// The image, where it should be.
    pub(crate) fn published(&self) -> Published {
        let digest = self.response.get(DIGEST).cloned().unwrap_or_default();
        Published { names: self.names.clone(), digest }
    }

    /// Whether a build of what was planned would have the same result.
    pub(crate) fn found(self, planned: Planned) -> UpToDate {
        if recipe(&planned).is_some_and(|(recipe, _)| recipe == self.recipe) {
            return UpToDate::Yes { planned: Box::new(planned), exporter_response: self.response };
        }
        // The session of that build is over, and files are read anew.
        let lasts =
            |question: &AnyQuestion| !question.is_about_client_files() && !matches!(question, AnyQuestion::Daemon(_));
        let known: Store = planned.store.facts().filter(|fact| lasts(&fact.question())).collect();
        UpToDate::No { known: Box::new(known) }
    }
}

/// A source policy in a fixed order.
fn policy_json(policy: &Policy) -> Value {
    let rules = policy.rules.iter().map(|rule| {
        let selector = rule.selector.as_ref().map(|selector| format!("{selector:?}"));
        let updates = rule.updates.as_ref();
        let updates = updates.map(|updates| (&updates.identifier, updates.attrs.iter().collect::<BTreeMap<_, _>>()));
        json!([rule.action, selector, updates])
    });
    json!([policy.version, rules.collect::<Vec<_>>()])
}

/// All that makes the image but the client's files: graphs and configs; and which files these are. `None` if what the graphs stand
/// for may change by itself.
fn recipe(planned: &Planned) -> Option<(String, Vec<DirRequest>)> {
    let (mut images, mut wanted) = (Vec::new(), Vec::new());
    for (plan, compiled) in planned.plans().into_iter().zip(planned.without_session()) {
        let Compiled { graph, image_config, base_config, .. } = compiled;
        let root = root(&graph, &mut wanted)?.to_string();
        let epoch = planned.settings.source_date_epoch;
        images.push(json!([plan.platform.to_string(), root, image_config, base_config, epoch]));
    }
    let is_some = !images.is_empty();
    is_some.then(|| (Digest::from_content(Value::from(images).to_string().as_bytes()).to_string(), wanted))
}

/// The digest of the root, if all sources below it are named by what they hold, or are the client's, which are added to `wanted`.
fn root(graph: &Graph, wanted: &mut Vec<DirRequest>) -> Option<Digest> {
    let root = graph.root()?;
    for id in graph.reachable() {
        match graph.op(id)? {
            Op::Source(source) if source.scheme() == "local" => wanted.push(request(source)?),
            Op::Source(source) if !is_fixed(source) => return None,
            Op::Build(_) | Op::Foreign(_) => return None,
            Op::Source(_) | Op::Exec(_) | Op::File(_) | Op::Merge(_) | Op::Diff(_) | Op::Passthrough(_) => {}
        }
    }
    graph.digest(root.op())
}

fn is_fixed(source: &Source) -> bool {
    match source.scheme() {
        "docker-image" => source.identifier().contains("@sha256:"),
        "http" | "https" => source.attrs().contains_key("http.checksum"),
        "git" => source.attrs().contains_key("git.checksum"),
        "docker-image+blob" => true,
        _ => false,
    }
}

/// What the daemon asks the client for (`moby/buildkit: source/local/source.go`).
fn request(source: &Source) -> Option<DirRequest> {
    let name = source.identifier().strip_prefix("local://")?.to_owned();
    let list = |key: &str| match source.attrs().get(key) {
        Some(json) => serde_json::from_str(json).ok(),
        None => Some(Vec::new()),
    };
    Some(DirRequest {
        name,
        include: list("local.includepattern")?,
        exclude: list("local.excludepatterns")?,
        follow: list("local.followpaths")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exporter(attrs: &[(&str, &str)]) -> Exporter {
        let attrs = attrs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Exporter { kind: ExporterKind::Image, attrs }
    }

    fn last_push(
        change: impl FnOnce(&mut BTreeMap<String, String>, &mut Vec<Exporter>),
        check: impl FnOnce(Option<&LastPush>),
    ) {
        let image = Image::in_folder("/context");
        let (mut options, mut exporters) =
            (BTreeMap::new(), vec![exporter(&[("push", "true"), ("name", "r/a:1,r/a:2")])]);
        change(&mut options, &mut exporters);
        let memory = DaemonMemory::in_folder("/home/me/.cache/imagespec", "daemon");
        check(LastPush::new(&image, &options, &exporters, None, memory).as_ref());
    }

    #[test]
    fn what_goes_elsewhere_or_must_be_built_is_no_repetition() {
        last_push(|_, _| {}, |found| assert_eq!(found.unwrap().names.len(), 2));
        let none = |found: Option<&LastPush>| assert!(found.is_none(), "{found:?}");
        last_push(|options, _| drop(options.insert("no-cache".to_owned(), "lock".to_owned())), none);
        last_push(|options, _| drop(options.insert("attest:sbom".to_owned(), String::new())), none);
        last_push(|_, exporters| exporters.clear(), none);
        last_push(|_, exporters| exporters.push(exporter(&[("name", "r/a:1")])), none);
        last_push(|_, exporters| exporters.push(exporter(&[("push", "true")])), none);
        let by_digest = exporter(&[("push", "true"), ("name", "r/a"), ("push-by-digest", "true")]);
        last_push(|_, exporters| exporters.push(by_digest), none);
        let local = Exporter { kind: ExporterKind::Local, ..exporter(&[]) };
        last_push(|_, exporters| exporters.push(local), none);
    }

    #[test]
    fn every_option_counts() {
        let mut seen = BTreeSet::new();
        let mut told = |change: fn(&mut BTreeMap<String, String>, &mut Vec<Exporter>)| {
            last_push(change, |found| assert!(seen.insert(found.unwrap().told.clone()), "told apart"));
        };
        told(|_, _| {});
        told(|options, _| drop(options.insert("build-arg:A".to_owned(), "1".to_owned())));
        told(|_, exporters| drop(exporters[0].attrs.insert("compression".to_owned(), "gzip".to_owned())));
    }

    #[test]
    fn what_may_change_by_itself_is_never_the_same() {
        use buildkit_llb::{GitSource, GraphBuilder, HttpSource, LocalSource, Platform};
        let check = |source: Source, expect: bool| {
            let mut graph = GraphBuilder::new();
            let output = graph.source(source.clone());
            let graph = graph.finish(Some(output)).unwrap();
            assert_eq!(root(&graph, &mut Vec::new()).is_some(), expect, "{}", source.identifier());
        };
        let image = |name: &str| Source::image(name, Platform::linux("amd64"));
        let digest = Digest::from_content(b"x");
        check(image("docker.io/library/debian:12"), false);
        check(image(&format!("docker.io/library/debian:12@{digest}")), true);
        check(LocalSource::new("context").into(), true);
        check(HttpSource::new("https://example.com/a").into(), false);
        check(HttpSource { checksum: Some(digest), ..HttpSource::new("https://example.com/a") }.into(), true);
        let git = GitSource::parse("https://example.com/a.git#main").unwrap();
        check(git.clone().into(), false);
        check(GitSource { checksum: "0123456789".repeat(4), ..git }.into(), true);
    }

    #[test]
    fn the_daemon_asks_for_what_the_graph_says() {
        let local = buildkit_llb::LocalSource {
            include: vec!["src/**".to_owned()],
            exclude: vec!["*.log".to_owned(), "!a.log".to_owned()],
            ..buildkit_llb::LocalSource::new("context")
        };
        let expect = DirRequest {
            name: "context".to_owned(),
            include: local.include.clone(),
            exclude: local.exclude.clone(),
            follow: Vec::new(),
        };
        assert_eq!(request(&local.into()), Some(expect));
    }
}
