//! The sources of a build's files: the main context, the spec's location, named contexts, ignore files
//! (`moby/buildkit: frontend/dockerui/context.go`, `namedcontext.go`).
//!
//! Only describes: everything here is a pure function of opts. Graphs are made and solved by the caller.

mod archive;
mod git;
mod ignore;
mod named;

pub use archive::{ARCHIVE_PROBE, is_archive};
pub use git::{GitMtime, GitRef, GitRefError, parse_git_ref};
pub use ignore::{IGNORE_FILE, IgnoreFile};
pub use named::{NamedContext, NamedContextError, NamedSource, named_context, named_source};

use buildkit_proto::keys::local;

use crate::options::BuildOptions;

/// The local of the main context, unless the client renames it.
pub const CONTEXT_LOCAL: &str = local::CONTEXT;
/// The local of the spec, unless `dockerfilekey` names another.
pub const SPEC_LOCAL: &str = local::DOCKERFILE;
/// The file an http context is stored as.
pub const HTTP_CONTEXT_FILE: &str = "context";

/// A tree of files to build from.
///
/// ```
/// use buildkit_gateway::BuildOptions;
/// use buildkit_gateway::contexts::{ContextSource, main_context};
///
/// let opts = [("context".to_owned(), "https://example.com/app.git#v1".to_owned())].into();
/// let options = BuildOptions::new(opts, String::new(), Vec::new(), String::new()).expect("possible");
/// let main = main_context(&options, |_input| false)?;
/// assert!(matches!(main.context, ContextSource::Git(git) if git.reference == "v1"));
/// # Ok::<(), buildkit_gateway::contexts::GitRefError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContextSource {
    /// A directory the client serves, under this name.
    Local {
        /// Its name.
        name: String,
    },
    /// A git repository.
    Git(GitRef),
    /// One file from the web, stored as [`HTTP_CONTEXT_FILE`]. Only the daemon can fetch it.
    Http {
        /// Its URL; may hold credentials.
        url: String,
    },
    /// A graph attached to the build, under this key of [`Bridge::inputs`](crate::Bridge::inputs).
    Input {
        /// Its key.
        key: String,
    },
}

/// The main context and the spec's place.
///
/// ```
/// use buildkit_gateway::BuildOptions;
/// use buildkit_gateway::contexts::{ContextSource, main_context};
///
/// let main = main_context(&BuildOptions::default(), |_input| false)?;
/// assert_eq!(main.context, ContextSource::Local { name: "context".into() });
/// # Ok::<(), buildkit_gateway::contexts::GitRefError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MainContext {
    /// Where files come from. An [`ContextSource::Http`] one may be an archive to unpack: read its first
    /// [`ARCHIVE_PROBE`] bytes and ask [`is_archive`]; if it is none, that file is the spec.
    pub context: ContextSource,
    /// Where the spec is.
    pub spec: ContextSource,
    /// A folder of the context to use instead of its root (contents only); never for a local one.
    pub subdir: Option<String>,
}

impl MainContext {
    /// Whether context and spec are one tree, to be loaded once.
    #[must_use]
    pub fn spec_is_in_context(&self) -> bool {
        self.context == self.spec
    }
}

/// Finds the main context: git URL, http URL, inputs, locals, in that order.
///
/// `has_input` returns whether an input of that name is attached; it is not called for remote contexts.
/// A spec named by `dockerfilekey` is always the client's.
///
/// # Errors
/// If the context is a git URL that contradicts itself.
pub fn main_context(options: &BuildOptions, has_input: impl Fn(&str) -> bool) -> Result<MainContext, GitRefError> {
    let spec_local = options.dockerfile_key.as_deref().unwrap_or(SPEC_LOCAL);
    let local_spec = || ContextSource::Local { name: spec_local.to_owned() };
    let remote = options.context.as_deref().map(remote_context).transpose()?.flatten();
    let (context, spec) = match remote {
        Some(remote) => (remote.clone(), remote),
        None => {
            let input = |key: &str| has_input(key).then(|| ContextSource::Input { key: key.to_owned() });
            let context =
                input(CONTEXT_LOCAL).unwrap_or_else(|| ContextSource::Local { name: CONTEXT_LOCAL.to_owned() });
            (context, input(spec_local).unwrap_or_else(local_spec))
        }
    };
    let is_local = matches!(context, ContextSource::Local { .. });
    Ok(MainContext {
        spec: if options.dockerfile_key.is_some() { local_spec() } else { spec },
        subdir: options.context_subdir.clone().filter(|_| !is_local),
        context,
    })
}

/// A git or http(s) URL; anything else is not a remote context.
fn remote_context(text: &str) -> Result<Option<ContextSource>, GitRefError> {
    if let Some(git) = parse_git_ref(text)? {
        return Ok(Some(ContextSource::Git(git)));
    }
    let is_http = text.starts_with("http://") || text.starts_with("https://");
    Ok(is_http.then(|| ContextSource::Http { url: text.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(opts: &[(&str, &str)]) -> BuildOptions {
        let opts = opts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        BuildOptions::new(opts, String::new(), Vec::new(), String::new()).unwrap()
    }

    fn local(name: &str) -> ContextSource {
        ContextSource::Local { name: name.into() }
    }

    #[test]
    fn without_opts_both_are_locals() {
        let main = main_context(&options(&[("contextsubdir", "x")]), |_| false).unwrap();
        assert_eq!(main, MainContext { context: local("context"), spec: local("dockerfile"), subdir: None });
    }

    #[test]
    fn a_remote_context_holds_the_spec_too() {
        let main =
            main_context(&options(&[("context", "https://h/x.git#v1"), ("contextsubdir", "x")]), |_| true).unwrap();
        assert!(main.spec_is_in_context());
        assert!(matches!(&main.context, ContextSource::Git(git) if git.reference == "v1"));
        assert_eq!(main.subdir.as_deref(), Some("x"));
        let main = main_context(&options(&[("context", "http://buildkit-session/1")]), |_| true).unwrap();
        assert_eq!(main.context, ContextSource::Http { url: "http://buildkit-session/1".into() });
        assert!(main.spec_is_in_context());
    }

    #[test]
    fn dockerfilekey_forces_the_clients_spec() {
        for context in ["https://h/x.git", ""] {
            let main = main_context(&options(&[("context", context), ("dockerfilekey", "d2")]), |_| true).unwrap();
            assert_eq!(main.spec, local("d2"));
        }
    }

    #[test]
    fn contextkey_names_the_opt_with_the_url() {
        let main = main_context(
            &options(&[("contextkey", "remote"), ("remote", "http://h/f"), ("context", "git://no/no")]),
            |_| false,
        )
        .unwrap();
        assert_eq!(main.context, ContextSource::Http { url: "http://h/f".into() });
        let main = main_context(&options(&[("contextkey", "remote")]), |_| false).unwrap();
        assert_eq!(main.context, local("context"), "the local keeps its name");
    }

    #[test]
    fn inputs_come_before_locals() {
        let input = |key: &str| ContextSource::Input { key: key.into() };
        let main = main_context(&options(&[]), |key| key == "context").unwrap();
        assert_eq!((main.context, main.spec), (input("context"), local("dockerfile")));
        let main = main_context(&options(&[]), |_| true).unwrap();
        assert_eq!((main.context, main.spec), (input("context"), input("dockerfile")));
    }
}
