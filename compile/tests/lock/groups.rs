//! Groups of real locks, and the content of a group's files.

use imagespec_compile::group::{Budget, Group, GroupKind, MAX_LAYERS, Obstacle, group};
use imagespec_compile::lock::{Artifact, select};

use crate::locks::{NAMES, debian, lock, read};

fn groups(name: &str, budget: &Budget) -> Vec<Group> {
    group(&select(&lock(name), debian()).expect("the lock fits"), budget)
}

fn of_text(body: &str) -> Vec<Group> {
    let lock = read(&format!("lock-version = '1.0'\n{body}"));
    group(&select(&lock, debian()).expect("the lock fits"), &Budget::default())
}

#[test]
fn heavy_wheels_are_alone_and_small_ones_in_buckets() {
    let groups = groups("data", &Budget::default());
    let titles: Vec<String> = groups.iter().map(Group::title).collect();
    let alone = groups.iter().filter(|group| group.kind == GroupKind::Wheel);
    let alone: Vec<&str> = alone.map(|group| group.id.as_str()).collect();
    let expect = ["fonttools", "matplotlib", "numpy", "pandas", "pillow", "pyarrow", "scikit-learn", "scipy"];
    assert_eq!(alone, expect.map(|name| format!("wheel:{name}")));
    assert_eq!(titles[..expect.len()], expect);
    assert!(groups.iter().all(|group| group.kind == GroupKind::Wheel || group.bytes() < 20_000_000));
}

#[test]
fn titles_count_packages_that_they_do_not_name() {
    let one = &groups("small", &Budget::new(2))[0];
    assert_eq!((one.id.as_str(), one.title().as_str()), ("small-00", "10 small packages, annotated-types to urllib3"));
    let few = groups("ml", &Budget::new(4));
    let heavy = few.iter().find(|group| group.kind == GroupKind::Heavy).expect("heavy ones past the budget");
    assert!(heavy.title().starts_with(&format!("{} large packages, ", heavy.members.len())), "{}", heavy.title());
    let titles: std::collections::BTreeSet<String> = few.iter().map(Group::title).collect();
    assert_eq!(titles.len(), few.len(), "titles are unique: {titles:?}");
}

#[test]
fn packages_that_cannot_be_grouped_are_last() {
    let groups = groups("notebooks", &Budget::default());
    let tail = groups.last().expect("groups");
    assert_eq!((tail.kind, tail.title().as_str()), (GroupKind::Tail, "pyspark"));
    assert_eq!(tail.members[0].obstacle, Some(Obstacle::Build));
    assert!(groups.iter().rev().skip(1).all(|group| group.kind != GroupKind::Tail));

    let groups = of_text(
        "[[packages]]\nname = 'weak'\nversion = '1'\nwheels = [{ url = 'https://x/weak-1-py3-none-any.whl', hashes = { md5 = '00' } }]\n\
         [[packages]]\nname = 'local'\nversion = '1'\nwheels = [{ path = 'w/local-1-py3-none-any.whl', hashes = { sha256 = '00' } }]\n\
         [[packages]]\nname = 'direct'\narchive = { url = 'https://x/direct-1-py3-none-any.whl', hashes = { sha256 = '00' } }\n\
         [[packages]]\nname = 'checkout'\nvcs = { type = 'git', url = 'https://x/y.git', commit-id = '01' }\n",
    );
    let obstacles: Vec<_> = groups.iter().flat_map(|group| &group.members).collect();
    let obstacles: Vec<_> = obstacles.iter().map(|member| (member.name.as_str(), member.obstacle)).collect();
    assert_eq!(
        obstacles,
        [
            ("direct", None),
            ("weak", Some(Obstacle::NoHash)),
            ("checkout", Some(Obstacle::Build)),
            ("local", Some(Obstacle::Local))
        ]
    );
}

#[test]
fn an_exported_project_is_built_and_its_packages_are_grouped() {
    let groups = groups("export", &Budget::new(2));
    let [packages, tail] = groups.as_slice() else { panic!("two groups: {groups:?}") };
    let names: Vec<&str> = packages.members.iter().map(|member| member.name.as_str()).collect();
    // The lock's packages for Windows and for older Python versions are left out.
    assert_eq!(names, ["idna", "iniconfig", "markdown-it-py", "mdurl", "pygments", "rich"]);
    assert_eq!(tail.title(), "a-project");
    assert_eq!(
        tail.lock,
        "lock-version = \"1.0\"\ncreated-by = \"imagespec\"\n\n[[packages]]\nname = \"a-project\"\n\
         directory = { path = \".\", editable = true }\n"
    );
    assert!(tail.config.is_empty() && !tail.arguments("/f").contains(&"--no-build".to_owned()));
}

