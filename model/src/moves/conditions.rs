//! When a field moves a kind of work, where that depends on the rest of the spec or on which entry is changed.

use crate::merged::MergedSpec;
use crate::moves::Change;
use crate::variables::{is_proxy, is_read_by_installers};

/// Without a condition.
pub(crate) fn always(_: &Change<'_>) -> bool {
    true
}

/// The image starts from something else.
pub(crate) fn base_differs(change: &Change<'_>) -> bool {
    change.old.base() != change.new.base()
}

/// No base image is named, so NVIDIA's image of the CUDA release is the base.
pub(crate) fn cuda_is_base(change: &Change<'_>) -> bool {
    change.either(MergedSpec::has_cuda_image)
}

/// CUDA is installed over a base image.
pub(crate) fn over_base(change: &Change<'_>) -> bool {
    change.either(MergedSpec::has_cuda_packages)
}

/// CUDA comes as wheels, which are installed although no field lists them.
pub(crate) fn implies_cuda(change: &Change<'_>) -> bool {
    change.either(MergedSpec::implies_cuda)
}

/// CUDA comes as wheels, whose libraries the image's variables name.
pub(crate) fn names_libraries(change: &Change<'_>) -> bool {
    change.either(MergedSpec::has_cuda_wheels)
}

/// There is another kind of environment, or it is built on something else.
pub(crate) fn environment_differs(change: &Change<'_>) -> bool {
    change.differs(MergedSpec::environment)
}

/// There is another kind of environment, or its interpreter names folders in the image's variables.
pub(crate) fn variables_differ(change: &Change<'_>) -> bool {
    environment_differs(change) || names_libraries(change)
}

/// The interpreter may be installed by uv, which reads what other installers read.
pub(crate) fn installs_python(change: &Change<'_>) -> bool {
    environment_differs(change) || change.either(MergedSpec::may_install_python)
}

/// pip is installed for those who call it, and was not before, or the other way around.
pub(crate) fn pip_differs(change: &Change<'_>) -> bool {
    change.differs(MergedSpec::implies_pip)
}

/// The first entry of `runtime_packages` brings a script.
pub(crate) fn entry_differs(change: &Change<'_>) -> bool {
    change.differs(|scope| scope.has(crate::moves::StepKind::Entry))
}

/// The environment belongs to the user for what is added to it later.
pub(crate) fn environment_or_owner_differs(change: &Change<'_>) -> bool {
    environment_differs(change) || change.differs(MergedSpec::gives_environment_away)
}

/// No user is named, so the flavor chooses one.
pub(crate) fn user_is_open(change: &Change<'_>) -> bool {
    change.either(MergedSpec::is_user_open)
}

/// The flavor is `flyte`.
pub(crate) fn is_flyte(change: &Change<'_>) -> bool {
    change.either(MergedSpec::is_flyte)
}

/// The variable names a proxy; apt reads these and no others.
pub(crate) fn is_proxy_variable(change: &Change<'_>) -> bool {
    change.entry.is_none_or(is_proxy)
}

/// Installers read the variable.
pub(crate) fn is_installer_variable(change: &Change<'_>) -> bool {
    change.entry.is_none_or(is_read_by_installers)
}

/// Installers read the variable, or something may be built, which may read any.
pub(crate) fn is_variable_of_builds(change: &Change<'_>) -> bool {
    is_installer_variable(change) || change.either(MergedSpec::may_build)
}

/// The interpreter may be installed by uv, which reads the variable.
pub(crate) fn installs_python_with_variable(change: &Change<'_>) -> bool {
    is_installer_variable(change) && change.either(MergedSpec::may_install_python)
}

/// Login shells read the variable from their start file.
pub(crate) fn is_path_variable(change: &Change<'_>) -> bool {
    change.entry.is_none_or(|name| name == "PATH")
}

/// The file is the key of a repository.
pub(crate) fn is_apt_key(change: &Change<'_>) -> bool {
    change.entry.is_some_and(|path| change.either(|scope| scope.has_apt_key(path)))
}

/// The file is not the key of a repository.
pub(crate) fn is_not_apt_key(change: &Change<'_>) -> bool {
    !is_apt_key(change)
}
