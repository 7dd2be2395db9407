//! Subrequests: questions to a frontend that are not builds (`moby/buildkit: frontend/subrequests`).
//!
//! The shape of requests and answers, and the answer of every frontend: the list of its requests.

use buildkit_proto::keys::subrequest;
use serde::{Serialize, Serializer};

use crate::result::{FrontendResult, keys};

/// The request for the list of requests.
pub const DESCRIBE: &str = subrequest::DESCRIBE;
const DESCRIBE_VERSION: &str = "1.0.0";

/// A request a frontend answers, as it is listed to clients.
///
/// ```
/// use buildkit_gateway::Subrequest;
/// let lint = Subrequest::new("frontend.lint", "1.0.0", "Lists what could be better");
/// assert!(lint.metadata.iter().any(|key| key.name == "result.json"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Subrequest {
    /// `frontend.lint`; what `requestid` must be.
    pub name: String,
    /// Version of the answer's form, `1.0.0`.
    pub version: String,
    /// Always `rpc`.
    #[serde(rename = "type")]
    kind: Rpc,
    /// One line.
    pub description: String,
    /// Opts it looks at.
    #[serde(serialize_with = "null_if_empty")]
    pub opts: Vec<SubrequestField>,
    /// Inputs it looks at.
    #[serde(serialize_with = "null_if_empty")]
    pub inputs: Vec<SubrequestField>,
    /// Metadata keys of its answer.
    #[serde(serialize_with = "null_if_empty")]
    pub metadata: Vec<SubrequestField>,
    /// Refs of its answer.
    #[serde(serialize_with = "null_if_empty")]
    pub refs: Vec<SubrequestField>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Rpc {
    #[default]
    Rpc,
}

/// A named part of a [`Subrequest`].
///
/// ```
/// use buildkit_gateway::Subrequest;
///
/// let targets = Subrequest::new("frontend.targets", "1.0.0", "Lists targets").with_opt("filename", "What to read");
/// assert_eq!(targets.opts[0].description, "What to read");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SubrequestField {
    /// Its name.
    pub name: String,
    /// What it is; may be empty.
    pub description: String,
}

/// Go writes lists without members as null, and clients expect no more than that.
fn null_if_empty<S: Serializer>(fields: &[SubrequestField], serializer: S) -> Result<S::Ok, S::Error> {
    (!fields.is_empty()).then_some(fields).serialize(serializer)
}

impl Subrequest {
    /// A request that answers with JSON and text, as all but the strangest do.
    pub fn new(name: impl Into<String>, version: impl Into<String>, description: impl Into<String>) -> Self {
        let key = |name: &str| SubrequestField { name: name.to_owned(), description: String::new() };
        Self {
            name: name.into(),
            version: version.into(),
            description: description.into(),
            metadata: vec![key(keys::RESULT_JSON), key(keys::RESULT_TXT)],
            ..Self::default()
        }
    }

    /// Names an opt the request looks at.
    #[must_use]
    pub fn with_opt(mut self, name: impl Into<String>, description: impl Into<String>) -> Self {
        self.opts.push(SubrequestField { name: name.into(), description: description.into() });
        self
    }

    pub(crate) fn describe() -> Self {
        Self::new(DESCRIBE, DESCRIBE_VERSION, "List available subrequest types")
    }
}

/// The answer to a subrequest.
///
/// ```
/// use buildkit_gateway::{FrontendResult, SubrequestAnswer};
///
/// let answer = SubrequestAnswer {
///     json: b"[]".to_vec(),
///     text: "nothing to say\n".to_owned(),
///     version: "1.0.0".to_owned(),
///     status_code: Some(0),
/// };
/// assert_eq!(FrontendResult::from(answer).metadata["result.txt"], b"nothing to say\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubrequestAnswer {
    /// For programs.
    pub json: Vec<u8>,
    /// The text for users, which clients print if they do not know the request or its version.
    pub text: String,
    /// Version of the JSON's form.
    pub version: String,
    /// What the client should exit with, if anything.
    pub status_code: Option<i32>,
}

impl From<SubrequestAnswer> for FrontendResult {
    fn from(answer: SubrequestAnswer) -> Self {
        let SubrequestAnswer { json, text, version, status_code } = answer;
        let mut result = Self::default();
        let mut set = |key: &str, value| result.metadata.insert(key.to_owned(), value);
        set(keys::RESULT_JSON, json);
        set(keys::RESULT_TXT, text.into_bytes());
        set(keys::VERSION, version.into_bytes());
        if let Some(code) = status_code {
            set(keys::RESULT_STATUSCODE, code.to_string().into_bytes());
        }
        result
    }
}

/// The list of a frontend's requests, with this one itself at its end.
pub(crate) fn describe(mut requests: Vec<Subrequest>) -> SubrequestAnswer {
    requests.push(Subrequest::describe());
    SubrequestAnswer {
        json: serde_json::to_vec_pretty(&requests).expect("plain structs with text keys always serialise"),
        text: table(&requests),
        version: DESCRIBE_VERSION.to_owned(),
        status_code: None,
    }
}

/// Columns as wide as their widest cell, with one blank between them.
fn table(requests: &[Subrequest]) -> String {
    let rows: Vec<[&str; 3]> = std::iter::once(["NAME", "VERSION", "DESCRIPTION"])
        .chain(requests.iter().map(|request| {
            let name = request.name.strip_prefix("frontend.").unwrap_or(&request.name);
            [name, request.version.as_str(), request.description.as_str()]
        }))
        .collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let (names, versions) = (width(0), width(1));
    rows.iter()
        .map(|[name, version, description]| format!("{name:names$} {version:versions$} {description}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_requests() {
        let answer = describe(vec![
            Subrequest::new("frontend.lint", "1.0.0", "Check the spec").with_opt("target", "Part to check"),
        ]);
        assert_eq!(
            answer.text,
            "NAME                 VERSION DESCRIPTION\n\
             lint                 1.0.0   Check the spec\n\
             subrequests.describe 1.0.0   List available subrequest types\n"
        );
        let json: serde_json::Value = serde_json::from_slice(&answer.json).unwrap();
        assert_eq!(
            json[0],
            serde_json::json!({
                "name": "frontend.lint", "version": "1.0.0", "type": "rpc", "description": "Check the spec",
                "opts": [{"name": "target", "description": "Part to check"}], "inputs": null,
                "metadata": [{"name": "result.json", "description": ""}, {"name": "result.txt", "description": ""}], "refs": null,
            })
        );
        assert_eq!(json[1]["name"], DESCRIBE);
    }

    #[test]
    fn an_answer_is_metadata_without_a_ref() {
        let result = FrontendResult::from(SubrequestAnswer {
            json: b"{}".to_vec(),
            text: "ok\n".into(),
            version: "1.0.0".into(),
            status_code: Some(1),
        });
        assert_eq!(result.single_ref().unwrap(), None);
        assert_eq!(result.metadata["result.statuscode"], b"1");
        assert_eq!(result.metadata["result.txt"], b"ok\n");
        assert_eq!(result.metadata.len(), 4);
    }
}
