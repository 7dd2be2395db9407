//! A spec as the text of a file: reading it gives the same spec again.
//!
//! Every text is written in double quotes, so that none of it can mean anything but itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::image_spec::{
    BaseImage, BuilderConfig, BuilderOptions, Bytecode, CopyMode, Flavor, ImageSpec, SecretMount, SecretSource,
    SecretTarget,
};

impl ImageSpec {
    /// The spec in YAML, fields in the order of the documentation.
    ///
    /// ```
    /// use imagespec::{ImageSpec, parse};
    ///
    /// # fn main() -> Result<(), imagespec::Invalid> {
    /// let spec = ImageSpec::named("app")?.with_packages(["numpy"])?;
    /// assert_eq!(spec.to_yaml(), "name: \"app\"\npackages:\n  - \"numpy\"\n");
    /// assert_eq!(parse("spec.yaml", &spec.to_yaml()).spec, Some(spec));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut yaml = Yaml { text: String::new(), indent: 0 };
        yaml.spec(self);
        if yaml.text.is_empty() { "{}\n".to_owned() } else { yaml.text }
    }
}

struct Yaml {
    text: String,
    indent: usize,
}

impl Yaml {
    fn spec(&mut self, spec: &ImageSpec) {
        let ImageSpec {
            name,
            registry,
            tag_format,
            base_image,
            cuda,
            cudnn,
            python_version,
            python_exec,
            apt_packages,
            conda_packages,
            conda_channels,
            packages,
            requirements,
            pip_index,
            pip_extra_index_url,
            pip_extra_args,
            pip_secret_mounts,
            env,
            source_root,
            source_copy_mode,
            copy,
            commands,
            entrypoint,
            platform,
            runtime_packages,
            registry_config,
            builder,
            builder_options,
            builder_config,
        } = spec;
        self.some("name", name.as_deref());
        self.some("registry", registry.as_deref());
        self.some("tag_format", tag_format.as_deref());
        match base_image {
            None => {}
            Some(BaseImage::Reference(reference)) => self.some("base_image", Some(reference)),
            Some(BaseImage::Spec(base)) if **base == ImageSpec::default() => self.line("base_image: {}"),
            Some(BaseImage::Spec(base)) => {
                self.line("base_image:");
                self.indent += 1;
                self.spec(base);
                self.indent -= 1;
            }
        }
        self.some("python_version", python_version.map(|version| version.to_string()).as_deref());
        self.some("python_exec", python_exec.as_deref());
        self.some("cuda", cuda.as_deref());
        self.some("cudnn", cudnn.as_deref());
        self.list("apt_packages", apt_packages);
        self.list("conda_packages", conda_packages);
        self.list("conda_channels", conda_channels);
        self.list("packages", &packages.iter().map(|line| line.text.clone()).collect::<Vec<_>>());
        self.some("requirements", requirements.as_ref().map(|file| file.path.as_str()));
        self.some("pip_index", pip_index.as_deref());
        self.list("pip_extra_index_url", pip_extra_index_url);
        let args: Vec<String> = pip_extra_args.iter().map(|word| shell_word(word)).collect();
        self.some("pip_extra_args", (!args.is_empty()).then(|| args.join(" ")).as_deref());
        self.secrets(pip_secret_mounts);
        self.map("env", env);
        self.some("source_root", source_root.as_deref());
        self.some("source_copy_mode", source_copy_mode.map(CopyMode::as_str));
        self.list("copy", copy);
        self.list("commands", commands);
        match entrypoint.as_deref() {
            None => {}
            Some([]) => self.line("entrypoint: []"),
            Some(words) => self.list("entrypoint", words),
        }
        self.list("platform", &platform.iter().map(ToString::to_string).collect::<Vec<_>>());
        self.list("runtime_packages", &runtime_packages.iter().map(|line| line.text.clone()).collect::<Vec<_>>());
        self.some("registry_config", registry_config.as_deref());
        self.some("builder", builder.as_deref());
        self.options(builder_options);
        self.tools(builder_config);
    }

    fn options(&mut self, options: &BuilderOptions) {
        let BuilderOptions {
            flavor,
            user,
            ca_bundle,
            labels,
            python_layers,
            python_jobs,
            bytecode,
            extras,
            groups,
            apt_sources,
            apt_keys,
        } = options;
        if *options == BuilderOptions::default() {
            return;
        }
        self.line("builder_options:");
        self.indent += 1;
        self.some("flavor", flavor.map(Flavor::as_str));
        self.some("user", user.as_deref());
        self.some("ca_bundle", ca_bundle.as_deref());
        self.map("labels", labels);
        for (name, count) in [("python_layers", python_layers), ("python_jobs", python_jobs)] {
            if let Some(count) = count {
                self.line(&format!("{name}: {count}"));
            }
        }
        self.some("bytecode", bytecode.map(Bytecode::as_str));
        self.list("extras", extras);
        self.list("groups", groups);
        self.list("apt_sources", apt_sources);
        self.list("apt_keys", apt_keys);
        self.indent -= 1;
    }

    fn tools(&mut self, config: &BuilderConfig) {
        let BuilderConfig { uv_image, micromamba_image } = config;
        if *config == BuilderConfig::default() {
            return;
        }
        self.line("builder_config:");
        self.indent += 1;
        self.some("uv_image", uv_image.as_deref());
        self.some("micromamba_image", micromamba_image.as_deref());
        self.indent -= 1;
    }

    fn secrets(&mut self, mounts: &[SecretMount]) {
        if mounts.is_empty() {
            return;
        }
        self.line("pip_secret_mounts:");
        for SecretMount { id, source, target } in mounts {
            let mut parts = vec![format!("id: {}", quoted(id))];
            parts.extend(source.as_ref().map(|source| match source {
                SecretSource::File(path) => format!("src: {}", quoted(path)),
                SecretSource::Env(name) => format!("src_env: {}", quoted(name)),
            }));
            parts.push(match target {
                SecretTarget::File(path) => format!("dst: {}", quoted(path)),
                SecretTarget::Env(name) => format!("env: {}", quoted(name)),
            });
            self.line(&format!("  - {{{}}}", parts.join(", ")));
        }
    }

    fn some(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.line(&format!("{name}: {}", quoted(value)));
        }
    }

    fn list(&mut self, name: &str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        self.line(&format!("{name}:"));
        for item in items {
            self.line(&format!("  - {}", quoted(item)));
        }
    }

    fn map(&mut self, name: &str, values: &BTreeMap<String, String>) {
        if values.is_empty() {
            return;
        }
        self.line(&format!("{name}:"));
        for (key, value) in values {
            self.line(&format!("  {}: {}", quoted(key), quoted(value)));
        }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(&"  ".repeat(self.indent));
        self.text.push_str(text);
        self.text.push('\n');
    }
}

/// A double-quoted scalar (YAML 1.2, 7.3.1): whatever is not plainly printable is escaped.
fn quoted(value: &str) -> String {
    let mut out = String::from("\"");
    for character in value.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Written to a string, which cannot fail.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A word that splits as one.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