#[test]
fn each_group_has_its_own_lock() {
    let groups = of_text(
        "[[packages]]\nname = 'a'\nversion = '1.0'\nmarker = \"os_name == 'posix'\"\nwheels = [\n\
         { url = 'https://files.pythonhosted.org/packages/a-1.0-cp311-cp311-win_amd64.whl', hashes = { sha256 = '01' } },\n\
         { url = 'https://files.pythonhosted.org/packages/a-1.0-py3-none-any.whl', size = 8000000, hashes = { sha256 = '00' } }]\n\
         sdist = { url = 'https://files.pythonhosted.org/packages/a-1.0.tar.gz', hashes = { sha256 = '02' } }\n",
    );
    let [one] = groups.as_slice() else { panic!("one group") };
    assert_eq!(
        one.lock,
        "lock-version = \"1.0\"\ncreated-by = \"imagespec\"\n\n[[packages]]\nname = \"a\"\nversion = \"1.0\"\n\
         index = \"https://pypi.org/simple\"\n\
         wheels = [{ url = \"https://files.pythonhosted.org/packages/a-1.0-py3-none-any.whl#sha256=00\", hashes = { sha256 = \"00\" } }]\n"
    );
    assert_eq!(
        one.config,
        "[[index]]\nname = \"lock-0\"\nurl = \"https://pypi.org/simple\"\nexplicit = true\n\
         cache-control = { api = \"max-age=600\", files = \"max-age=31536000, immutable\" }\n"
    );
    assert_eq!(
        one.arguments("/f"),
        [
            "--preview-features",
            "pylock",
            "--config-file",
            "/f/uv.toml",
            "--no-deps",
            "-r",
            "/f/pylock.toml",
            "--no-build"
        ]
    );
}

#[test]
fn files_are_cached_by_their_index() {
    let package = |name: &str, rest: &str, url: &str| {
        format!(
            "[[packages]]\nname = '{name}'\nversion = '1'\n{rest}wheels = [{{ url = '{url}/{name}-1-py3-none-any.whl', hashes = {{ sha256 = '00' }} }}]\n"
        )
    };
    let lock = read(&format!(
        "lock-version = '1.0'\n{}{}",
        package("a", "", "http://10.0.0.1:80/packages"),
        package("b", "index = 'https://corp/simple'\n", "https://cdn/x")
    ));
    let groups = group(&select(&lock, debian()).expect("the lock fits"), &Budget::new(2));
    assert!(
        groups[0].lock.contains("index = \"http://10.0.0.1:80/\"\n")
            && groups[0].lock.contains("index = \"https://corp/simple\"\n")
    );
    assert_eq!(groups[0].config.matches("explicit = true").count(), 2);
    assert_eq!(groups[0].config.matches("name = \"lock-1\"").count(), 1);
}

#[test]
fn group_locks_can_be_parsed() {
    for name in NAMES {
        for one in groups(name, &Budget::default()) {
            let lock = read(&one.lock);
            let selected = select(&lock, debian()).expect("it fits");
            let names: Vec<_> = selected.iter().map(|one| (&one.package.name, &one.package.version)).collect();
            assert_eq!(names, one.members.iter().map(|member| (&member.name, &member.version)).collect::<Vec<_>>());
            for (selected, member) in selected.iter().zip(&one.members) {
                if let Artifact::Wheel(wheel) = selected.artifact {
                    assert_eq!(wheel.file.hashes, member.hashes);
                }
            }
        }
    }
}

#[test]
fn special_characters_are_escaped() {
    let groups =
        of_text("[[packages]]\nname = 'a'\nvcs = { type = 'git', path = \"a\\\"\\u007f\\n] b\", commit-id = '01' }\n");
    let read = read(&groups[0].lock);
    let vcs = read.packages[0].vcs.as_ref().expect("a checkout");
    assert_eq!(vcs.place, imagespec_compile::lock::Place::Path("a\"\u{7f}\n] b".to_owned()));
}

#[test]
fn budgets_are_limited() {
    for layers in 0..200 {
        for buckets in [None, Some(0), Some(1), Some(8), Some(1000)] {
            let budget = Budget::new(layers);
            let budget = match buckets {
                Some(buckets) => budget.with_small_buckets(buckets),
                None => budget,
            };
            assert_eq!(budget.layers(), layers.clamp(2, MAX_LAYERS), "{budget:?}");
            assert!(budget.small_buckets() > 0);
        }
    }
    let default = Budget::default();
    let buckets = (default.heavy_buckets(), default.medium_buckets(), default.small_buckets());
    assert_eq!((default.alone(), buckets), (16, (3, 3, 7)));
}

#[test]
fn packages_set_apart_come_last_and_alone() {
    let apart: std::collections::BTreeSet<_> =
        ["numpy", "idna"].into_iter().filter_map(imagespec::PackageName::new).collect();
    let all = groups("data", &Budget::default().with_apart(apart.clone()));
    let ids: Vec<&str> = all.iter().map(|group| group.id.as_str()).collect();
    let last: Vec<&str> =
        apart.iter().map(|name| name.as_str()).filter(|name| ids.contains(&format!("apart:{name}").as_str())).collect();
    assert!(last.contains(&"numpy"), "{ids:?}");
    assert!(
        ids.ends_with(
            &last
                .iter()
                .map(|name| format!("apart:{name}"))
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
        ),
        "{ids:?}"
    );
    assert!(!ids.contains(&"wheel:numpy"));
}

#[test]
fn a_small_lock_is_one_group_and_a_tail() {
    let ids = |groups: Vec<Group>| groups.into_iter().map(|group| group.id).collect::<Vec<_>>();
    assert_eq!(ids(groups("small", &Budget::all_wheels())), ["wheels"]);
    assert_eq!(ids(groups("notebooks", &Budget::all_wheels())), ["wheels", "tail:pyspark"]);
    let [all] = groups("notebooks", &Budget::single_group()).try_into().expect("one group");
    assert_eq!((all.id.as_str(), all.is_built()), ("all", true));
}
