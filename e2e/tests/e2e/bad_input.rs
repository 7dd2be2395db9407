//! Mistakes of users, through every entrance: the message describes the problem and its place.
//!
//! The complete output of our own command line is compared; for other clients, only the part from us.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use imagespec_e2e::command::Ended;
use imagespec_e2e::way::{self, Daemon, Entrance};

use crate::{Case, Context, scenario};

/// An invalid spec. The first line is the `# syntax` line of all specs, so `{}` begins on line 2.
struct Mistake {
    name: &'static str,
    /// The spec after its first line.
    spec: &'static str,
    /// The exit code of `imagespec build`.
    code: i32,
    /// The end of the output of `imagespec build`; `…` stands for text that differs between daemons.
    ours: &'static str,
    /// Texts in the output of every other client.
    others: &'static [&'static str],
    /// The excerpt of clients that show sources (not Docker 20.10's, nor buildctl's for problems that the daemon does not report).
    excerpt: &'static str,
}

const MISTAKES: [Mistake; 9] = [
    Mistake {
        name: "unknown key and wrong type",
        spec: "aptpackages: [tree]\npackages: numpy\n",
        code: 2,
        ours: "\
error[E005]: `aptpackages` is not a field of a spec
 --> spec.yaml:2:1
  |
2 | aptpackages: [tree]
  | ^^^^^^^^^^^ unknown field
  |
  = help: did you mean `apt_packages`?

error[E006]: `packages` must be a list of requirements, not text
 --> spec.yaml:3:11
  |
3 | packages: numpy
  |           ^^^^^ found text
  |
  = help: for example `packages: [numpy, \"pandas>=2.2\"]`

error: 2 problems found; run `imagespec check --explain CODE` for details
",
        others: &["the spec has 2 problems", "spec.yaml:2:1", "did you mean `apt_packages`?", "spec.yaml:3:11"],
        excerpt: "   2 | >>> aptpackages: [tree]\n   3 | >>> packages: numpy\n",
    },
    Mistake {
        name: "copy outside the context",
        spec: "copy: [data/../../secrets]\n",
        code: 2,
        ours: "\
error[E019]: `data/../../secrets` leaves the context
 --> spec.yaml:2:13
  |
2 | copy: [data/../../secrets]
  |             ^^ `..` is not allowed
  |
  = help: name a file or folder of the build context, relative to it: `src/data.csv`

error: 1 problem found; run `imagespec check --explain CODE` for details
",
        others: &["the spec has 1 problem", "`data/../../secrets` leaves the context", "spec.yaml:2:13"],
        excerpt: "   2 | >>> copy: [data/../../secrets]\n",
    },
    Mistake {
        name: "missing requirements file",
        spec: "base_image: python:3.11-slim\nrequirements: deps/requirements.txt\n",
        code: 2,
        ours: "\
error[E101]: there is no file deps/requirements.txt in the build context
 --> spec.yaml:3:15
  |
3 | requirements: deps/requirements.txt
  |               ^^^^^^^^^^^^^^^^^^^^^
  |
  = help: give its path relative to the build context, the folder you build from

error: 1 problem found; run `imagespec check --explain CODE` for details
",
        others: &["there is no file deps/requirements.txt in the build context", "spec.yaml:3:15"],
        excerpt: "   3 | >>> requirements: deps/requirements.txt\n",
    },
    Mistake {
        name: "unknown apt package",
        spec: "base_image: python:3.11-slim\napt_packages:\n  - tree\n  - no-such-package-xyz\n",
        code: 1,
        ours: "\
error[E110]: the step `[apt] tree, no-such-package-xyz` failed with exit code 100
 --> spec.yaml:5:5
  |
5 |   - no-such-package-xyz
  |     ^^^^^^^^^^^^^^^^^^^ E: Unable to locate package no-such-package-xyz

",
        others: &[
            "> [apt] tree, no-such-package-xyz:",
            "E: Unable to locate package no-such-package-xyz",
            "exit code: 100",
        ],
        excerpt: "   4 | >>>   - tree\n   5 | >>>   - no-such-package-xyz\n",
    },
    Mistake {
        name: "requirements that contradict each other",
        spec: "base_image: python:3.11-slim\npackages:\n  - click\n  - click<0.1\n",
        code: 1,
        ours: "\
error[E110]: the step `[lock] resolve click, click` failed with exit code 1
 --> spec.yaml:4:5
  |
4 |   - click
  |     ^^^^^
  |
  = help: last output of the step: cause: Because only click>=0.1 is available and you require click<0.1, we can conclude that your requirements are unsatisfiable.

",
        others: &["you require click<0.1, we can conclude that your requirements are unsatisfiable"],
        excerpt: "   4 | >>>   - click\n   5 | >>>   - click<0.1\n",
    },
    Mistake {
        name: "one command of several",
        spec: "base_image: python:3.11-slim\ncommands:\n  - echo begun\n  - echo on; exit 7\n  - echo ended\n",
        code: 1,
        ours: "\
error[E110]: the step `[commands] 3 commands` failed with exit code 7
 --> spec.yaml:5:5
  |
5 |   - echo on; exit 7
  |     ^^^^^^^^^^^^^^^
  |
  = help: last output of the step: on

",
        others: &["exit code: 7", "imagespec: command 2 of 3 failed with exit code 7"],
        excerpt: "   4 | >>>   - echo begun\n   5 | >>>   - echo on; exit 7\n   6 | >>>   - echo ended\n",
    },
    Mistake {
        name: "a missing file to copy",
        spec: "base_image: python:3.11-slim\ncopy:\n  - nowhere.txt\n",
        code: 1,
        ours: "\
error[E112]: the step `[copy] nowhere.txt` found no files: …\"/nowhere.txt\"…not found…
 --> spec.yaml:4:5
  |
4 |   - nowhere.txt
  |     ^^^^^^^^^^^
  |
  = help: the path must be in the context and not excluded by .dockerignore or .gitignore; \
         `source_copy_mode: auto` copies Python files only

",
        others: &["[copy] nowhere.txt", "/nowhere.txt"],
        excerpt: "   4 | >>>   - nowhere.txt\n",
    },
    Mistake {
        name: "a missing base image",
        spec: "base_image: @REGISTRY@/no-such-image-xyz:1\n",
        code: 2,
        ours: "\
error[E121]: the image …/no-such-image-xyz:1 was not found
 --> spec.yaml:2:13
  |
2 | base_image: …/no-such-image-xyz:1
  |             ^^^…
  |
  = help: check its name and tag; the daemon reports: …/no-such-image-xyz:1: not found

error: 1 problem found; run `imagespec check --explain CODE` for details
",
        others: &["the spec has 1 problem", "/no-such-image-xyz:1 was not found", "spec.yaml:2:13"],
        excerpt: "   2 | >>> base_image: ",
    },
    Mistake {
        name: "a secret without a source",
        spec: "base_image: python:3.11-slim\npackages: [click]\npip_secret_mounts:\n  - {id: token, dst: /root/.netrc}\n",
        code: 4,
        ours: "error: the spec uses the secret \"token\", which has no source; add --secret id=token,src=FILE\n",
        others: &["secret token", "not found"],
        excerpt: "   3 | >>> packages: [click]\n",
    },
];

