//! CUDA: the NVIDIA image of a release, and the packages that install a release on other images.
//!
//! The table is from the tags that NVIDIA lists (`gitlab.com/nvidia/container-images/cuda`, `doc/supported-tags.md`) and the cuDNN
//! release in each image's Dockerfile. Whether an image still exists is not checked here.

use crate::env::Env;

/// A release of CUDA for which NVIDIA has images.
struct Release {
    /// `major.minor.patch`.
    version: &'static str,
    /// The name of cuDNN in the tag, and its release; `None` if no image includes it.
    cudnn: Option<(&'static str, &'static str)>,
    /// The Ubuntu release of the image: the newest that most Python wheels and drivers are tested with.
    ubuntu: &'static str,
}

const fn release(
    version: &'static str,
    cudnn: &'static str,
    cudnn_version: &'static str,
    ubuntu: &'static str,
) -> Release {
    Release { version, cudnn: Some((cudnn, cudnn_version)), ubuntu }
}

/// Oldest first.
static RELEASES: &[Release] = &[
    release("11.4.3", "cudnn8", "8.2.4", "20.04"),
    release("11.5.2", "cudnn8", "8.3.3", "20.04"),
    release("11.6.2", "cudnn8", "8.4.0", "20.04"),
    release("11.7.1", "cudnn8", "8.5.0", "22.04"),
    release("11.8.0", "cudnn8", "8.9.6", "22.04"),
    release("12.0.1", "cudnn8", "8.8.0", "22.04"),
    release("12.1.0", "cudnn8", "8.9.0", "22.04"),
    release("12.1.1", "cudnn8", "8.9.0", "22.04"),
    release("12.2.2", "cudnn8", "8.9.6", "22.04"),
    release("12.3.2", "cudnn9", "9.0.0", "22.04"),
    release("12.4.1", "cudnn", "9.1.0", "22.04"),
    release("12.5.1", "cudnn", "9.2.1", "22.04"),
    release("12.6.3", "cudnn", "9.5.1", "22.04"),
    release("12.8.1", "cudnn", "9.8.0", "22.04"),
    release("12.9.1", "cudnn", "9.10.2", "22.04"),
    release("13.0.2", "cudnn", "9.14.0", "22.04"),
    Release { version: "13.1.0", cudnn: None, ubuntu: "22.04" },
];

/// The image with a release of CUDA, and of cuDNN if `cudnn` is given.
///
/// # Errors
/// There is no such image; the text lists the releases that have images.
pub(crate) fn image(cuda: &str, cudnn: Option<&str>) -> Result<String, String> {
    let mut fitting = RELEASES.iter().rev().filter(|release| begins(release.version, cuda)).peekable();
    if fitting.peek().is_none() {
        let known: Vec<&str> = RELEASES.iter().map(|release| release.version).collect();
        return Err(format!("images exist for {}", known.join(", ")));
    }
    let Some(cudnn) = cudnn else {
        let release = fitting.next().map(|release| (release.version, release.ubuntu)).unwrap_or_default();
        return Ok(format!("nvidia/cuda:{}-runtime-ubuntu{}", release.0, release.1));
    };
    let mut seen = Vec::new();
    for release in fitting {
        let Some((infix, version)) = release.cudnn else { continue };
        if begins(version, cudnn) {
            return Ok(format!("nvidia/cuda:{}-{infix}-runtime-ubuntu{}", release.version, release.ubuntu));
        }
        seen.push(format!("{} with cuDNN {version}", release.version));
    }
    Err(if seen.is_empty() {
        "the images of this release have no cuDNN".to_owned()
    } else {
        format!("images exist for {}", seen.join(", "))
    })
}

