//! `imagespec build`: the images that specs describe, built and brought where they are wanted.
//!
//! Specs are compiled here and solved over the control connection; with `--frontend` an image does it in the daemon.
//! Several images are built side by side on one connection. One session has the build context for all of them, so that what they
//! have in common is one step; secrets, credentials and results are each image's own.

mod attest;
mod delivery;
mod image;
mod repeat;
mod several;

use std::collections::BTreeSet;

use buildkit_client::flag::FlagError;
use buildkit_client::progress::Mode;
use buildkit_client::solve::SolveResponse;
use futures_util::StreamExt as _;

use crate::args::{BuildArgs, Progress};
use crate::error::CliError;
use crate::run::Stage;
use crate::{daemon, print};

use delivery::{Delivery, Place};
use image::{Common, Image};

/// How many images are under way at once; the daemon does the work.
const AT_A_TIME: usize = 8;

pub(crate) async fn run(args: &BuildArgs) -> Result<(), CliError> {
    let specs = args.specs.each();
    let is_one = specs.len() == 1;
    let common = Common::of(args)?;
    if !is_one {
        several::check_flags(args, &common)?;
    }
    // What is wrong with the specs alone is told before anything is connected.
    let images = specs.iter().map(|spec| (spec.title(), Image::read(args, &common, spec))).collect();
    let images = CliError::unless_all(images)?;
    note_warnings(args, images.iter().map(Image::told_of_the_spec));

    let connection = daemon::connect(&args.daemon).await?;
    let place = Place::find(args, &connection).await?;
    let mut deliveries = Vec::new();
    for image in &images {
        deliveries.push(Delivery::plan(args, &place, image)?);
    }
    if !is_one {
        several::check_deliveries(&images, &deliveries)?;
    }
    for warning in delivery::warnings(&deliveries) {
        print::note(&format!("warning: {warning}\n"));
    }
    let context = match images.first() {
        Some(image) if !is_one => Some(image.files().context_session().open(connection.channel.clone()).await?),
        _ => None,
    };

    let stage = Stage::open(mode(args))?;
    let builds = images.iter().zip(&deliveries).map(|(image, delivery)| async {
        (image.title.clone(), image.build(args, &common, &connection, &stage, delivery, context.as_ref()).await)
    });
    let builds: Vec<_> = builds.collect();
    let outcomes: Vec<(String, Result<SolveResponse, CliError>)> =
        futures_util::stream::iter(builds).buffered(AT_A_TIME).collect().await;
    stage.close().await;
    if let Some(context) = context {
        context.close().await;
    }
    let done = images.iter().zip(&deliveries).zip(&outcomes);
    let done: Vec<_> =
        done.filter_map(|((image, delivery), (_, outcome))| Some((image, delivery, outcome.as_ref().ok()?))).collect();
    note_warnings(args, done.iter().map(|(image, ..)| image.told_of_the_build()));
    let saved = done.iter().try_for_each(|(image, ..)| image.save_facts(args));
    let reported = saved.and_then(|()| delivery::report(args, is_one, &done));
    match (CliError::unless_all(outcomes), reported) {
        (Ok(_), reported) => reported,
        // What could not be written is the lesser trouble.
        (Err(failed), reported) => {
            reported.unwrap_or_else(|error| print::note(&error.render()));
            Err(failed)
        }
    }
}

/// Shows warnings, unless the user wants to see nothing but the result. Images of one file have some in common.
fn note_warnings(args: &BuildArgs, told: impl Iterator<Item = String>) {
    let mut shown = BTreeSet::new();
    for text in told.filter(|_| !args.output.quiet) {
        if shown.insert(text.clone()) {
            print::note(&text);
        }
    }
}

fn mode(args: &BuildArgs) -> Mode {
    match (args.output.quiet, args.output.progress) {
        (true, _) | (false, Progress::Quiet) => Mode::Quiet,
        (false, progress) => progress.into(),
    }
}

pub(crate) fn flag(error: FlagError) -> CliError {
    CliError::Input(error.to_string())
}
