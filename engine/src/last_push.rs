//! What a build pushed last, and whether a build of now would push the same: then there is nothing to do.
//!
//! Part of that can be told here, from the spec, the flags and the look of the files; the rest, what images, locks and interpreters
//! are, the daemon is asked for by the caller ([`imagespec_frontend::Recorder::confirming_only`]). Files are the same that have the
//! same names, modes, sizes and times, that of their last change of any kind included. Builds nothing and asks nobody.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_client::session::sent::{DirRequest, SentDir};
use buildkit_client::solve::{Exporter, ExporterKind};
use buildkit_llb::{Digest, Graph, Op, Source};
use buildkit_proto::keys::{exporter_attr, option, result};
use imagespec::ImageSpec;
use imagespec_compile::Compiled;
use imagespec_frontend::{Answers as _, Gathered, Published};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answers::KeptAnswers;
use crate::files::{Files, absolute};
use crate::variables::Variables;

/// The key of a response that names the image (`moby/buildkit: exporter/containerimage/exptypes/types.go`).
const DIGEST: &str = result::IMAGE_DIGEST;

/// What a build is told.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Where its files are.
    pub files: &'a Files,
    /// What is built.
    pub spec: &'a ImageSpec,
    /// Which image of its file that is, where it has several.
    pub target: Option<&'a str>,
    /// The frontend's options.
    pub opts: &'a BTreeMap<String, String>,
    /// Where the image goes: into registries, and nowhere else.
    pub exporters: &'a [Exporter],
}

/// The place where the last push of a spec is written down.
#[derive(Debug)]
pub struct LastPush<'a> {
    answers: KeptAnswers,
    files: &'a Files,
    names: BTreeSet<String>,
    question: String,
    told: String,
}

/// A push as it is written down.
#[derive(Debug, Deserialize, Serialize)]
struct Push {
    /// What the build was told.
    told: String,
    /// What it found out, as far as the image depends on it.
    recipe: String,
    sent: Vec<SentDir>,
    response: BTreeMap<String, String>,
}

/// A push that a build of now would repeat, as far as can be told without a daemon.
#[derive(Debug)]
pub struct Repeated {
    recipe: String,
    names: BTreeSet<String>,
    response: BTreeMap<String, String>,
}

impl<'a> LastPush<'a> {
    /// Where that of a build which is told the same is or would be. `None` if the result does not stay in registries alone, has
    /// no name there, or nothing is kept from build to build.
    #[must_use]
    pub fn of(told: Told<'a>, variables: &Variables) -> Option<Self> {
        let answers = KeptAnswers::of(variables)?;
        let mut names = BTreeSet::new();
        for exporter in told.exporters {
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
            || told.opts.keys().any(|key| key == option::NO_CACHE || key.starts_with(option::ATTEST_PREFIX))
        {
            return None;
        }
        let (spec, target) = (absolute(&told.files.spec), told.target.unwrap_or_default());
        let question = format!("push of {} {target} {names:?}", spec.display());
        Some(Self { answers, files: told.files, names, question, told: told.digest() })
    }

    /// What a build of now would repeat, unless it is told something else, or files have changed. Blocking.
    #[must_use]
    pub fn repeated(&self) -> Option<Repeated> {
        let Push { told, recipe, sent, response } = serde_json::from_str(&self.answers.get(&self.question)?).ok()?;
        let is_same = told == self.told && self.files.are_as_sent(&sent);
        is_same.then(|| Repeated { recipe, names: self.names.clone(), response })
    }

    /// Writes down a push: what it was built from, what the daemon was sent for it, and what the exporters said.
    pub fn keep(&self, gathered: &Gathered, mut sent: Vec<SentDir>, response: &BTreeMap<String, String>) {
        let Some((recipe, wanted)) = recipe(gathered).filter(|_| response.contains_key(DIGEST)) else { return };
        // Where the daemon has not asked, it had the files from somebody else.
        if !wanted.iter().all(|wanted| sent.iter().any(|sent| sent.request == *wanted)) {
            return;
        }
        // Other images of the same session are not this one; what else was read for it is asked for again.
        sent.retain(|sent| wanted.contains(&sent.request));
        let push = Push { told: self.told.clone(), recipe, sent, response: response.clone() };
        if let Ok(text) = serde_json::to_string(&push) {
            self.answers.put(&self.question, &text);
        }
    }
}

impl Told<'_> {
    fn digest(&self) -> String {
        let Self { files, spec, target: _, opts, exporters } = self;
        let exporters: Vec<_> =
            exporters.iter().map(|exporter| json!([exporter.kind.as_str(), exporter.attrs])).collect();
        let told = json!([env!("CARGO_PKG_VERSION"), absolute(&files.context), spec.to_yaml(), opts, exporters]);
        Digest::from_content(told.to_string().as_bytes()).to_string()
    }
}

