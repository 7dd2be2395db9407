//! Details as Go writes them, read and written again.

use super::*;

const SOURCE: &str = "errdefs.Source+json";
const SOLVE: &str = "errdefs.Solve+json";
const DECISION: &str = "policysession.DecisionResponse+json";

#[track_caller]
fn round_trip(detail: &ErrorDetail, json: &str) {
    let any = detail.encode();
    assert_eq!(String::from_utf8(any.value.clone()).unwrap(), json);
    assert_eq!(&ErrorDetail::decode(&any), detail);
}

#[test]
fn type_urls() {
    let source = ErrorDetail::source(SourceInfo::default(), Vec::new());
    assert_eq!(source.encode().type_url, ErrorDetail::SOURCE);
    assert_eq!(ErrorDetail::Exit { code: 1 }.encode().type_url, ErrorDetail::EXIT);
}

#[test]
fn source_has_base64_data_and_both_ends() {
    let info = SourceInfo {
        filename: "imagespec.yaml".into(),
        language: "YAML".into(),
        data: b"name: x\n".to_vec(),
        definition: None,
    };
    round_trip(
        &ErrorDetail::source(info, vec![SourceRange::lines(1, 1)]),
        r#"{"info":{"filename":"imagespec.yaml","data":"bmFtZTogeAo=","language":"YAML"},"ranges":[{"start":{"line":1},"end":{"line":1}}]}"#,
    );
}

#[test]
fn a_source_of_the_daemons_is_read() {
    let value = br#"{"info":{"filename":"Dockerfile","data":"RlJPTSB4","definition":{"def":["AA=="]}},"ranges":[{"start":{"line":3,"character":2},"end":{"line":4}}]}"#;
    let any = AnyDetail { type_url: format!("{PREFIX}{SOURCE}"), value: value.to_vec() };
    let ErrorDetail::Source { info, ranges } = ErrorDetail::decode(&any) else {
        panic!("no source");
    };
    assert_eq!((info.filename.as_str(), info.data.as_slice()), ("Dockerfile", b"FROM x".as_slice()));
    assert_eq!(ranges[0].start, SourcePosition { line: 3, character: 2 });
    assert_eq!(ranges[0].end, SourcePosition { line: 4, character: 0 });
}

#[test]
fn the_others() {
    round_trip(&ErrorDetail::Vertex { digest: "sha256:1".into() }, r#"{"digest":"sha256:1"}"#);
    round_trip(
        &ErrorDetail::Frontend { name: "gateway.v0".into(), source: "x/y".into() },
        r#"{"name":"gateway.v0","source":"x/y"}"#,
    );
    round_trip(&ErrorDetail::Exit { code: 42 }, r#"{"Code":42}"#);
    let solve =
        br#"{"inputIDs":["a"],"mountIDs":["","b"],"op":{"exec":{}},"file":{"index":"1"},"description":{"k":"v"}}"#;
    let any = AnyDetail { type_url: format!("{PREFIX}{SOLVE}"), value: solve.to_vec() };
    let ErrorDetail::Solve(detail) = ErrorDetail::decode(&any) else {
        panic!("no solve detail");
    };
    assert_eq!((detail.input_ids, detail.mount_ids), (vec!["a".to_owned()], vec![String::new(), "b".to_owned()]));
    assert_eq!(detail.description["k"], "v");
}

#[test]
fn the_unknown_and_the_broken_stay_as_they_are() {
    for (type_url, value) in [
        ("example.com/x", "{}"),
        ("github.com/moby/buildkit/stack.Stack+json", "{}"),
        ("github.com/moby/buildkit/errdefs.Source+json", "{"),
    ] {
        let any = AnyDetail { type_url: type_url.into(), value: value.as_bytes().to_vec() };
        assert_eq!(ErrorDetail::decode(&any), ErrorDetail::Other(any.clone()));
        assert_eq!(ErrorDetail::decode(&any).encode(), any);
    }
}

#[test]
fn numbers_that_cannot_be_do_no_harm() {
    let value = br#"{"ranges":[{"start":{"line":-3},"end":{"line":99999999999}}]}"#;
    let any = AnyDetail { type_url: format!("{PREFIX}{SOURCE}"), value: value.to_vec() };
    let ErrorDetail::Source { ranges, .. } = ErrorDetail::decode(&any) else { panic!("no source") };
    assert_eq!((ranges[0].start.line, ranges[0].end.line), (0, u32::MAX));
}

#[test]
fn what_of_a_vertex_failed() {
    let check = |json: &str, expect: (Option<i64>, Option<i64>)| {
        let any = AnyDetail { type_url: format!("{PREFIX}{SOLVE}"), value: json.as_bytes().to_vec() };
        let ErrorDetail::Solve(solve) = ErrorDetail::decode(&any) else { panic!("no solve detail") };
        assert_eq!((solve.file_index(), solve.cache_index()), expect, "{json}");
    };
    check(r#"{"file":{"index":"2"}}"#, (Some(2), None));
    check(r#"{"file":{}}"#, (Some(0), None));
    check(r#"{"cache":{"index":1}}"#, (None, Some(1)));
    check("{}", (None, None));
}

#[test]
fn a_policy_says_why() {
    let denial = ErrorDetail::PolicyDenial { messages: vec!["not this one".to_owned()] };
    round_trip(&denial, r#"{"deny_messages":[{"message":"not this one"}]}"#);
    let any = AnyDetail {
        type_url: format!("{PREFIX}{DECISION}"),
        value: br#"{"denyMessages":[{"message":"not this one"}]}"#.to_vec(),
    };
    assert_eq!(ErrorDetail::decode(&any), denial);
}
