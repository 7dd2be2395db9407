//! Compares environments in groups with a single install of the same lock: the files must be the same.
//!
//! Every run tests three of them; `IMAGESPEC_E2E_FULL=1` (`just e2e-full`) tests all, which downloads some gigabytes and needs 40 GB
//! of disk space.

use std::collections::BTreeMap;

use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::{Case, Context, is_full, scenario};

struct Environment {
    name: &'static str,
    packages: &'static [&'static str],
    /// A program that shows that the environment works.
    program: &'static str,
}

const fn environment(name: &'static str, packages: &'static [&'static str], program: &'static str) -> Environment {
    Environment { name, packages, program }
}

/// The environments of every run: scripts and entry points, packages that share a namespace, `.pth` files and data files.
const ALWAYS: [Environment; 3] = [
    environment(
        "environment-web",
        &["fastapi", "uvicorn[standard]", "sqlalchemy", "alembic", "celery", "redis", "httpx", "jinja2", "orjson"],
        "import fastapi, uvicorn, sqlalchemy, alembic, celery, redis, httpx, orjson",
    ),
    environment(
        "environment-namespaces",
        &[
            "google-cloud-storage",
            "google-cloud-pubsub",
            "azure-identity",
            "azure-storage-blob",
            "opentelemetry-sdk",
            "opentelemetry-exporter-otlp",
            "zope.interface",
            "zope.event",
            "ruamel.yaml",
            "sphinxcontrib-applehelp",
            "sphinxcontrib-jsmath",
            "jaraco.functools",
        ],
        "import google.cloud.storage, google.cloud.pubsub, azure.identity, azure.storage.blob, zope.interface, zope.event, \
         ruamel.yaml, opentelemetry.sdk.trace, jaraco.functools",
    ),
    environment(
        "environment-tools",
        &[
            "setuptools",
            "pytest",
            "pytest-cov",
            "coverage",
            "editables",
            "awscli",
            "pre-commit",
            "black",
            "mypy",
            "ruff",
            "pip",
        ],
        "import setuptools, pytest, coverage, awscli, black, mypy, pip",
    ),
];

const FULL: [Environment; 10] = [
    environment(
        "environment-data",
        &["pandas", "numpy", "scikit-learn", "pyarrow", "matplotlib", "seaborn", "statsmodels"],
        "import pandas, sklearn.linear_model, pyarrow.parquet, matplotlib.pyplot, seaborn, statsmodels.api",
    ),
    environment(
        "environment-notebooks",
        &["jupyterlab", "ipywidgets", "nbconvert", "voila", "plotly"],
        "import jupyterlab, ipywidgets, nbconvert, voila, plotly",
    ),
    environment("environment-ray", &["ray[default,tune]", "flytekitplugins-ray"], "import ray, flytekitplugins.ray"),
    environment("environment-spark", &["pyspark", "flytekitplugins-spark"], "import pyspark, flytekitplugins.spark"),
    environment(
        "environment-flyte",
        &["flytekit", "flytekitplugins-pod", "flytekitplugins-pandera", "flytekitplugins-deck-standard"],
        "import flytekit, flytekitplugins.pod, flytekitplugins.pandera, flytekitplugins.deck",
    ),
    environment(
        "environment-arrays",
        &["xarray", "dask[complete]", "zarr", "netcdf4", "h5py", "scipy"],
        "import xarray, dask.dataframe, zarr, netCDF4, h5py, scipy.stats",
    ),
    environment("environment-words", &["spacy", "nltk", "gensim"], "import spacy, nltk, gensim"),
    environment(
        "environment-maps",
        &["geopandas", "rasterio", "shapely", "pyproj", "folium"],
        "import geopandas, rasterio, shapely, pyproj, folium",
    ),
    environment(
        "environment-learning",
        &[
            "scipy",
            "transformers",
            "polars",
            "matplotlib",
            "catboost",
            "onnxruntime",
            "numba",
            "pandas",
            "scikit-learn",
            "xgboost-cpu",
            "lightgbm",
        ],
        "import scipy, transformers, polars, catboost, onnxruntime, numba, sklearn",
    ),
    environment("environment-tensorflow", &["tensorflow-cpu"], "import tensorflow"),
];

pub(crate) fn cases() -> Vec<Case> {
    let chosen = ALWAYS.iter().chain(FULL.iter().filter(|_| is_full()));
    let way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);
    chosen.flat_map(|environment| scenario(environment.name, [way], same_environment)).collect()
}

/// Prints the paths in the environment, sorted: path, mode, and content or target.
const LIST: &str = r#"
import hashlib, os, stat
for folder, folders, files in os.walk("/opt/venv"):
    for name in sorted(folders + files):
        path = os.path.join(folder, name)
        info = os.lstat(path)
        if stat.S_ISLNK(info.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(info.st_mode):
            with open(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
        else:
            content = "folder"
        print(path[len("/opt/venv/"):], oct(info.st_mode), content, sep="\t")
"#;

fn same_environment(context: &Context<'_>) {
    let environment = ALWAYS.iter().chain(&FULL).find(|environment| environment.name == context.scenario);
    let Environment { packages, program, .. } = environment.expect("a known environment");
    let base = "base_image: python:3.11-slim\npython_version: \"3.11\"\n";
    let packages: Vec<String> = packages.iter().map(|name| format!("\"{name}\"")).collect();
    context.space.write("spec.yaml", &format!("{base}packages: [{}]\n", packages.join(", ")));
    context.build().ours("lock", context.world.lab.address(context.way.daemon)).ok();
    let (built, image) = context.build().image();
    let steps = built.status.steps().filter(|step| step.name.starts_with("[pip]")).count();
    assert!(steps > 3, "it is cut into groups");
    image.uv_pip_check().expect_code(0);
    assert_eq!(image.output_of("python", &["-c", &format!("{program}; print('ok')")]), "ok");
    // Imports write no bytecode, so the list contains only installed files.
    let grouped = files(&image.exec("python", &["-I", "-B", "-c", LIST]).expect_code(0).out());

    // Commands add pip, which is not compared.
    context.space.write(
        "once.yaml",
        &format!(
            "{base}copy: [pylock.spec-amd64.toml]\ncommands:\n  \
             - uv pip uninstall --python /opt/venv/bin/python pip\n  \
             - export UV_COMPILE_BYTECODE=1 PYC_INVALIDATION_MODE=CHECKED_HASH\n  \
             - uv pip install --python /opt/venv/bin/python --preview-features pylock --no-deps \
             -r /root/pylock.spec-amd64.toml\n"
        ),
    );
    let (_, once) = context.build().spec("once.yaml").image();
    image.discard();
    let mut at_once = files(&once.exec("python", &["-I", "-B", "-c", LIST]).expect_code(0).out());
    once.discard();
    // uv's empty lock file, which our steps remove.
    at_once.remove(".lock");

    let differences: Vec<String> = grouped
        .iter()
        .filter(|(path, what)| at_once.get(*path) != Some(what))
        .map(|(path, what)| format!("{path}: {what} in groups, {:?} at once", at_once.get(path)))
        .chain(at_once.keys().filter(|path| !grouped.contains_key(*path)).map(|path| format!("{path}: at once only")))
        .collect();
    assert!(grouped.len() > 1000, "{} files", grouped.len());
    assert!(
        differences.is_empty(),
        "{} of {} files differ:\n{}",
        differences.len(),
        grouped.len(),
        differences.join("\n")
    );
}

/// The properties of each path.
fn files(listed: &str) -> BTreeMap<String, String> {
    let lines = listed.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(path, what)| (path.to_owned(), what.to_owned())).collect()
}
