//! Built images on an engine: containers, config, and archive.

use std::sync::PoisonError;

use serde_json::{Value, json};

use crate::World;
use crate::archive::Archive;
use crate::command::{Ended, Program};
use crate::space::Space;
use crate::way::Daemon;

/// An image and the engine that runs it. When it is dropped, it is removed from the engine, immediately or at the end of the run.
#[derive(Debug)]
pub struct Image<'a> {
    world: &'a World,
    engine: Daemon,
    reference: String,
}

impl<'a> Image<'a> {
    /// An image that the engine has or can pull.
    #[must_use]
    pub fn new(world: &'a World, engine: Daemon, reference: String) -> Self {
        Self { world, engine, reference }
    }

    fn docker(&self) -> Program {
        self.world.lab.docker(self.engine)
    }

    /// Runs the image without arguments.
    #[must_use]
    pub fn run(&self) -> Ended {
        self.run_with(&[])
    }

    /// Runs the image with arguments for its entrypoint.
    #[must_use]
    pub fn run_with(&self, args: &[&str]) -> Ended {
        self.docker().args(["run", "--rm", &self.reference]).args(args).run()
    }

    /// Runs a program in the image.
    #[must_use]
    pub fn exec(&self, program: &str, args: &[&str]) -> Ended {
        self.exec_with(&[], program, args)
    }

    /// Runs a program in the image, with options of `docker run`.
    #[must_use]
    pub fn exec_with(&self, options: &[&str], program: &str, args: &[&str]) -> Ended {
        let run = self.docker().args(["run", "--rm", "--entrypoint", program]).args(options);
        run.arg(&self.reference).args(args).run()
    }

    /// The output of a program in the image.
    #[track_caller]
    pub fn output_of(&self, program: &str, args: &[&str]) -> String {
        self.exec(program, args).expect_code(0).line()
    }

    /// Removes the image from its engine immediately, because it is too large to be kept until the end of the run.
    pub fn discard(self) {
        remove(self.world, self.engine, &self.reference);
    }

    /// Checks the environment with uv, which is not in the image.
    #[must_use]
    pub fn uv_pip_check(&self) -> Ended {
        let mount = format!("{}:/uv:ro", self.world.programs.uv.display());
        self.exec_with(&["--volume", &mount], "/uv", &["pip", "check", "--python", "/opt/venv/bin/python"])
    }

    /// The engine's description of the image.
    ///
    /// An Engine with the containerd store has no config of an image whose layers were already unpacked, for another image or one that was
    /// just removed, because it does not fetch the config then; the image runs. In this case, the registry's data is returned.
    ///
    /// # Panics
    /// If neither has a config.
    #[track_caller]
    pub fn inspect(&self) -> Value {
        const MAX_ATTEMPTS: usize = 5;
        self.fetch();
        for _ in 0..MAX_ATTEMPTS {
            let inspected = self.docker().args(["image", "inspect", &self.reference]).ok();
            let mut images: Vec<Value> = serde_json::from_slice(&inspected.stdout).expect("docker prints JSON");
            let image = images.remove(0);
            // All images of ours have variables.
            if image["Config"]["Env"].as_array().is_some_and(|env| !env.is_empty()) {
                return image;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        self.in_registry().unwrap_or_else(|| panic!("the engine knows no config of {}", self.reference))
    }

    /// The image's history, as printed by the engine.
    #[track_caller]
    pub fn history(&self) -> String {
        self.fetch();
        self.docker().args(["history", "--no-trunc", &self.reference]).ok().out()
    }

    /// The digests of its layers, in order.
    #[must_use]
    #[track_caller]
    pub fn layers(&self) -> Vec<String> {
        if let Some(image) = self.in_registry() {
            let layers = image["RootFS"]["Layers"].as_array().cloned().unwrap_or_default();
            return layers.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        }
        self.layers_of(&self.reference)
    }

    /// The config and layers of the image.
    #[track_caller]
    pub fn archive(&self, space: &Space) -> Archive {
        if self.reference.contains('@') {
            // An engine that has the same layers from another image does not pull their blobs, and cannot save them (containerd:
            // `core/unpack/unpacker.go`).
            return Archive::pulled(|path| self.registry_bytes(path), &self.reference);
        }
        let file = space.sibling("image.tar");
        self.docker().args(["save", "--output"]).arg(&file).arg(&self.reference).ok();
        let archive = Archive::read(&file);
        let _ = std::fs::remove_file(file);
        archive
    }

    /// A manifest or blob of the image's repository.
    #[track_caller]
    fn registry_bytes(&self, path: &str) -> Vec<u8> {
        let (name, _) = self.reference.split_once('@').unwrap_or((&self.reference, ""));
        let (_, repository) = name.split_once('/').expect("a name in the lab's registry");
        let kinds = ["image.manifest", "image.index"].map(|kind| format!("application/vnd.oci.{kind}.v1+json"));
        let accept = format!("Accept: {}", kinds.join(", "));
        let url = self.world.lab.registry_url(&format!("{repository}/{path}"));
        Program::new("curl").args(["-sSfL", "-H", &accept, &url]).ok().stdout
    }

    /// The registry's data of a pulled image, as far as tests need it.
    #[track_caller]
    fn in_registry(&self) -> Option<Value> {
        let (_, digest) = self.reference.split_once('@')?;
        let get = |path: &str| -> Value {
            serde_json::from_slice(&self.registry_bytes(path)).expect("the registry answers with JSON")
        };
        let manifest = get(&format!("manifests/{digest}"));
        let config = get(&format!("blobs/{}", manifest["config"]["digest"].as_str()?));
        let layers = &config["rootfs"]["diff_ids"];
        Some(json!({ "Id": digest, "Config": config["config"], "RootFS": { "Layers": layers } }))
    }

    #[track_caller]
    fn fetch(&self) {
        if self.reference.contains('@') {
            self.docker().args(["pull", "--quiet", &self.reference]).ok();
        }
    }

    /// The layers of another image on the engine, in order.
    #[track_caller]
    pub fn layers_of(&self, name: &str) -> Vec<String> {
        let inspected = self.docker().args(["image", "inspect", name]).ok();
        let images: Value = serde_json::from_slice(&inspected.stdout).expect("docker prints JSON");
        let layers = images[0]["RootFS"]["Layers"].as_array().cloned().unwrap_or_default();
        layers.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        if self.engine.loses_results() {
            let mut leftovers = self.world.leftovers.lock().unwrap_or_else(PoisonError::into_inner);
            leftovers.push((self.engine, self.reference.clone()));
        } else {
            remove(self.world, self.engine, &self.reference);
        }
    }
}

/// Removes an image from an engine.
pub(crate) fn remove(world: &World, engine: Daemon, reference: &str) {
    // It may have been removed already.
    let _ = world.lab.docker(engine).args(["image", "rm", "--force", reference]).run();
}
