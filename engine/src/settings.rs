//! The settings that Flytekit reads from the environment: when to build and push images, and which image the program runs in.

use imagespec::ImageSpec;

use imagespec_driver::Variables;

/// If true, existing images are built again.
const FORCE: &str = "FLYTE_FORCE_PUSH_IMAGE_SPEC";
/// If true, the build fails when it is unknown whether an image exists.
const FAIL_FAST: &str = "FLYTE_IMG_FAST_FAIL";
/// If set to a value other than `true` or `1`, nothing is pushed.
const PUSH: &str = "FLYTE_PUSH_IMAGE_SPEC";
/// The spec id, which images for Flytekit contain.
const IMAGE_ID: &str = "_F_IMG_ID";
/// Set while Flyte runs a task.
const EXECUTION: &str = "FLYTE_INTERNAL_EXECUTION_ID";

/// The engine's settings. By default missing images are built and pushed, and no environment is used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Existing images are built again, each once (`FLYTE_FORCE_PUSH_IMAGE_SPEC`).
    pub force: bool,
    /// A build fails if it is unknown whether its image exists (`FLYTE_IMG_FAST_FAIL`).
    pub fail_fast: bool,
    /// Images of specs with a registry are pushed (`FLYTE_PUSH_IMAGE_SPEC`).
    pub push: bool,
    /// The spec id of the image that this program runs in, if the image has one (`_F_IMG_ID`).
    pub image_id: Option<String>,
    /// Whether this program runs as a Flyte task (`FLYTE_INTERNAL_EXECUTION_ID`).
    pub is_execution: bool,
    /// The environment variables, which builders read for credentials, proxies and secrets.
    pub variables: Variables,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            force: false,
            fail_fast: false,
            push: true,
            image_id: None,
            is_execution: false,
            variables: Variables::default(),
        }
    }
}

impl Settings {
    /// Reads the settings from environment variables, like Flytekit.
    ///
    /// ```
    /// use imagespec_engine::{Settings, Variables};
    ///
    /// let variables = Variables::new(|name| (name == "FLYTE_IMG_FAST_FAIL").then(|| "no".into()));
    /// assert!(!Settings::from_variables(variables).fail_fast);
    /// ```
    #[must_use]
    pub fn from_variables(variables: Variables) -> Self {
        let text = |name: &str| variables.get(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            force: text(FORCE).is_some_and(|value| is_true(&value)),
            fail_fast: text(FAIL_FAST).is_some_and(|value| is_true(&value)),
            push: text(PUSH).is_none_or(|value| matches!(value.to_lowercase().as_str(), "true" | "1")),
            image_id: text(IMAGE_ID),
            is_execution: variables.get(EXECUTION).is_some(),
            variables,
        }
    }

    /// Whether this program runs in the image of a spec. Without a spec id in the environment, the answer is yes unless Flyte
    /// runs a task: like Flytekit, this assumes that a developer's machine has everything the spec installs.
    ///
    /// ```
    /// use imagespec::ImageSpec;
    /// use imagespec_engine::{Settings, Variables};
    ///
    /// # fn main() -> Result<(), imagespec::Invalid> {
    /// let spec = ImageSpec::named("train")?.with_packages(["numpy"])?;
    /// assert!(Settings::default().is_container(&spec));
    /// let id = spec.id();
    /// let inside = Settings::from_variables(Variables::new(move |name| (name == "_F_IMG_ID").then(|| id.clone().into())));
    /// assert!(inside.is_container(&spec));
    /// assert!(!inside.is_container(&spec.with_packages(["pandas"])?));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn is_container(&self, spec: &ImageSpec) -> bool {
        match &self.image_id {
            Some(id) => *id == spec.id(),
            None => !self.is_execution,
        }
    }
}

/// Every value except these four is true, including the empty string (Flytekit: `clis/helpers.py`, `str2bool`).
fn is_true(value: &str) -> bool {
    !matches!(value.to_lowercase().as_str(), "false" | "0" | "off" | "no")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> Settings {
        Settings::from_variables(Variables::new(move |asked| (asked == name).then(|| value.into())))
    }

    #[test]
    fn nothing_is_set() {
        let Settings { force, fail_fast, push, image_id, is_execution, variables: _ } =
            Settings::from_variables(Variables::default());
        assert_eq!((force, fail_fast, push, image_id, is_execution), (false, false, true, None, false));
    }

    #[test]
    fn values_are_read_like_flytekit() {
        for value in ["false", "FALSE", "0", "off", "Off", "no", "NO"] {
            assert!(!with(FAIL_FAST, value).fail_fast && !with(FORCE, value).force, "{value}");
        }
        for value in ["true", "1", "yes", "on", "", " false", "n"] {
            assert!(with(FAIL_FAST, value).fail_fast && with(FORCE, value).force, "{value}");
        }
        for value in ["true", "TRUE", "1"] {
            assert!(with(PUSH, value).push, "{value}");
        }
        for value in ["false", "yes", "on", "", "0", "true "] {
            assert!(!with(PUSH, value).push, "{value}");
        }
    }

    #[test]
    fn an_execution_in_a_different_image() {
        let spec = ImageSpec::default();
        assert!(!with(EXECUTION, "f1").is_container(&spec));
        assert!(!with(IMAGE_ID, "").is_container(&spec));
    }
}
