//! Compares images of Flytekit's own builder with ours for the same spec (`flavor: flyte`): they are equal, except for the differences
//! in `docs/flytekit.md`.

use std::collections::BTreeMap;
use std::path::Path;

use imagespec_e2e::command::Program;
use imagespec_e2e::image::Image;
use imagespec_e2e::way::{Daemon, Entrance, Way};
use serde_json::{Value, json};

use crate::{Case, Context, scenario};

const FLYTEKIT: &str = "flytekit==1.16.31";

pub(crate) fn cases() -> Vec<Case> {
    scenario("flytekit", [Way::new(Daemon::Buildkitd, Entrance::Imagespec)], flytekit).collect()
}

/// Distributions with versions, and whether each module can be imported.
const LIST: &str = r#"
import importlib, importlib.metadata as m, json, sys
modules = sys.argv[1:]
for name in modules:
    importlib.import_module(name)
print(json.dumps({d.metadata["Name"].lower().replace("_", "-"): d.version for d in m.distributions()}, sort_keys=True))
"#;

fn flytekit(context: &Context<'_>) {
    let base = json!({"base_image": "python:3.11-slim", "python_exec": "/usr/local/bin/python3.11"});
    let specs = [
        json!({
            "name": "one", "packages": ["pydantic", "requests>=2.30", FLYTEKIT], "apt_packages": ["tree"],
            "env": {"LOG_LEVEL": "info", "EXTRA": "/extra"}, "source_root": "src", "source_copy_mode": "all",
            "copy": ["data/table.csv"], "entrypoint": ["python", "-c", "print('started')"],
        }),
        json!({
            "name": "two", "requirements": "requirements.txt", "packages": [FLYTEKIT],
            "commands": ["echo hello > /srv/note", "uv pip install iniconfig==2.0.0"],
        }),
    ];
    context.space.write("src/flow.py", "VALUE = 1\n");
    context.space.write("src/notes.txt", "of the sources\n");
    context.space.write("data/table.csv", "a,b\n");
    context.space.write("requirements.txt", "click==8.1.7\nmarkupsafe\n");
    let certificates = push_certificates(context);
    for spec in specs {
        let mut fields = base.clone();
        merge(&mut fields, &spec);
        let (theirs, ours) = (their_image(context, &fields, &certificates), our_image(context, &fields));
        compare(&theirs, &ours, &spec);
    }
}

fn merge(into: &mut Value, from: &Value) {
    for (name, value) in from.as_object().into_iter().flatten() {
        into[name] = value.clone();
    }
}

/// Flytekit's builder copies certificates from an image; this one contains those of the machine.
fn push_certificates(context: &Context<'_>) -> String {
    let folder = context.space.sibling("certificates");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::copy(&context.world.lab.ca_bundle, folder.join("ca-certificates.crt")).expect("certificates");
    let text = "FROM scratch\nCOPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt\n";
    std::fs::write(folder.join("Dockerfile"), text).expect("a Dockerfile");
    let name = format!("{}/e2e/{}-certificates:1", context.world.lab.registry, context.space.name());
    dockerfile(context, &folder, &name);
    name
}

fn dockerfile(context: &Context<'_>, folder: &Path, name: &str) {
    let local = folder.display();
    let program = context.world.lab.buildctl().args(["build", "--frontend", "dockerfile.v0"]);
    let program = program.args(["--local", &format!("context={local}"), "--local", &format!("dockerfile={local}")]);
    program.args(["--output", &format!("type=image,name={name},push=true")]).ok();
}

