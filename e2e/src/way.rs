//! Ways to build: the combinations of daemons and entrances.
//!
//! `build` implements them.

use std::fmt;

/// A daemon of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Daemon {
    /// Standalone buildkitd, the current release.
    Buildkitd,
    /// Docker Engine 28 with the containerd image store.
    Containerd,
    /// Docker Engine 28 with the classic image store: no merge, no diff.
    Classic,
    /// Docker Engine 20.10, the floor: no merge, no diff, no secret variables.
    Engine2010,
}

/// The client through which a build is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entrance {
    /// `buildctl build --frontend gateway.v0 --opt source=<frontend image>`.
    Buildctl,
    /// `docker build` or `docker buildx build` of a spec that begins with `# syntax=<frontend image>`.
    Docker,
    /// `imagespec build`.
    Imagespec,
    /// `imagespec compile --format pb | buildctl build`.
    Compile,
}

/// A daemon with an entrance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// The daemon.
    pub daemon: Daemon,
    /// The entrance.
    pub entrance: Entrance,
}

/// All supported ways, in the order of the matrix.
pub const ALL: [Way; 10] = [
    Way::new(Daemon::Buildkitd, Entrance::Buildctl),
    Way::new(Daemon::Buildkitd, Entrance::Docker),
    Way::new(Daemon::Buildkitd, Entrance::Imagespec),
    Way::new(Daemon::Buildkitd, Entrance::Compile),
    Way::new(Daemon::Containerd, Entrance::Docker),
    Way::new(Daemon::Containerd, Entrance::Imagespec),
    Way::new(Daemon::Classic, Entrance::Docker),
    Way::new(Daemon::Classic, Entrance::Imagespec),
    Way::new(Daemon::Engine2010, Entrance::Docker),
    Way::new(Daemon::Engine2010, Entrance::Imagespec),
];

/// Every daemon once, with different entrances: for behavior that depends on the daemon.
pub const EACH_DAEMON: [Way; 4] = [
    Way::new(Daemon::Buildkitd, Entrance::Imagespec),
    Way::new(Daemon::Containerd, Entrance::Docker),
    Way::new(Daemon::Classic, Entrance::Imagespec),
    Way::new(Daemon::Engine2010, Entrance::Docker),
];

/// Every daemon with our own command line.
pub const IMAGESPEC: [Way; 4] = [
    Way::new(Daemon::Buildkitd, Entrance::Imagespec),
    Way::new(Daemon::Containerd, Entrance::Imagespec),
    Way::new(Daemon::Classic, Entrance::Imagespec),
    Way::new(Daemon::Engine2010, Entrance::Imagespec),
];

impl Way {
    /// Creates a way.
    #[must_use]
    pub const fn new(daemon: Daemon, entrance: Entrance) -> Self {
        Self { daemon, entrance }
    }
}

impl Daemon {
    /// Whether it is a Docker Engine, which stores images itself.
    #[must_use]
    pub fn is_engine(self) -> bool {
        self != Self::Buildkitd
    }

    /// Whether branches are merged; otherwise the steps form a chain.
    #[must_use]
    pub fn merges(self) -> bool {
        matches!(self, Self::Buildkitd | Self::Containerd)
    }

    /// Whether files of a build may disappear while an image is deleted or its name is given to another image. Then a step runs again in
    /// the next build, or a layer cannot be unpacked (`parent snapshot … does not exist`). Engine 28.5 with the containerd store does
    /// this, because deleting an image removes all content that belongs to no image: steps ran again in 6 of 48 pairs of builds, three at
    /// a time. No other daemon of the lab has done it.
    #[must_use]
    pub fn loses_results(self) -> bool {
        self == Self::Containerd
    }
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Buildkitd => "buildkitd",
            Self::Containerd => "engine-containerd",
            Self::Classic => "engine-classic",
            Self::Engine2010 => "engine-20.10",
        })
    }
}

impl fmt::Display for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Buildctl => "buildctl",
            Self::Docker => "docker",
            Self::Imagespec => "imagespec",
            Self::Compile => "compile",
        })
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.daemon, self.entrance)
    }
}
