//! Two platforms in one image, the second one emulated: there is an index, and both images run.

use std::collections::BTreeSet;

use imagespec_e2e::command::Program;
use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

pub(crate) fn cases() -> Vec<Case> {
    let entrances = [Entrance::Buildctl, Entrance::Docker, Entrance::Imagespec];
    scenario("platforms", entrances.map(|entrance| Way::new(Daemon::Buildkitd, entrance)), two_platforms).collect()
}

fn two_platforms(context: &Context<'_>) {
    context.space.fill("platforms");
    let (built, image) = context.build().image();
    let digest = built.metadata["containerimage.digest"].as_str().unwrap_or_default();
    let url = context.world.lab.registry_url(&format!("e2e/{}/manifests/{digest}", context.space.name()));
    let accept =
        "Accept: application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json";
    let index = Program::new("curl").args(["-sSf", "-H", accept, &url]).ok().stdout;
    let index: serde_json::Value = serde_json::from_slice(&index).expect("the registry serves JSON");
    let platforms: BTreeSet<String> = index["manifests"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|manifest| &manifest["platform"])
        .map(|platform| [&platform["os"], &platform["architecture"]].map(|text| text.as_str().unwrap_or("?")).join("/"))
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"].map(str::to_owned).into(), "{index:#}");

    for (platform, machine) in [("linux/amd64", "x86_64"), ("linux/arm64", "aarch64")] {
        let run = |program: &str, args: &[&str]| {
            image.exec_with(&["--platform", platform], program, args).expect_code(0).line()
        };
        assert_eq!(run("python", &["main.py"]), format!("{machine} {}", context.space.marker()));
        assert!(run("tree", &["--version"]).starts_with("tree v"), "{platform}");
    }
    context.build().again();
}
