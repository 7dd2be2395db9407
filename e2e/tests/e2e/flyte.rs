//! The flavor `flyte`: images like those of Flytekit's own builder, without its bugs.

use imagespec_e2e::command::Program;
use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

const WAYS: [Way; 3] = [
    Way::new(Daemon::Buildkitd, Entrance::Imagespec),
    Way::new(Daemon::Containerd, Entrance::Docker),
    Way::new(Daemon::Engine2010, Entrance::Docker),
];

pub(crate) fn cases() -> Vec<Case> {
    scenario("flyte", WAYS, flyte).collect()
}

fn flyte(context: &Context<'_>) {
    let space = &context.space;
    let text = "name: team\nbase_image: python:3.11-slim\npackages: [flytekit==1.16.31]\nsource_root: src\n\
                env: {LOG_LEVEL: info}\nbuilder_options: {flavor: flyte}\n";
    space.write("spec.yaml", &format!("# syntax=@FRONTEND@\n{text}"));
    space.write("src/flow.py", "VALUE = 1\n");
    let (_, image) = context.build().image();

    // The account exists and owns its files.
    assert_eq!(image.output_of("id", &["-un"]), "flytekit");
    assert_eq!(image.output_of("/bin/sh", &["-c", "echo ~flytekit; pwd"]), "/home/flytekit\n/root");
    assert_eq!(
        image.output_of("stat", &["-c", "%U", "/root", "/home/flytekit", "/root/flow.py"]),
        "flytekit\nflytekit\nflytekit"
    );
    assert_eq!(image.output_of("/bin/sh", &["-c", "touch /root/new /home/flytekit/new && echo done"]), "done");
    // A login shell finds the same Python.
    assert_eq!(image.output_of("/bin/bash", &["-lc", "command -v python"]), "/opt/venv/bin/python");

    let program = "import flow, flytekit, importlib.metadata as m; print(flow.VALUE, m.version('flytekit'))";
    assert_eq!(image.output_of("python", &["-c", program]), "1 1.16.31");
    assert_eq!(image.output_of("/bin/sh", &["-c", "command -v pyflyte-execute"]), "/opt/venv/bin/pyflyte-execute");
    let env: Vec<String> = serde_json::from_value(image.inspect()["Config"]["Env"].clone()).expect("a list");
    for entry in [
        "UV_PYTHON=/opt/venv/bin/python",
        "FLYTE_SDK_RICH_TRACEBACKS=0",
        "SSL_CERT_DIR=/etc/ssl/certs",
        "PYTHONPATH=/root",
        "LOG_LEVEL=info",
        "LD_LIBRARY_PATH=/usr/local/nvidia/lib64",
    ] {
        assert!(env.iter().any(|known| known == entry), "{entry}: {env:?}");
    }
    // The id is the output of our command line for the same spec, and is set last.
    let program = Program::new(&context.world.programs.imagespec).args(["tag", "--format", "id", "--file"]);
    let id = program.arg(space.context().join("spec.yaml")).arg(space.context()).ok().line();
    assert_eq!(env.last().map(String::as_str), Some(format!("_F_IMG_ID={id}").as_str()), "{env:?}");
    context.build().again();
}
