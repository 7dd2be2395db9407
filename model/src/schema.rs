//! The JSON Schema of spec files, made from the table of fields.
//!
//! It describes the shape of values, so that editors can complete and mark them. Everything else is checked when a spec is read.

use serde_json::{Map, Value, json};

use crate::field::{FieldInfo, Shape};
use crate::image_spec::ImageSpec;
use crate::read::SECRET_PARTS;
use crate::table::Table as _;

/// The schema (JSON Schema 2020-12) of a file with one image, or with several below `images`.
///
/// ```
/// let schema = imagespec::json_schema();
/// assert_eq!(schema["$defs"]["spec"]["properties"]["apt_packages"]["items"]["type"], "string");
/// ```
#[must_use]
pub fn json_schema() -> Value {
    let mut spec = object(ImageSpec::FIELDS);
    // Editors find the schema by the first, Docker's clients find the frontend by the second.
    spec["properties"]["$schema"] = json!({"type": "string"});
    spec["properties"]["syntax"] =
        json!({"type": "string", "description": "Reference of the frontend image, in JSON."});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:imagespec:schema:1",
        "title": "ImageSpec",
        "description": "What one container image is made of, or several.",
        "oneOf": [
            {"$ref": "#/$defs/spec"},
            {
                "type": "object",
                "description": "Several images by name; `base_image` may be one of the names.",
                "required": ["images"],
                "properties": {
                    "$schema": {"type": "string"},
                    "syntax": {"type": "string"},
                    "images": {
                        "type": "object",
                        "minProperties": 1,
                        "propertyNames": {"pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$"},
                        "additionalProperties": {"$ref": "#/$defs/spec"},
                    },
                },
                "additionalProperties": false,
            },
        ],
        "$defs": {"spec": spec, "secret": secret()},
    })
}

fn object(fields: &[&FieldInfo]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.key.to_owned(), property(field))).collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn property(field: &FieldInfo) -> Value {
    let mut value = match field.shape {
        Shape::Text => json!({"type": ["string", "null"]}),
        Shape::Version => json!({"type": ["string", "number", "null"]}),
        Shape::Texts => json!({"type": ["array", "null"], "items": {"type": "string"}}),
        Shape::Platforms => json!({"type": ["string", "array", "null"], "items": {"type": "string"}}),
        Shape::Mapping => json!({
            "type": ["object", "null"],
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        }),
        // A list of words cannot express that uppercase and lowercase are the same.
        Shape::Choice(words) => json!({"anyOf": [{"enum": words}, {"type": ["string", "null"]}]}),
        Shape::Count(most) => json!({
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": most}, {"type": ["string", "null"], "pattern": "^[1-9][0-9]*$"}],
        }),
        Shape::Fields(fields) => {
            let mut object = object(fields);
            object["type"] = json!(["object", "null"]);
            object
        }
        Shape::Secrets => json!({"type": ["array", "null"], "items": {"$ref": "#/$defs/secret"}}),
        Shape::Base => json!({"anyOf": [{"type": ["string", "null"]}, {"$ref": "#/$defs/spec"}]}),
    };
    value["description"] = format!("{}\n\nFor example `{}`.", field.about, field.example).into();
    value
}

fn secret() -> Value {
    json!({
        "anyOf": [
            {
                "type": "array",
                "description": "A file of your machine, and where install steps find it.",
                "prefixItems": [{"type": "string"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
            object(SECRET_PARTS),
        ],
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the crate reads no files, its tests do")]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::raw::{self, Format, Kind, Node};
    use crate::source::SourceMap;

    /// A text as a JSON reader would see it; `None` where it cannot be read.
    fn value(name: &str, text: &str) -> Option<Value> {
        let mut problems = Vec::new();
        let file = SourceMap::new().add(name, text);
        let root = raw::read(Format::from_name(name, text), file, text, &mut problems)?;
        problems.is_empty().then(|| json_of(&root))
    }

    fn json_of(node: &Node) -> Value {
        match &node.kind {
            Kind::Null => Value::Null,
            Kind::Bool(text) => (text == "true").into(),
            Kind::Number(text) => match text.parse::<i64>() {
                Ok(number) => number.into(),
                Err(_) => text.parse::<f64>().map_or(Value::Null, Value::from),
            },
            Kind::Date(text) | Kind::Text(text) => text.clone().into(),
            Kind::List(items) => items.iter().map(json_of).collect(),
            Kind::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), json_of(&entry.value))).collect(),
        }
    }

    fn specs(folder: &str) -> Vec<(String, String)> {
        let mut folders: Vec<PathBuf> = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if [".yaml", ".json", ".toml"].iter().any(|end| name.ends_with(end))
                    && !["pyproject.toml", "uv.lock"].contains(&name.as_str())
                {
                    found.push((name, std::fs::read_to_string(&path).expect("text")));
                }
            }
        }
        assert!(!found.is_empty());
        found
    }

    #[test]
    fn valid_specs_fit_the_schema() {
        let schema = jsonschema::validator_for(&json_schema()).expect("a JSON Schema");
        for (name, text) in ["testdata/specs/good", "testdata/specs/public", "examples"].into_iter().flat_map(specs) {
            let value = value(&name, &text).unwrap_or_else(|| panic!("{name} cannot be read"));
            let problems: Vec<String> =
                schema.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path)).collect();
            assert!(problems.is_empty(), "{name}: {problems:?}");
        }
    }

    /// Editors mark unknown fields and wrong types.
    #[test]
    fn wrong_types_and_unknown_fields_do_not() {
        let schema = jsonschema::validator_for(&json_schema()).expect("a JSON Schema");
        let mut count = 0;
        for (name, text) in specs("testdata/specs/bad") {
            let Some(value) = value(&name, &text) else { continue };
            let found = crate::parse(&name, &text).diagnostics;
            if found.iter().any(|diagnostic| matches!(diagnostic.code, "E005" | "E006")) {
                assert!(!schema.is_valid(&value), "{name} fits the schema");
                count += 1;
            }
        }
        assert!(count >= 8, "{count}");
    }
}
