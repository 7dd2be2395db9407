//! Whole requirements files.

use super::*;
use crate::source::SourceMap;

struct Scanned {
    scan: RequirementsScan,
    sources: SourceMap,
}

fn scan(text: &str) -> Scanned {
    let mut sources = SourceMap::new();
    let file = sources.add("requirements.txt", text);
    let scan = scan_requirements(file, text);
    Scanned { scan, sources }
}

/// Each line as `line:column kind text`.
#[track_caller]
fn check(text: &str, expect: &[&str]) {
    let Scanned { scan, sources } = scan(text);
    assert_eq!(scan.diagnostics, [], "{text}");
    let found: Vec<String> = scan
        .lines
        .iter()
        .map(|line| {
            let place = sources.position(line.span).expect("a place");
            let kind = match &line.kind {
                RequirementsLineKind::Requirement(_) => "requirement".to_owned(),
                RequirementsLineKind::Include { path } => format!("include {path}"),
                RequirementsLineKind::Constraint { path } => format!("constraint {path}"),
                RequirementsLineKind::Option { args } => format!("option {}", args.join(" ")),
            };
            format!("{}:{} {kind}: {}", place.line, place.column, line.text)
        })
        .collect();
    assert_eq!(found, expect);
}

#[test]
fn lines_comments_and_continuations() {
    check("", &[]);
    check("# a\n\n  # b\n", &[]);
    check(
        "\u{feff}numpy\r\nscipy # c\rtorch",
        &["1:1 requirement: numpy", "2:1 requirement: scipy", "2:11 requirement: torch"],
    );
    check("  numpy \\\n  >=1 \\\n  # last\nscipy", &["1:3 requirement: numpy   >=1", "4:1 requirement: scipy"]);
    check("# a \\\nnumpy\n", &["2:1 requirement: numpy"]);
    check("numpy\\", &["1:1 requirement: numpy"]);
    check("six==1\\\n# why\nattrs", &["1:1 requirement: six==1", "3:1 requirement: attrs"]);
    check("a @ https://x/y.whl#frag\n", &["1:1 requirement: a @ https://x/y.whl#frag"]);
}

#[test]
fn files_and_options() {
    check(
        "-r base.txt\n--requirement=../x y.txt # z\n-c 'c d.txt'\n-i https://x/simple --pre\n--trusted-host h\n",
        &[
            "1:1 include base.txt: -r base.txt",
            "2:1 include ../x y.txt: --requirement=../x y.txt",
            "3:1 constraint c d.txt: -c 'c d.txt'",
            "4:1 option --index-url https://x/simple --pre: -i https://x/simple --pre",
            "5:1 option --allow-insecure-host h: --trusted-host h",
        ],
    );
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    let text = "numpy==\nok\n-r\n-r https://x/y.txt\n-r /etc/x\n--target x\n--no-deps\n--whatever\nnumpy \\\n  ==x\n-e git+https://x/y\na\0b\nhttps://u:p@x/y.whl\n--hash=sha256:0\n";
    let Scanned { scan, sources } = scan(text);
    assert_eq!(scan.lines.len(), 1);
    let found: Vec<String> = scan
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let place = sources.position(diagnostic.span().expect("a label")).expect("a place");
            format!("{}:{} {}", place.line, place.column, diagnostic.code)
        })
        .collect();
    assert_eq!(
        found,
        [
            "1:6 E015",
            "3:3 E027",
            "4:4 E027",
            "5:4 E027",
            "6:1 E016",
            "7:1 E016",
            "8:1 E016",
            "10:5 E015",
            "11:4 E015",
            "12:2 E008",
            "13:9 E017",
            "14:1 E016",
        ]
    );
}

#[test]
fn hashes_over_many_lines() {
    let hash = |digit: &str| format!("sha256:{}", digit.repeat(64));
    let text = format!("numpy==1.0 \\\n    --hash={} \\\n    --hash={}\n", hash("0"), hash("1"));
    let Scanned { scan, sources } = scan(&text);
    let [line] = scan.lines.as_slice() else { panic!("{scan:?}") };
    let RequirementsLineKind::Requirement(requirement) = &line.kind else { panic!("{line:?}") };
    assert_eq!(requirement.text, line.text);
    assert!(line.text.contains(&hash("0")) && line.text.ends_with(&hash("1")));
    assert_eq!(sources.snippet(line.span), Some(text.trim_end()));
}

#[test]
fn the_number_of_problems_is_limited() {
    let Scanned { scan, .. } = scan(&"-x\n".repeat(1000));
    assert_eq!(scan.diagnostics.len(), MAX_SHOWN + 1);
    assert_eq!(scan.diagnostics[MAX_SHOWN].message, "950 more lines cannot be used");
}