/// The requirement lines that install a release on any image with Python, each with the name of its distribution. `cuda-toolkit`
/// is NVIDIA's own list of the packages of a release.
pub(crate) fn wheels(cuda: &str, cudnn: Option<&str>) -> Vec<(&'static str, String)> {
    let major = cuda.split('.').next().unwrap_or_default();
    let exactly = |version: &str, parts: usize| match version.split('.').count() {
        count if count >= parts => format!("=={version}"),
        _ => format!("=={version}.*"),
    };
    let toolkit =
        format!("cuda-toolkit[cublas,cudart,cufft,curand,cusolver,cusparse,nvjitlink,nvrtc]{}", exactly(cuda, 3));
    let cudnn = cudnn.map(|version| {
        let name = match major {
            "11" => "nvidia-cudnn-cu11",
            "12" => "nvidia-cudnn-cu12",
            _ => "nvidia-cudnn-cu13",
        };
        // A cuDNN version with four numbers is complete.
        (name, format!("{name}{}", exactly(version, 4)))
    });
    [("cuda-toolkit", toolkit)].into_iter().chain(cudnn).collect()
}

/// The folders in which those wheels install their libraries, relative to `site-packages`.
pub(crate) fn library_folders(cuda: &str, cudnn: bool) -> Vec<String> {
    let major: u32 = cuda.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default();
    let mut folders: Vec<String> = if major >= 13 {
        vec![format!("nvidia/cu{major}/lib")]
    } else {
        let parts = ["cublas", "cuda_nvrtc", "cuda_runtime", "cufft", "curand", "cusolver", "cusparse", "nvjitlink"];
        parts.map(|part| format!("nvidia/{part}/lib")).to_vec()
    };
    if cudnn {
        folders.push("nvidia/cudnn/lib".to_owned());
    }
    folders
}

/// The conda packages that install a release (conda-forge's names).
pub(crate) fn conda_packages(cuda: &str, cudnn: Option<&str>) -> Vec<String> {
    let minor: Vec<&str> = cuda.split('.').take(2).collect();
    let minor = minor.join(".");
    let runtime = if cuda.starts_with("11.") { format!("cudatoolkit={minor}") } else { "cuda-runtime".to_owned() };
    let cudnn = cudnn.map(|version| format!("cudnn={version}"));
    [format!("cuda-version={minor}"), runtime].into_iter().chain(cudnn).collect()
}

/// Whether an image with this environment includes CUDA (NVIDIA's images set both variables).
pub(crate) fn is_in(env: &Env) -> bool {
    env.get("CUDA_VERSION").or(env.get("NVIDIA_REQUIRE_CUDA")).is_some()
}

/// Whether a version equals the requested one, or starts with it.
fn begins(version: &str, asked: &str) -> bool {
    version.strip_prefix(asked).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images() {
        assert_eq!(image("12.4", None).as_deref(), Ok("nvidia/cuda:12.4.1-runtime-ubuntu22.04"));
        assert_eq!(image("12.1", Some("8")).as_deref(), Ok("nvidia/cuda:12.1.1-cudnn8-runtime-ubuntu22.04"));
        assert_eq!(image("11.8", Some("8.9")).as_deref(), Ok("nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04"));
        assert_eq!(image("12.3", Some("9")).as_deref(), Ok("nvidia/cuda:12.3.2-cudnn9-runtime-ubuntu22.04"));
        assert_eq!(image("13.1", Some("9")), Err("the images of this release have no cuDNN".to_owned()));
        assert_eq!(image("12.4", Some("8")), Err("images exist for 12.4.1 with cuDNN 9.1.0".to_owned()));
        assert!(image("12.7", None).is_err());
    }

    #[test]
    fn wheels_of_a_release() {
        let lines = |cuda, cudnn| wheels(cuda, cudnn).into_iter().map(|(_, line)| line).collect::<Vec<_>>();
        let toolkit = "cuda-toolkit[cublas,cudart,cufft,curand,cusolver,cusparse,nvjitlink,nvrtc]";
        assert_eq!(lines("12.4", Some("9")), [format!("{toolkit}==12.4.*"), "nvidia-cudnn-cu12==9.*".to_owned()]);
        assert_eq!(lines("12.4.1", None), [format!("{toolkit}==12.4.1")]);
        assert_eq!(lines("13.0", Some("9.14"))[1], "nvidia-cudnn-cu13==9.14.*");
    }
}
