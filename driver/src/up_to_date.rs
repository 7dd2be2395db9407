//! The last push of a build, to decide whether a build would push the same again and can be skipped.
//!
//! This module compares specs, options and files. The caller asks the daemon whether images, locks and interpreters are the same
//! ([`imagespec_frontend::Recorder::confirming_only`]). Files are the same if their names, modes, sizes and times are, including the
//! time of their last status change.

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

/// The key of the image's digest in a response (`moby/buildkit: exporter/containerimage/exptypes/types.go`).
const DIGEST: &str = result::IMAGE_DIGEST;

/// The record of the last push of an image.
#[derive(Clone, Debug)]
pub(crate) struct LastPush {
    memory: DaemonMemory,
    files: Files,
    names: BTreeSet<String>,
    /// The key in the memory.
    key: String,
    /// The digest of the build's options.
    options_digest: String,
    /// The digest of the spec.
    spec_digest: String,
}

/// A push, as stored.
#[derive(Debug, Deserialize, Serialize)]
struct Push {
    /// The digest of the build's options.
    options_digest: String,
    /// The digest of the spec. A different spec could have the same recipe, but that is seldom, and to find out takes half as long as the
    /// build.
    spec_digest: String,
    /// The digest of the facts that the image depends on.
    recipe: String,
    sent: Vec<SentDir>,
    response: BTreeMap<String, String>,
}

/// A push that a build would repeat, as far as known without a daemon.
#[derive(Debug)]
pub(crate) struct UnchangedPush {
    recipe: String,
    names: BTreeSet<String>,
    response: BTreeMap<String, String>,
}

/// Whether a build would repeat the last push.
#[derive(Debug)]
pub(crate) enum UpToDate {
    /// It would.
    Yes {
        /// The plan of the image.
        planned: Box<Planned>,
        /// The exporters' response of the last push.
        exporter_response: BTreeMap<String, String>,
    },
    /// It would not, or it is unknown.
    No {
        /// The answers of the daemon so far.
        known: Box<Store>,
    },
}

impl LastPush {
    /// The record for a build with these options. `None` if the result does not only go to registries, has no name there, or must be built
    /// in any case.
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
            // An image that is also in the daemon's own store may have been removed there.
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
        let options = json!([env!("CARGO_PKG_VERSION"), absolute(&files.context), options, exporters, policy]);
        let digest = |value: &Value| Digest::from_content(value.to_string().as_bytes()).to_string();
        let (options_digest, spec_digest) =
            (digest(&options), digest(&serde_json::to_value(&image.document.spec).unwrap_or_default()));
        Some(Self { memory, files, names, key, options_digest, spec_digest })
    }

    /// The last push, if spec, options and files are the same. Blocking.
    pub(crate) fn unchanged(&self) -> Option<UnchangedPush> {
        let Push { options_digest, spec_digest, recipe, sent, response } =
            serde_json::from_str(&self.memory.get(&self.key)?).ok()?;
        let is_same =
            options_digest == self.options_digest && spec_digest == self.spec_digest && self.files.are_unchanged(&sent);
        is_same.then(|| UnchangedPush { recipe, names: self.names.clone(), response })
    }

    /// Records a push: the plan, the sent files, and the exporters' response.
    pub(crate) fn keep(&self, planned: &Planned, mut sent: Vec<SentDir>, response: &BTreeMap<String, String>) {
        let Some((recipe, wanted)) = recipe(planned).filter(|_| response.contains_key(DIGEST)) else { return };
        // If the daemon did not request some files, another build has sent them.
        if !wanted.iter().all(|wanted| sent.iter().any(|sent| sent.request == *wanted)) {
            return;
        }
        // Files of other images in the same session do not belong to this push; files that were read directly are read again.
        sent.retain(|sent| wanted.contains(&sent.request));
        let (options_digest, spec_digest) = (self.options_digest.clone(), self.spec_digest.clone());
        let push = Push { options_digest, spec_digest, recipe, sent, response: response.clone() };
        if let Ok(text) = serde_json::to_string(&push) {
            self.memory.put(&self.key, &text);
        }
    }
}

