//! `imagespec doctor`: shows which daemon is used, and what it supports.

use buildkit_client::dial::{Connection, ImageStore, dial};
use buildkit_client::info::{DaemonInfo, info};
use buildkit_client::progress;
use buildkit_client::session::Session;
use buildkit_client::solve::SolveOptions;
use buildkit_gateway::{FrontendResult, Pong};
use imagespec_driver::Solving;
use serde_json::json;

use crate::args::{DoctorArgs, Progress, TextFormat};
use crate::error::CliError;
use crate::stage::Stage;
use crate::{daemon, print};

/// Capabilities that affect builds, and the effect of a missing one.
const CAPABILITIES: [(&str, &str); 6] = [
    (
        "mergeop",
        "without it, steps form a chain: changing one step reruns all later steps and pushes their layers again",
    ),
    (
        "diffop",
        "without it, steps form a chain: changing one step reruns all later steps and pushes their layers again",
    ),
    ("exec.secretenv", "without it, a small script in the image's shell exports secrets to the installer"),
    ("exec.mount.secret", "without it, private indexes and CA bundles cannot be used"),
    ("exec.mount.cache.sharing", "without it, package caches cannot be shared"),
    ("exporter.sourcedateepoch", "without it, images are not reproducible"),
];

pub(crate) async fn run(args: &DoctorArgs) -> Result<(), CliError> {
    let found = daemon::find(&args.daemon)?;
    let connection = dial(&found.address, &daemon::dial_options(&args.daemon)).await?;
    let about = info(&connection).await?;
    let pong = ping(&connection).await?;
    let considered: Vec<String> = found.considered.iter().map(ToString::to_string).collect();
    let store = match connection.image_store() {
        ImageStore::None => "none (a standalone BuildKit daemon)",
        ImageStore::Classic => "classic",
        ImageStore::Containerd => "containerd",
    };
    match args.format {
        TextFormat::Json => {
            let version = about.version.as_ref().map(|version| &version.version);
            let platforms: Vec<&String> = about.workers.iter().flat_map(|worker| &worker.platforms).collect();
            let caps: Vec<&str> = pong.llb_caps.iter().collect();
            let value = json!({
                "address": found.address.to_string(),
                "reason": found.reason,
                "considered": considered,
                "version": version,
                "image_store": store,
                "platforms": platforms,
                "llb_capabilities": caps,
            });
            print::data(&format!("{value:#}\n"))
        }
        TextFormat::Text => {
            print::data(&text(&found.address.to_string(), &found.reason, &considered, &about, store, &pong))
        }
    }
}

fn text(address: &str, reason: &str, considered: &[String], about: &DaemonInfo, store: &str, pong: &Pong) -> String {
    let version =
        about.version.as_ref().map_or("unknown (older Docker Engines do not report it)", |version| &version.version);
    let platforms: Vec<&str> = about.workers.iter().flat_map(|worker| &worker.platforms).map(String::as_str).collect();
    let mut text = format!(
        "daemon       {address}\nchosen       {reason}\nversion      {version}\nimage store  {store}\nplatforms    {}\n",
        platforms.join(", ")
    );
    text += "considered\n";
    for candidate in considered {
        text += &format!("  {candidate}\n");
    }
    text += "capabilities\n";
    for (capability, advice) in CAPABILITIES {
        let has = pong.llb_caps.contains(capability);
        let advice = if has { String::new() } else { format!("  ({advice})") };
        text += &format!("  {:<26} {}{advice}\n", capability, if has { "yes" } else { "no" });
    }
    if !pong.llb_caps.contains("mergeop") {
        text += "advice\n  to push only the layers that changed, use a BuildKit daemon, or Docker with the containerd image store\n";
    }
    text
}

/// A daemon reports its capabilities only within a build, so this runs a build with an empty result.
async fn ping(connection: &Connection) -> Result<Pong, CliError> {
    let stage = Stage::open(Progress::Quiet)?;
    let (progress, unseen) = progress::channel();
    drop(unseen);
    let solving = Solving {
        connection,
        session: Session::builder(),
        solve: SolveOptions { internal: true, ..SolveOptions::new() },
        progress: &progress,
        cancel: stage.cancellation(),
    };
    let pong = solving
        .run(
            |handle| async move {
                let bridge = handle.bridge()?;
                let pong = bridge.ping().await?;
                bridge.return_result(FrontendResult::single(None)).await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(pong)
            },
            || async { Ok(()) },
        )
        .await;
    stage.close().await;
    Ok(pong?.made)
}