fn their_image<'a>(context: &'a Context<'a>, fields: &Value, certificates: &str) -> Image<'a> {
    let mut fields = fields.clone();
    fields["builder_config"] = json!({"uv_image": context.world.lab.uv_image, "micromamba_image": certificates});
    // uv needs a file here, but Flytekit's builder sets a folder.
    fields["env"]["SSL_CERT_FILE"] = "/etc/ssl/certs/ca-certificates.crt".into();
    let name = fields["name"].as_str().unwrap_or_default().to_owned();
    let folder = context.space.sibling(&format!("theirs-{name}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/harness/peer_context.py");
    let run = ["run", "--no-project", "--python", "/usr/bin/python3", "--with", FLYTEKIT, "python"];
    let program = Program::new(&context.world.programs.uv).args(run).arg(script);
    let program = program.env("SSL_CERT_FILE", &context.world.lab.ca_bundle).dir(&context.space.context());
    program.stdin(json!({"fields": fields, "context": folder}).to_string().into_bytes()).ok();
    let reference = format!("{}/e2e/{}-{name}-theirs:1", context.world.lab.registry, context.space.name());
    dockerfile(context, &folder, &reference);
    Image::new(context.world, Daemon::Containerd, reference)
}

fn our_image<'a>(context: &'a Context<'a>, fields: &Value) -> Image<'a> {
    let mut fields = fields.clone();
    fields["builder_options"] = json!({"flavor": "flyte"});
    context.space.write("spec.json", &fields.to_string());
    context.build().spec("spec.json").image().1
}

fn compare(theirs: &Image<'_>, ours: &Image<'_>, spec: &Value) {
    let both = |program: &str, args: &[&str]| (theirs.output_of(program, args), ours.output_of(program, args));
    let name = spec["name"].as_str().unwrap_or_default();

    let modules: &[&str] = if name == "one" { &["flow", "pydantic", "requests"] } else { &["click", "iniconfig"] };
    let list = |image: &Image<'_>| -> BTreeMap<String, String> {
        let output = image.output_of("python", &[&["-c", LIST], modules, &["flytekit"]].concat());
        serde_json::from_str(&output).expect("a list of distributions")
    };
    assert_eq!(list(theirs), list(ours), "{name}: distributions and their versions");

    for (program, args) in [("id", ["-un"].as_slice()), ("pwd", &[]), ("/bin/sh", &["-c", "echo ~"])] {
        let (theirs, ours) = both(program, args);
        assert_eq!(theirs, ours, "{name}: {program}");
    }
    let (theirs_config, ours_config) = (theirs.inspect()["Config"].clone(), ours.inspect()["Config"].clone());
    for key in ["User", "WorkingDir", "Entrypoint"] {
        assert_eq!(theirs_config[key], ours_config[key], "{name}: {key}");
    }
    // Listed in docs/flytekit.md: the location of the environment, and variables that only one of the two sets.
    let env = |config: &Value| -> BTreeMap<String, String> {
        let entries: Vec<String> = serde_json::from_value(config["Env"].clone()).expect("variables");
        let known = entries.iter().filter_map(|entry| entry.split_once('='));
        let place = |value: &str| value.replace("/root/.venv", "/opt/venv").trim_end_matches(':').to_owned();
        known.map(|(name, value)| (name.to_owned(), place(value))).collect()
    };
    let (mut theirs_env, mut ours_env) = (env(&theirs_config), env(&ours_config));
    assert_eq!(ours_env.remove("VIRTUAL_ENV").as_deref(), Some("/opt/venv"));
    assert!(theirs_env.remove("SSL_CERT_FILE").is_some(), "only the test has set it");
    // Each image has its own id.
    assert!(theirs_env.remove("_F_IMG_ID").is_some() && ours_env.remove("_F_IMG_ID").is_some());
    assert_eq!(theirs_env, ours_env, "{name}: variables");

    if name == "one" {
        let script =
            "cat /root/flow.py /root/notes.txt /root/data/table.csv; command -v tree; stat -c %U /root/flow.py";
        let (theirs, ours) = both("/bin/sh", &["-c", script]);
        assert_eq!(theirs, ours);
        assert_eq!((theirs_config["Cmd"].is_null(), ours_config["Cmd"].is_null()), (true, true));
    } else {
        let (theirs, ours) = both("cat", &["/srv/note"]);
        assert_eq!(theirs, ours);
    }
}
