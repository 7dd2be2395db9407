//! The end-to-end tests: scenarios, each run on every way that supports it, and the matrix of their outcomes.
//!
//! Run `cargo test -p imagespec-e2e --features e2e [FILTER]` in the lab's environment (`just e2e` sets it up). Without the lab the run
//! fails; nothing is skipped. Each scenario is in its own file.

mod apt;
mod bad_input;
mod caches;
mod chain;
mod commands;
mod context;
mod digests;
mod engine;
mod environments;
mod events;
mod fields;
mod flyte;
mod flytekit;
mod frontend_example;
mod graph_diff;
mod groups;
mod hostile;
mod inert;
mod interrupt;
mod main_image;
mod memory;
mod offline;
mod outputs;
mod platforms;
mod records;
mod requirements;
mod several;
mod throw_away;
mod up_to_date;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use imagespec_e2e::World;
use imagespec_e2e::build::Build;
use imagespec_e2e::report::{Matrix, Outcome, say};
use imagespec_e2e::space::Space;
use imagespec_e2e::way::Way;
use libtest_mimic::{Arguments, Trial};

/// A scenario on one way.
pub(crate) struct Case {
    scenario: &'static str,
    way: Way,
    test: fn(&Context<'_>),
}

/// The arguments of a scenario.
pub(crate) struct Context<'a> {
    pub(crate) world: &'a World,
    pub(crate) scenario: &'static str,
    pub(crate) way: Way,
    pub(crate) space: Space,
}

impl Context<'_> {
    /// A build of the space's `spec.yaml` on this way.
    pub(crate) fn build(&self) -> Build<'_> {
        Build::new(self.world, &self.space, self.way)
    }
}

/// A scenario on several ways.
pub(crate) fn scenario(
    name: &'static str,
    ways: impl IntoIterator<Item = Way>,
    test: fn(&Context<'_>),
) -> impl Iterator<Item = Case> {
    ways.into_iter().map(move |way| Case { scenario: name, way, test })
}

/// Whether tests that take gigabytes or minutes run too (`just e2e-full`).
pub(crate) fn is_full() -> bool {
    std::env::var_os("IMAGESPEC_E2E_FULL").is_some_and(|value| !value.is_empty())
}

fn cases() -> Vec<Case> {
    // The main image is first, because it fills caches that others use. The records are last, because they cover all earlier builds.
    [
        main_image::cases(),
        digests::cases(),
        platforms::cases(),
        outputs::cases(),
        commands::cases(),
        context::cases(),
        requirements::cases(),
        groups::cases(),
        memory::cases(),
        environments::cases(),
        events::cases(),
        engine::cases(),
        fields::cases(),
        flyte::cases(),
        flytekit::cases(),
        offline::cases(),
        graph_diff::cases(),
        chain::cases(),
        apt::cases(),
        bad_input::cases(),
        caches::cases(),
        hostile::cases(),
        frontend_example::cases(),
        inert::cases(),
        interrupt::cases(),
        several::cases(),
        up_to_date::cases(),
        records::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The number of processors by default. The daemons do the work, so more builds would only wait for each other.
    arguments.test_threads =
        arguments.test_threads.or_else(|| std::thread::available_parallelism().ok().map(Into::into));
    let world = if arguments.list {
        None
    } else {
        match World::prepare() {
            Ok(world) => Some(Arc::new(world)),
            Err(problem) => {
                say(&format!("the end-to-end tests cannot run: {problem}"));
                return ExitCode::FAILURE;
            }
        }
    };
    note_panics();
    let matrix = Arc::new(Matrix::default());
    let trials = cases().into_iter().map(|case| trial(case, world.clone(), matrix.clone())).collect();
    let began = Instant::now();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(world) = world {
        world.clean_up();
    }
    say(&format!("\n{}\nend-to-end tests: {:.0} s", matrix.table(), began.elapsed().as_secs_f32()));
    conclusion.exit_code()
}

fn trial(case: Case, world: Option<Arc<World>>, matrix: Arc<Matrix>) -> Trial {
    let name = format!("{}::{}", case.scenario, case.way);
    Trial::test(name.clone(), move || {
        let world = world.ok_or("tests are listed without a world, and not run")?;
        let began = Instant::now();
        let test = || {
            (case.test)(&Context {
                world: &world,
                scenario: case.scenario,
                way: case.way,
                space: Space::new(&world, &name),
            })
        };
        let ended = catch_unwind(AssertUnwindSafe(test));
        matrix.note(case.scenario, case.way, Outcome { passed: ended.is_ok(), took: began.elapsed() });
        ended.map_err(|_| PANIC.take().unwrap_or_default().into())
    })
}

thread_local! {
    /// The message and place of the panic on this thread.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Reports failed assertions once, at the end, instead of twice with a backtrace of the harness.
fn note_panics() {
    std::panic::set_hook(Box::new(|panic| PANIC.set(Some(panic.to_string()))));
}