pub(crate) fn cases() -> Vec<Case> {
    let ways = way::ALL.into_iter().filter(|way| way.entrance != Entrance::Compile);
    scenario("bad-input", ways, bad_input).collect()
}

/// The daemon runs equal steps of simultaneous builds once, and names the first one in the errors of both. With different definitions
/// (buildx asks Engines for local images first), an error would then not point into the spec.
static TURNS: Mutex<BTreeMap<Daemon, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());

fn bad_input(context: &Context<'_>) {
    let turn = TURNS.lock().unwrap_or_else(PoisonError::into_inner).entry(context.way.daemon).or_default().clone();
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let wrong: Vec<String> = MISTAKES.iter().filter_map(|mistake| mismatch(context, mistake)).collect();
    assert!(wrong.is_empty(), "{} of {} messages:\n\n{}", wrong.len(), MISTAKES.len(), wrong.join("\n\n"));
}

/// The difference between the expected and the actual message, if any.
fn mismatch(context: &Context<'_>, mistake: &Mistake) -> Option<String> {
    context.space.write("spec.yaml", &format!("# syntax=@FRONTEND@\n{}", mistake.spec));
    let mut ended = context.build().plainly().run();
    let missing = if context.way.entrance == Entrance::Imagespec {
        let missing = missing_from_ours(mistake, &ended);
        // The second build expects the answers of the first one.
        ended = context.build().plainly().run();
        missing.into_iter().chain(missing_from_ours(mistake, &ended)).collect()
    } else {
        missing_from_others(context, mistake, &ended)
    };
    (!missing.is_empty()).then(|| format!("=== {}: {}\n{ended}", mistake.name, missing.join("; ")))
}

fn missing_from_ours(mistake: &Mistake, ended: &Ended) -> Vec<String> {
    let mut missing = Vec::new();
    let ours = mistake.ours;
    if ended.code != Some(mistake.code) {
        missing.push(format!("exit code {:?} is not {}", ended.code, mistake.code));
    }
    if !ends_with(&ended.stderr, ours) {
        missing.push(format!("does not end with\n{ours}"));
    }
    missing
}

fn ends_with(text: &str, expected: &str) -> bool {
    let (texts, lines): (Vec<&str>, Vec<&str>) = (text.lines().rev().collect(), expected.lines().rev().collect());
    text.ends_with('\n')
        && texts.len() >= lines.len()
        && texts.iter().zip(&lines).all(|(text, line)| is_like(text, line))
}

/// Whether a line is as expected, with `…` for any text.
fn is_like(line: &str, expected: &str) -> bool {
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut open = false;
    for part in parts {
        open = part.is_empty();
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || open
}

fn missing_from_others(context: &Context<'_>, mistake: &Mistake, ended: &Ended) -> Vec<String> {
    let mut missing: Vec<String> = mistake
        .others
        .iter()
        .filter(|text| !ended.stderr.contains(*text))
        .map(|text| format!("{text:?} is missing"))
        .collect();
    if ended.code != Some(1) {
        missing.push(format!("exit code {:?}", ended.code));
    }
    if context.way.daemon != Daemon::Engine2010 && !ended.stderr.contains(mistake.excerpt) {
        missing.push(format!("the spec's lines are missing:\n{}", mistake.excerpt));
    }
    missing
}
