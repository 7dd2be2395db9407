//! Solving: inputs, laziness, failures with all their details, warnings.

use buildkit_gateway::{ErrorDetail, SolveRequest, Warning, caps};
use buildkit_llb::{File, GraphBuilder, MkFile};
use prost::Message as _;

use crate::lab::{all, build, build_with, buildkitd, shell};

#[tokio::test]
async fn inputs_arrive_unchanged() {
    let mut graph = GraphBuilder::new();
    let file = graph.file(File::scratch().mkfile(MkFile::new("/note", 0o644, "from outside")));
    let sent = graph.finish(Some(file)).unwrap().to_definition();
    build_with(&buildkitd(), [("context".to_owned(), sent.encode_to_vec())].into(), async |bridge| {
        let mut inputs = bridge.inputs().await.unwrap();
        let input = inputs.remove("context").unwrap();
        assert_eq!((&input.def, inputs.len()), (&sent.def, 0));
        let solved = bridge.solve(SolveRequest::definition(input)).await.unwrap();
        let note = bridge.read_file(solved.single_ref().unwrap().unwrap(), "/note", None).await.unwrap();
        assert_eq!(note, b"from outside");
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_complete_when_it_is_requested() {
    for (name, address) in all() {
        build(&address, async |bridge| {
            let fresh = buildkit_client::solve::new_reference();
            let lazy = SolveRequest { evaluate: false, ..shell(&format!(": {fresh}; exit 9")) };
            let definition = lazy.definition.clone().unwrap();
            let solved = bridge.solve(lazy).await.unwrap();
            let error = bridge.evaluate(solved.single_ref().unwrap().unwrap()).await.unwrap_err();
            let details: Vec<_> = error.status().unwrap().typed_details().collect();
            let failed = buildkit_proto::Digest::from_content(&definition.def[1]).to_string();
            let vertex = ErrorDetail::Vertex { digest: failed.clone() };
            // Without `Evaluate`, reading the root solves the graph, and such old daemons report no details then.
            let can_evaluate = bridge.ping().await.unwrap().gateway_caps.contains(caps::EVALUATE);
            assert_eq!(details.contains(&vertex), can_evaluate, "{name}: {error} {details:?}");
            assert!(error.to_string().contains("exit code: 9"), "{name}: {error}");

            let warning = Warning { digest: failed, short: "Test: a warning".to_owned(), ..Warning::default() };
            bridge.warn(warning).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        })
        .await;
    }
}
