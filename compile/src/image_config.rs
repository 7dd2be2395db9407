//! The image config: the config of the base image with the changes of the spec (OCI image spec, config.md).
//!
//! Unknown members of the base's config are kept. The exporter writes the layers (`rootfs`).

use serde_json::{Map, Value, json};

use crate::fixed::FILE_TIME;
use crate::lower::title as record_title;
use crate::outcome::Record;
use crate::plan::{Action, Plan};

/// The comment of our history entries.
const COMMENT: &str = "imagespec";

/// The config of an image with its records, which are its last layers.
pub(crate) fn with_records(plan: &Plan) -> Value {
    let mut config = image_config(plan);
    if let Some(Value::Array(history)) = config.get_mut("history") {
        let created = created(plan);
        let names = plan.all_records().filter_map(Record::name);
        history.extend(names.map(|name| entry(&created, format!("[record] {}", record_title(name)))));
    }
    config
}

/// The config of an image without its records.
pub(crate) fn image_config(plan: &Plan) -> Value {
    let mut image = match &plan.common.base_config {
        Value::Object(members) => members.clone(),
        _ => Map::new(),
    };
    image.remove("created");
    image.insert("os".to_owned(), plan.platform.os.clone().into());
    image.insert("architecture".to_owned(), plan.platform.architecture.clone().into());
    if plan.platform.variant.is_empty() {
        image.remove("variant");
    } else {
        image.insert("variant".to_owned(), plan.platform.variant.clone().into());
    }
    // Otherwise the exporter would write the current time, and the same image would have another digest.
    let created = created(plan);
    image.insert("created".to_owned(), created.clone().into());
    let mut config = match image.remove("config") {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    apply(plan, &mut config);
    image.insert("config".to_owned(), Value::Object(config));

    let base_layers = image.get("rootfs").and_then(|rootfs| rootfs["diff_ids"].as_array()).map_or(0, Vec::len);
    let mut history = match image.remove("history") {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    };
    // History entries belong to layers by position. Some tools write fewer entries than layers, which would shift ours.
    let base_entries = history.iter().filter(|entry| entry["empty_layer"] != Value::Bool(true)).count();
    for _ in base_entries..base_layers {
        history.push(json!({ "created_by": format!("[image] {}", plan.base.reference) }));
    }
    for step in plan.in_layer_order(plan.steps.iter().collect()) {
        if let Action::Venv { managed: Some(_), .. } = step.action {
            // The interpreter has a layer of its own.
            history.push(entry(&created, step.title.clone()));
        }
        history.push(entry(&created, step.title.clone()));
    }
    let mut last = entry(&created, "[image] environment, entrypoint and labels".to_owned());
    last["empty_layer"] = true.into();
    history.push(last);
    image.insert("history".to_owned(), history.into());
    Value::Object(image)
}

fn apply(plan: &Plan, config: &mut Map<String, Value>) {
    let image = &plan.image;
    let env: Vec<String> = image.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    config.insert("Env".to_owned(), env.into());
    config.insert("WorkingDir".to_owned(), image.workdir.clone().into());
    if image.user.is_empty() {
        config.remove("User");
    } else {
        config.insert("User".to_owned(), image.user.clone().into());
    }
    // As in a Dockerfile, a new entrypoint does not inherit the arguments of the old one.
    if let Some(entrypoint) = &image.entrypoint {
        if !image.keep_cmd {
            config.remove("Cmd");
        }
        if entrypoint.is_empty() {
            config.remove("Entrypoint");
        } else {
            config.insert("Entrypoint".to_owned(), entrypoint.clone().into());
        }
    }
    if !image.labels.is_empty() {
        let labels = config.entry("Labels").or_insert_with(|| json!({}));
        if !labels.is_object() {
            *labels = json!({});
        }
        for (name, value) in &image.labels {
            labels[name.as_str()] = value.clone().into();
        }
    }
    // Triggers of the base are for Dockerfiles that are built directly on it.
    config.remove("OnBuild");
}

/// An entry of the history, of a layer.
fn entry(created: &str, created_by: String) -> Value {
    json!({ "created": created, "created_by": created_by, "comment": COMMENT })
}

/// The time of the image and of its history.
fn created(plan: &Plan) -> String {
    rfc3339(plan.common.source_date_epoch.unwrap_or(FILE_TIME))
}

/// Formats seconds since 1970 as RFC 3339 in UTC, with the civil-from-days algorithm for the proleptic Gregorian calendar.
fn rfc3339(seconds: i64) -> String {
    let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days are counted from 0000-03-01, so that leap days end a year; 400 years have 146,097 days.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60)
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn times() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_763_856_000), "2025-11-23T00:00:00Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59Z");
    }
}
