//! `imagespec graph`: compares LLB definitions of any client. Needs neither a daemon nor a spec.

use std::io::Read as _;
use std::path::Path;

use buildkit_llb::Graph;

use crate::args::{GraphArgs, GraphCommand, GraphDiffArgs, TextFormat};
use crate::error::CliError;
use crate::exit::Exit;
use crate::print;

pub(crate) fn run(args: &GraphArgs) -> Result<Exit, CliError> {
    match &args.command {
        GraphCommand::Diff(args) => diff(args),
    }
}

fn diff(args: &GraphDiffArgs) -> Result<Exit, CliError> {
    let GraphDiffArgs { before, after, format } = args;
    if is_stdin(before) && is_stdin(after) {
        return Err(CliError::Input("stdin can only be read once; pass a file for one of the definitions".to_owned()));
    }
    let comparison = read(before)?.compare(&read(after)?);
    match format {
        TextFormat::Text => print::text(&comparison.to_string())?,
        TextFormat::Json => print::data(&format!("{:#}\n", comparison.json()))?,
    }
    Ok(if comparison.is_equal() { Exit::Success } else { Exit::Different })
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn read(path: &Path) -> Result<Graph, CliError> {
    let shown = if is_stdin(path) { "stdin".to_owned() } else { path.display().to_string() };
    let bytes = if is_stdin(path) {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.map_err(|error| CliError::Input(format!("cannot read {shown}: {error}")))?;
    // An empty file is a valid definition of an empty filesystem, but most likely the output of a command that failed.
    if bytes.is_empty() {
        return Err(CliError::Input(format!("{shown} is empty; write a definition to it with `imagespec compile`")));
    }
    Graph::from_bytes(&bytes).map_err(|error| CliError::Input(format!("{shown}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    use buildkit_llb::{File, GraphBuilder, MkFile};
    use buildkit_proto::Message as _;

    fn arguments(before: &Path, after: &Path) -> GraphArgs {
        let (before, after) = (before.to_owned(), after.to_owned());
        GraphArgs { command: GraphCommand::Diff(GraphDiffArgs { before, after, format: TextFormat::Json }) }
    }

    fn definition(text: &str) -> Vec<u8> {
        let mut graph = GraphBuilder::new();
        let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, text)));
        graph.finish(Some(file)).expect("sound").to_definition().encode_to_vec()
    }

    #[test]
    fn exit_codes_are_those_of_diff() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, two) = (folder.path().join("one.pb"), folder.path().join("two.pb"));
        std::fs::write(&one, definition("1")).expect("written");
        std::fs::write(&two, definition("2")).expect("written");
        assert_eq!(run(&arguments(&one, &one)).expect("read"), Exit::Success);
        assert_eq!(run(&arguments(&one, &two)).expect("read"), Exit::Different);
        assert_eq!(Exit::Different.code(), 1);
    }

    #[test]
    fn invalid_definitions_are_rejected() {
        let folder = tempfile::tempdir().expect("a folder");
        let good = folder.path().join("good.pb");
        std::fs::write(&good, definition("1")).expect("written");
        let check = |bytes: Option<&[u8]>, expect: &str| {
            let path = folder.path().join("bad.pb");
            let _ = std::fs::remove_file(&path);
            bytes.into_iter().for_each(|bytes| std::fs::write(&path, bytes).expect("written"));
            let error = run(&arguments(&good, &path)).expect_err(expect);
            assert_eq!(error.exit(), Exit::InvalidInput);
            let text = error.to_string();
            assert!(text.contains("bad.pb") && text.contains(expect), "{text:?} does not say {expect:?}");
        };
        check(None, "cannot read");
        check(Some(b""), "is empty");
        check(Some(b"name: app\n"), "not an LLB definition");
        let error = run(&arguments(Path::new("-"), Path::new("-"))).expect_err("stdin twice");
        assert!(error.to_string().contains("once"), "{error}");
    }
}
