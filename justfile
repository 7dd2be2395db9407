# What developers and continuous integration call. Tools and their versions: scripts/setup.
# Without `just` on your PATH, `scripts/just RECIPE` is the same.

set shell := ["bash", "-euo", "pipefail", "-c"]
set positional-arguments

export PATH := `scripts/env.sh`
# A snapshot that differs fails a test; it is accepted by `just bless` only.
export INSTA_UPDATE := env("INSTA_UPDATE", "no")

# List the recipes.
[private]
default:
    @{{ just_executable() }} --justfile {{ quote(justfile()) }} --list --unsorted

# All that continuous integration runs, with the time of each phase.
ci:
    scripts/ci

# Install the tools the recipes need; quick when they are there.
setup:
    @scripts/setup

# Format the Rust sources.
fmt: setup
    cargo fmt --all

# Format, clippy with warnings denied, spelling, shell scripts, unused dependencies, generated docs.
lint: setup
    scripts/lint

# API documentation, warnings denied.
doc: setup
    # The program first: the library of the same name is to keep its pages.
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --all-features --no-deps --bin imagespec
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --all-features --no-deps --lib

# Licences, bans, sources and, where their database can be reached, advisories of all dependencies.
deny: setup
    scripts/deny

# The pure crates reach no runtime, network, clock, randomness or files.
purity: setup
    scripts/purity

# Unit, golden, vector and documentation tests; no daemon. Arguments go to `cargo test`.
test *args: setup
    cargo test --locked --no-fail-fast --workspace "$@"

# Write the vectors of the Go client again, and check that this project writes what Go would write. Needs Go 1.26.
vectors: setup
    @scripts/vectors

# Accept changed snapshots, then show what changed for review.
bless *args: setup
    INSTA_UPDATE=always cargo test --locked --workspace "$@"
    git status --short -- '*.snap' '*.rs'

# End-to-end tests against the lab's real daemons, which are started if need be. Arguments go to `cargo test`.
e2e *args: setup
    scripts/e2e "$@"

# Solve every golden definition on the lab's buildkitd; a part of `just e2e`.
replay-goldens *args: setup
    lab=$(lab/up) && eval "$lab" && cargo test --locked --workspace --test plans goldens "$@"

# Save the answers of the lab's daemons again, for the tests that replay them without a daemon (testdata/compile/answers).
save-answers: setup
    lab=$(lab/up) && eval "$lab" && IMAGESPEC_SAVE_ANSWERS="$PWD/testdata/compile/answers" \
      cargo test --locked --workspace --test plans saved_facts_are_compiled
    git status --short -- testdata/compile/answers

# `just e2e` with everything that takes long: more than a dozen real environments, file by file. Downloads some gigabytes, needs 40 GB of disk.
e2e-full *args: setup
    IMAGESPEC_E2E_FULL=1 scripts/e2e "$@"

# Ours beside Flytekit's own builder, on real daemons; `just bench --help` lists the arguments.
bench *args: setup
    bench/run "$@"

# The LLB crate beside BuildKit's Go client on the same graphs, time and memory. Needs Go 1.26; `--quick` is rougher.
bench-llb *args: setup
    llb/benches/run "$@"

# Fuzz what reads bytes of others: `just fuzz [SECONDS [TARGET…]]`, 60 seconds each by default.
fuzz *args: setup
    scripts/fuzz "$@"

# Start the lab's daemons; in a shell: eval "$(just lab-up)".
@lab-up:
    lab/up

# Stop the lab's daemons and undo what they changed on the machine; `--purge` deletes their data too.
lab-down *args:
    lab/down "$@"

# The frontend image's static program for x86_64; prints its path.
@frontend-static: setup
    scripts/frontend-static x86_64

# The same for aarch64, cross-compiled with Debian's toolchain; prints its path.
@frontend-static-arm64: setup
    scripts/frontend-static aarch64
