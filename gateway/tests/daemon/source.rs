//! What the daemon finds out about sources: an image, a web file, a git repository of our own.

use std::net::TcpListener;
use std::process::{Child, Command};

use buildkit_gateway::{ChecksumAlgorithm, GatewayError, SourceQuery};
use buildkit_llb::{Platform, Source};

use crate::lab::{build, buildkitd, variable};

#[tokio::test]
async fn an_image() {
    let name = format!("docker.io/library/{}", variable("IMAGESPEC_LAB_DEBIAN_IMAGE"));
    build(&buildkitd(), async |bridge| {
        let query = SourceQuery::from(&Source::image(&name, Platform::linux("amd64"))).with_log_name("[test] debian");
        let image = bridge.resolve_source(query.clone()).await.unwrap().image.unwrap();
        assert!(image.digest.starts_with("sha256:"), "{image:?}");
        let config: serde_json::Value = serde_json::from_slice(&image.config).unwrap();
        assert_eq!(config["os"], "linux");

        let meta = bridge.resolve_source(query.with_attestations(Vec::<String>::new())).await.unwrap();
        let chain = meta.image.unwrap().attestations.unwrap();
        assert_eq!(chain.root, image.digest);

        let unknown = bridge.resolve_git(SourceQuery::new(format!("docker-image://{name}"))).await.unwrap_err();
        assert!(matches!(unknown, GatewayError::Incomplete { what: "git", .. }), "{unknown:?}");
    })
    .await;
}

#[tokio::test]
async fn a_web_file() {
    let url = variable("IMAGESPEC_LAB_OPEN_INDEX");
    build(&buildkitd(), async |bridge| {
        let file = bridge.resolve_http(SourceQuery::new(&url)).await.unwrap();
        assert!(file.digest.starts_with("sha256:"), "{file:?}");
        assert_eq!(file.checksum, None);
        let query = SourceQuery::new(&url).with_checksum(ChecksumAlgorithm::Sha512, b"suffix");
        let summed = bridge.resolve_http(query).await.unwrap();
        assert_eq!(summed.digest, file.digest);
        let checksum = summed.checksum.unwrap();
        assert!(checksum.starts_with("sha512:"), "{checksum}");
    })
    .await;
}

#[tokio::test]
async fn a_git_repository() {
    let repository = Repository::serve();
    build(&buildkitd(), async |bridge| {
        let query = repository.query("v1");
        let tag = bridge.resolve_git(query.clone()).await.unwrap();
        assert_eq!(tag.commit(), repository.commit);
        assert_eq!(tag.reference, "refs/tags/v1");
        assert_ne!(tag.checksum, tag.commit_checksum, "an annotated tag is an object of its own: {tag:?}");
        assert!(tag.commit_object.is_empty());

        let objects = bridge.resolve_git(query.with_git_objects()).await.unwrap();
        let commit = String::from_utf8_lossy(&objects.commit_object).into_owned();
        assert!(commit.contains("the first commit"), "{commit}");
        assert!(String::from_utf8_lossy(&objects.tag_object).contains("the first tag"));

        let missing = bridge.resolve_git(repository.query("no-such-branch")).await.unwrap_err();
        assert!(matches!(missing, GatewayError::Rpc { .. }), "{missing:?}");
    })
    .await;
}

/// A repository with one commit and a tag, behind a daemon of git's own.
struct Repository {
    _folder: tempfile::TempDir,
    port: u16,
    daemon: Child,
    commit: String,
}

impl Repository {
    fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("app.git");
        let git = |arguments: &[&str]| {
            let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
            let output = Command::new("git").arg("-C").arg(&work).args(identity).args(arguments).output().unwrap();
            assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        std::fs::create_dir(&work).unwrap();
        git(&["init", "--quiet", "--initial-branch", "main"]);
        git(&["commit", "--quiet", "--allow-empty", "--message", "the first commit"]);
        git(&["tag", "--annotate", "v1", "--message", "the first tag"]);
        let commit = git(&["rev-parse", "HEAD"]);
        // The port is free now, and is unlikely to be taken immediately.
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        // Not through `git`, which would start another process and leave it behind.
        let programs = String::from_utf8(Command::new("git").arg("--exec-path").output().unwrap().stdout).unwrap();
        let daemon = Command::new(std::path::Path::new(programs.trim()).join("git-daemon"))
            .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", folder.path().display()))
            .spawn()
            .unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Self { _folder: folder, port, daemon, commit }
    }

    fn query(&self, reference: &str) -> SourceQuery {
        let url = format!("git://127.0.0.1:{}/app.git", self.port);
        // Without it, the daemon tries https.
        SourceQuery::new(format!("{url}#{reference}")).with_attr("git.fullurl", url)
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
