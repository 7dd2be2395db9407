//! The smallest frontend that makes an image: one file on nothing, with the spec's text in it.
//!
//! As an image: put the binary into one as its entrypoint, label it
//! `moby.buildkit.frontend.caps=moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,moby.buildkit.frontend.contexts,moby.buildkit.frontend.gitquerystring`
//! and `moby.buildkit.frontend.network.none=true`, then start a spec with `# syntax=<that image>`.

use std::process::ExitCode;

use buildkit_gateway::contexts::{ContextSource, main_context};
use buildkit_gateway::{
    Build, Definition, Frontend, FrontendResult, Platform, PlatformImage, SolveRequest, SourceInfo, SourceRange,
    Status, Subrequest, SubrequestAnswer, Warning, main_stdio,
};
use buildkit_proto::{Digest, Message as _, map, pb};

fn main() -> ExitCode {
    main_stdio(Hello)
}

struct Hello;

impl Frontend for Hello {
    async fn build(&self, build: &Build) -> Result<FrontendResult, Status> {
        let spec = Spec::load(build).await?;
        if let Some(line) = spec.info.data.split(|byte| *byte == b'\n').position(|line| line == b"fail") {
            let line = u32::try_from(line + 1).unwrap_or(u32::MAX);
            return Err(
                Status::failed("the spec says fail").with_source(spec.info, vec![SourceRange::lines(line, line)])
            );
        }
        let warning = Warning {
            digest: spec.vertex.clone(),
            short: "Hello: this is only an example (line 1)".to_owned(),
            source: Some(spec.info.clone()),
            ranges: vec![SourceRange::lines(1, 1)],
            ..Warning::default()
        };
        build.bridge.warn(warning).await?;

        let options = &build.options;
        let platforms =
            if options.platforms.is_empty() { vec![options.build_platform()] } else { options.platforms.clone() };
        let mut images = Vec::new();
        for platform in platforms {
            let request = SolveRequest::definition(hello(&spec.info.data)).with_evaluate();
            let solved = build.bridge.solve(request.with_cache_imports(options.cache_imports.clone())).await?;
            let reference = solved.single_ref().map_err(|error| Status::failed(error.to_string()))?.cloned();
            images.push(PlatformImage {
                reference,
                config: config(&platform),
                platform,
                base_config: None,
                epoch: None,
            });
        }
        FrontendResult::image(images, options.multi_platform).map_err(|error| Status::failed(error.to_string()))
    }

    fn subrequests(&self) -> Vec<Subrequest> {
        vec![Subrequest::new("frontend.greet", "1.0.0", "Say hello")]
    }

    async fn subrequest(&self, name: &str, build: &Build) -> Result<SubrequestAnswer, Status> {
        let daemon = build.bridge.ping().await?;
        let text = format!("{name}: hello from a daemon with {} LLB capabilities\n", daemon.llb_caps.len());
        Ok(SubrequestAnswer { json: b"{}".to_vec(), text, version: "1.0.0".to_owned(), status_code: None })
    }
}

/// The spec's text and the vertex that loaded it.
struct Spec {
    vertex: String,
    info: SourceInfo,
}

impl Spec {
    async fn load(build: &Build) -> Result<Self, Status> {
        let options = &build.options;
        let main = main_context(options, |_| false).map_err(|error| Status::failed(error.to_string()))?;
        let ContextSource::Local { name } = main.spec else {
            return Err(Status::failed("this example reads specs from the client only"));
        };
        let filename = options.filename.as_deref().unwrap_or("Dockerfile");
        let attrs = [
            ("local.followpaths", format!("[{filename:?}]")),
            ("local.session", options.session_of(&name).to_owned()),
            ("local.sharedkeyhint", name.clone()),
        ];
        let source = pb::SourceOp {
            identifier: format!("local://{name}"),
            attrs: map::to_strings(&attrs.map(|(key, value)| (key.to_owned(), value)).into()),
        };
        let definition = definition(pb::op::Op::Source(source), "[internal] load build definition", "source.local");
        let vertex = definition.metadata.first().and_then(|entry| entry.key.clone()).unwrap_or_default();
        let solved = build.bridge.solve(SolveRequest::definition(definition.clone())).await?;
        let reference = solved.single_ref().map_err(|error| Status::failed(error.to_string()))?;
        let reference = reference.ok_or_else(|| Status::failed("the client sent no files"))?;
        let data = build.bridge.read_file(reference, filename, None).await?;
        let info = SourceInfo {
            filename: filename.to_owned(),
            language: "Text".to_owned(),
            data,
            definition: Some(definition),
        };
        Ok(Self { vertex, info })
    }
}

/// `/hello` on nothing.
fn hello(text: &[u8]) -> Definition {
    let file = pb::FileActionMkFile {
        path: "/hello".to_owned(),
        mode: 0o644,
        data: text.to_vec(),
        timestamp: -1,
        ..Default::default()
    };
    let action = pb::FileAction {
        input: -1,
        secondary_input: -1,
        output: 0,
        action: Some(pb::file_action::Action::Mkfile(file)),
    };
    definition(pb::op::Op::File(pb::FileOp { actions: vec![action] }), "[hello] write the spec", "file.base")
}

/// A graph of one op and its terminal.
fn definition(op: pb::op::Op, name: &str, cap: &str) -> Definition {
    // Go writes a oneof behind all other fields, and the daemon names vertices by the digest of such bytes.
    let fields = pb::Op { constraints: Some(pb::WorkerConstraints::default()), ..Default::default() }.encode_to_vec();
    let op = [fields, pb::Op { op: Some(op), ..Default::default() }.encode_to_vec()].concat();
    let digest = Digest::of(&op).to_string();
    let terminal =
        pb::Op { inputs: vec![pb::Input { digest: digest.clone(), index: 0 }], ..Default::default() }.encode_to_vec();
    let caps = |caps: &[&str]| map::to_bools(&caps.iter().map(|cap| ((*cap).to_owned(), true)).collect());
    let about_op = pb::OpMetadata {
        description: map::to_strings(&[("llb.customname".to_owned(), name.to_owned())].into()),
        caps: caps(&[cap]),
        ..Default::default()
    };
    let about_terminal = pb::OpMetadata { caps: caps(&["constraints"]), ..Default::default() };
    let metadata = [(digest, about_op), (Digest::of(&terminal).to_string(), about_terminal)];
    Definition {
        def: vec![op, terminal],
        metadata: metadata.map(|(key, value)| pb::OpMetadataEntry { key: Some(key), value: Some(value) }).to_vec(),
        source: None,
    }
}

/// An image config that says no more than it must.
fn config(platform: &Platform) -> Vec<u8> {
    serde_json::json!({
        "os": platform.os,
        "architecture": platform.architecture,
        "config": { "Labels": { "greeting": "hello" } },
    })
    .to_string()
    .into_bytes()
}
