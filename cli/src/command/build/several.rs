//! What does not go together with several images: whatever has room for one alone.
//!
//! Told before anything is connected, as far as flags show it, and else before anything is built.

use std::collections::BTreeMap;

use crate::args::BuildArgs;
use crate::error::CliError;

use super::delivery::Delivery;
use super::image::{Common, Image};

/// Flags that name one image, or one file for it.
pub(super) fn check_flags(args: &BuildArgs, common: &Common) -> Result<(), CliError> {
    let names_cache = common.cache_exports.iter().any(|cache| cache.kind != "inline");
    let wrong = [
        (!args.output.tag.is_empty(), "--tag names one image; give each spec a `name` instead"),
        (args.output.iidfile.is_some(), "--iidfile has room for one image; see --metadata-file or --quiet"),
        (args.save_facts.is_some(), "--save-facts has room for one image"),
        (names_cache, "--cache-to is a place for the cache of one image; type=inline is in the image itself"),
    ];
    refuse(wrong.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, why)| why.to_owned()).collect())
}

/// Folders, archives and standard output hold one result, and of two images of one name one would be lost.
pub(super) fn check_deliveries(images: &[Image], deliveries: &[Delivery<'_>]) -> Result<(), CliError> {
    let mut wrong = Vec::new();
    if deliveries.iter().any(Delivery::comes_to_the_client) {
        let why = "--output names a folder or file for one image; push or load several, or build one after the other";
        wrong.push(why.to_owned());
    }
    let mut by_name: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (image, delivery) in images.iter().zip(deliveries) {
        delivery.names().into_iter().for_each(|name| by_name.entry(name).or_default().push(&image.title));
    }
    let twice = by_name.into_iter().filter(|(_, titles)| titles.len() > 1);
    wrong.extend(twice.map(|(name, titles)| format!("{} are all called {name}", titles.join(", "))));
    refuse(wrong)
}

fn refuse(problems: Vec<String>) -> Result<(), CliError> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(CliError::Input(format!("several images are built: {}", problems.join("; "))))
}