impl UnchangedPush {
    /// The pushed image, which registries should still have.
    pub(crate) fn published(&self) -> Published {
        let digest = self.response.get(DIGEST).cloned().unwrap_or_default();
        Published { names: self.names.clone(), digest }
    }

    /// Compares a confirmed plan with the push.
    pub(crate) fn found(self, planned: Planned) -> UpToDate {
        if recipe(&planned).is_some_and(|(recipe, _)| recipe == self.recipe) {
            return UpToDate::Yes { planned: Box::new(planned), exporter_response: self.response };
        }
        // The session of that build has ended, and files are read again.
        let lasts =
            |question: &AnyQuestion| !question.is_about_client_files() && !matches!(question, AnyQuestion::Daemon(_));
        let known: Store = planned.store.facts().filter(|fact| lasts(&fact.question())).collect();
        UpToDate::No { known: Box::new(known) }
    }
}

/// A source policy in a canonical order.
fn policy_json(policy: &Policy) -> Value {
    let rules = policy.rules.iter().map(|rule| {
        let selector = rule.selector.as_ref().map(|selector| format!("{selector:?}"));
        let updates = rule.updates.as_ref();
        let updates = updates.map(|updates| (&updates.identifier, updates.attrs.iter().collect::<BTreeMap<_, _>>()));
        json!([rule.action, selector, updates])
    });
    json!([policy.version, rules.collect::<Vec<_>>()])
}

/// The digest of everything that the image is made from except local files: graphs and configs; and the requests for the local files.
/// `None` if a source of the graphs may change.
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

/// The digest of the root, if all sources below it are fixed or local. Local ones are added to `wanted`.
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

/// The request for local files that the daemon sends (`moby/buildkit: source/local/source.go`).
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
    fn a_build_with_other_outputs_is_not_skipped() {
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
    fn every_option_changes_the_digest() {
        let mut seen = BTreeSet::new();
        let mut assert_unique = |change: fn(&mut BTreeMap<String, String>, &mut Vec<Exporter>)| {
            last_push(change, |found| {
                assert!(seen.insert(found.unwrap().options_digest.clone()), "the digests differ")
            });
        };
        assert_unique(|_, _| {});
        assert_unique(|options, _| drop(options.insert("build-arg:A".to_owned(), "1".to_owned())));
        assert_unique(|_, exporters| drop(exporters[0].attrs.insert("compression".to_owned(), "gzip".to_owned())));
    }

    #[test]
    fn another_spec_is_built_without_asking_the_daemon() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let memory = DaemonMemory::in_folder(folder.path(), "daemon");
        let push = |spec: imagespec::ImageSpec| {
            let image = Image { document: spec.into(), ..Image::in_folder("/context") };
            let exporters = [exporter(&[("push", "true"), ("name", "r/a:1")])];
            LastPush::new(&image, &BTreeMap::new(), &exporters, None, memory.clone()).ok_or("the image is pushed")
        };
        let spec = imagespec::ImageSpec::default().with_env("A", "1")?;
        let last = push(spec.clone())?;
        let (options_digest, spec_digest) = (last.options_digest.clone(), last.spec_digest.clone());
        let record =
            Push { options_digest, spec_digest, recipe: String::new(), sent: Vec::new(), response: BTreeMap::new() };
        memory.put(&last.key, &serde_json::to_string(&record)?);
        assert!(push(spec.clone())?.unchanged().is_some());
        assert!(push(spec.with_env("A", "2")?)?.unchanged().is_none());
        Ok(())
    }

    #[test]
    fn sources_that_may_change_are_never_up_to_date() {
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
    fn requests_for_local_files_match_the_graph() {
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
