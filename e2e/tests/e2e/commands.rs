//! `commands`, and a user other than root.

use imagespec_e2e::way;

use crate::{Case, Context, scenario};

pub(crate) fn cases() -> Vec<Case> {
    scenario("commands", way::EACH_DAEMON, commands).collect()
}

fn commands(context: &Context<'_>) {
    context.space.fill("commands");
    let (_, image) = context.build().image();
    // `cd` and `export` apply to the next command, and the spec's environment and PATH are set.
    let marker = context.space.marker();
    assert_eq!(image.output_of("cat", &["/srv/note"]), format!("{marker} hello /srv /opt/venv/bin/python"));
    // The commands had uv, which installed into the environment and is not in the image.
    assert_eq!(image.output_of("python", &["-c", "import iniconfig, click; print('ok')"]), "ok");
    assert_eq!(image.output_of("/bin/sh", &["-c", "command -v uv || echo none"]), "none");
    for path in ["/dev/imagespec", "/root/.cache"] {
        assert_eq!(image.exec("test", &["-e", path]).code, Some(1), "{path} of the build is in the image");
    }

    assert_eq!(image.inspect()["Config"]["User"], "www-data");
    assert_eq!(image.run().expect_code(0).line(), "www-data /root");
    assert_eq!(image.output_of("stat", &["-c", "%U", "/root", "/root/marker.txt"]), "www-data\nwww-data");
    // The user can change its own files; the environment is read-only.
    let script = "set -e; touch new; echo more >>marker.txt; test ! -w /opt/venv/bin; echo done";
    assert_eq!(image.output_of("/bin/sh", &["-c", script]), "done");

    context.build().again();
}
