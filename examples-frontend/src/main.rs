//! A frontend in thirty lines: files of the context on a base image, with checks that the image has to pass.
//!
//! ```text
//! # syntax=registry.example.com/frontend-example
//! base: debian:bookworm-slim
//! copy: etc/motd
//! check: grep hello /etc/motd
//! ```
//!
//! `README.md` describes how to build, package and use it. It does not use image specs.

use std::process::ExitCode;

use buildkit_gateway::container::{Command, ContainerRequest};
use buildkit_gateway::{Build, Frontend, FrontendResult, ImageReference, Status, main_stdio};
use buildkit_llb::{Copy, File, GraphBuilder, Source};
use serde_json::json;

struct Listed;

impl Frontend for Listed {
    async fn build(&self, build: &Build) -> Result<FrontendResult, Status> {
        let spec = build.spec_file("image.txt").await?;
        let (mut base, mut copies, mut checks) = (None, Vec::new(), Vec::new());
        for (number, line) in spec.lines().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            match line.split_once(": ") {
                Some(("base", name)) => base = Some(ImageReference::parse(name)?.with_default_tag().to_string()),
                Some(("copy", path)) => copies.push(path.to_owned()),
                Some(("check", command)) => checks.push((number, command)),
                _ => return Err(spec.error(number, "expected `base: IMAGE`, `copy: PATH` or `check: COMMAND`")),
            }
        }
        let context = build.context(copies.clone()).await?;
        let result = build.image(|platform| {
            let mut graph = GraphBuilder::new();
            let base = base.as_ref().map(|name| graph.source(Source::image(name, platform.clone())));
            let files = graph.source(context.clone());
            let image = copies.iter().fold(File::over(base), |image, path| {
                let path = format!("/{path}");
                image.copy(Copy { create_dest_path: true, ..Copy::new(files, &path, &path) })
            });
            let image = graph.file(image);
            Ok((graph.finish(Some(image))?, json!({ "config": { "Labels": { "made.by": "frontend-example" } } })))
        });
        let result = result.await?;
        for (number, command) in checks {
            for image in result.references() {
                let request = ContainerRequest::new(image);
                let container = build.bridge.new_container(request).await?;
                let output = container.run(Command::new(["/bin/sh", "-c", command])).await?;
                if !output.exit.success() {
                    return Err(spec.error(number, format!("the check failed: {}", output.stderr().trim())));
                }
            }
        }
        Ok(result)
    }
}

fn main() -> ExitCode {
    main_stdio(Listed)
}