impl Repeated {
    /// The image, where it should be.
    #[must_use]
    pub fn published(&self) -> Published {
        let digest = self.response.get(DIGEST).cloned().unwrap_or_default();
        Published { names: self.names.clone(), digest }
    }

    /// What the exporters said, if a build of what was gathered would have the same result.
    #[must_use]
    pub fn response(self, gathered: &Gathered) -> Option<BTreeMap<String, String>> {
        let (recipe, _) = recipe(gathered)?;
        (recipe == self.recipe).then_some(self.response)
    }
}

/// All that makes the image but the client's files: graphs and configs; and which files these are. `None` if what the graphs stand
/// for may change by itself.
fn recipe(gathered: &Gathered) -> Option<(String, Vec<DirRequest>)> {
    let Gathered { document, settings, plans, .. } = gathered;
    let (mut images, mut wanted) = (Vec::new(), Vec::new());
    for plan in plans {
        let mut plan = plan.clone();
        plan.forget_session();
        let Compiled { graph, image_config, base_config } = imagespec_compile::lower(&plan, &document.sources);
        let root = root(&graph, &mut wanted)?.to_string();
        images.push(json!([plan.platform.to_string(), root, image_config, base_config, settings.source_date_epoch]));
    }
    let is_some = !images.is_empty();
    is_some.then(|| (Digest::from_content(serde_json::Value::from(images).to_string().as_bytes()).to_string(), wanted))
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
        change: impl FnOnce(&mut ImageSpec, &mut BTreeMap<String, String>, &mut Vec<Exporter>),
        check: impl FnOnce(Option<&LastPush<'_>>),
    ) {
        let files = Files::in_folder("/context");
        let mut spec = ImageSpec::default();
        let (mut opts, mut exporters) = (BTreeMap::new(), vec![exporter(&[("push", "true"), ("name", "r/a:1,r/a:2")])]);
        change(&mut spec, &mut opts, &mut exporters);
        let told = Told { files: &files, spec: &spec, target: None, opts: &opts, exporters: &exporters };
        let variables = Variables::new(|name| (name == "HOME").then(|| "/home/me".into()));
        check(LastPush::of(told, &variables).as_ref());
    }

    #[test]
    fn what_goes_elsewhere_or_must_be_built_is_no_repetition() {
        last_push(|_, _, _| {}, |found| assert_eq!(found.unwrap().names.len(), 2));
        let none = |found: Option<&LastPush<'_>>| assert!(found.is_none(), "{found:?}");
        last_push(|_, opts, _| drop(opts.insert("no-cache".to_owned(), "lock".to_owned())), none);
        last_push(|_, opts, _| drop(opts.insert("attest:sbom".to_owned(), String::new())), none);
        last_push(|_, _, exporters| exporters.clear(), none);
        last_push(|_, _, exporters| exporters.push(exporter(&[("name", "r/a:1")])), none);
        last_push(|_, _, exporters| exporters.push(exporter(&[("push", "true")])), none);
        let by_digest = exporter(&[("push", "true"), ("name", "r/a"), ("push-by-digest", "true")]);
        last_push(|_, _, exporters| exporters.push(by_digest), none);
        let local = Exporter { kind: ExporterKind::Local, ..exporter(&[]) };
        last_push(|_, _, exporters| exporters.push(local), none);
    }

    #[test]
    fn every_word_counts() {
        let mut seen = BTreeSet::new();
        let mut told = |change: fn(&mut ImageSpec, &mut BTreeMap<String, String>, &mut Vec<Exporter>)| {
            last_push(change, |found| assert!(seen.insert(found.unwrap().told.clone()), "told apart"));
        };
        told(|_, _, _| {});
        told(|spec, _, _| spec.env.extend([("A".to_owned(), "1".into())]));
        told(|_, opts, _| drop(opts.insert("build-arg:A".to_owned(), "1".to_owned())));
        told(|_, _, exporters| drop(exporters[0].attrs.insert("compression".to_owned(), "gzip".to_owned())));
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
