//! The receiver against a daemon that the test plays, both honest and hostile.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;

use super::super::wire::Xattr;
use super::*;

struct Daemon {
    packets: mpsc::UnboundedSender<Result<Packet, Status>>,
    answers: UnboundedReceiverStream<Result<Packet, Status>>,
    outcome: Arc<Mutex<Option<Received>>>,
    tasks: Tasks,
}

impl Daemon {
    fn exporting_to(destination: &Path) -> Self {
        let (packets, inbound) = mpsc::unbounded_channel();
        let tasks = Tasks::default();
        let outcome = Arc::new(Mutex::new(None));
        let done = Arc::clone(&outcome);
        let failure = WriteFailure::default();
        let inbound = UnboundedReceiverStream::new(inbound);
        let answers = receive(
            destination.to_owned(),
            inbound,
            &tasks,
            move |received| *done.lock().unwrap() = Some(received),
            failure,
        );
        Self { packets, answers, outcome, tasks }
    }

    fn send(&self, packet: Packet) {
        self.packets.send(Ok(packet)).unwrap();
    }

    async fn next(&mut self) -> Option<Result<Packet, Status>> {
        tokio::time::timeout(Duration::from_secs(20), self.answers.next()).await.expect("the receiver to go on")
    }

    async fn expect(&mut self, packet: Packet) {
        assert_eq!(self.next().await.unwrap().unwrap(), packet);
    }

    /// Sends a whole tree as an honest daemon would.
    async fn export(mut self, entries: Vec<(Stat, &[u8])>) -> Received {
        let mut wanted = Vec::new();
        for (id, (stat, content)) in (0_u32..).zip(entries) {
            if mode::has_content(stat.mode) && stat.linkname.is_empty() {
                wanted.push((id, Bytes::copy_from_slice(content)));
            }
            self.send(Packet::stat(stat));
        }
        self.send(Packet::end_of_stats());
        for (id, content) in wanted {
            self.expect(Packet::request(id)).await;
            for chunk in content.chunks(3) {
                self.send(Packet::data(id, Bytes::copy_from_slice(chunk)));
            }
            self.send(Packet::data(id, Bytes::new()));
        }
        self.expect(Packet::finish()).await;
        self.send(Packet::finish());
        assert!(self.next().await.is_none(), "the call ends after both have finished");
        self.outcome.lock().unwrap().expect("the outcome")
    }

    /// The error packet and the status that end a refused transfer.
    async fn refusal(&mut self) -> String {
        loop {
            let packet = self.next().await.unwrap().unwrap();
            if packet.kind() != PacketKind::Error {
                continue;
            }
            let message = String::from_utf8(packet.data.to_vec()).unwrap();
            assert_eq!(self.next().await.unwrap().unwrap_err().message(), message);
            return message;
        }
    }
}

const TIME: i64 = 1_234_567_890_123_456_789;

fn stat(path: &str, mode: u32) -> Stat {
    Stat { path: path.into(), mode, mod_time: TIME, ..Stat::default() }
}

fn file<'a>(path: &str, mode: u32, content: &'a [u8]) -> (Stat, &'a [u8]) {
    (Stat { size: content.len() as i64, ..stat(path, mode) }, content)
}

fn dir(path: &str, permissions: u32) -> (Stat, &'static [u8]) {
    (stat(path, mode::DIR | permissions), b"")
}

fn link(path: &str, mode: u32, target: &str) -> (Stat, &'static [u8]) {
    (Stat { linkname: target.into(), ..stat(path, mode) }, b"")
}

fn symbolic(path: &str, target: &str) -> (Stat, &'static [u8]) {
    link(path, mode::SYMLINK | 0o777, target)
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_whole_tree() {
    let parent = tempfile::tempdir().unwrap();
    let out = parent.path().join("new/out");
    let mut tagged = file("tagged", 0o600, b"t");
    tagged.0.xattrs = vec![
        Xattr { name: b"user.color".to_vec(), value: b"blue".to_vec() },
        Xattr { name: b"security.capability".to_vec(), value: b"bogus".to_vec() },
    ];
    let received = Daemon::exporting_to(&out)
        .export(vec![
            dir("dir", 0o555),
            file("dir/program", mode::SETUID | mode::SETGID | 0o755, b"#!/bin/sh\n"),
            dir("dir/sub", mode::STICKY | 0o700),
            file("empty", 0o444, b""),
            link("second", 0o755, "dir/program"),
            symbolic("soft", "dir/../../nowhere"),
            tagged,
        ])
        .await;
    assert_eq!(received, Received { entries: 7, bytes: 11, skipped: 0 });
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o7777, 0o700);
    assert_eq!(names(&out), ["dir", "empty", "second", "soft", "tagged"]);
    let mode_of = |path: &str| fs::symlink_metadata(out.join(path)).unwrap().mode() & 0o7777;
    // No set-id bits: an export must not plant a privileged program.
    assert_eq!(
        [mode_of("dir"), mode_of("dir/program"), mode_of("dir/sub"), mode_of("empty")],
        [0o555, 0o755, 0o1700, 0o444]
    );
    assert_eq!(fs::read(out.join("dir/program")).unwrap(), b"#!/bin/sh\n");
    assert_eq!(fs::read_link(out.join("soft")).unwrap(), Path::new("dir/../../nowhere"));
    let [first, second] = ["dir/program", "second"].map(|path| fs::metadata(out.join(path)).unwrap().ino());
    assert_eq!(first, second);
    for path in ["dir", "dir/sub", "dir/program", "empty", "soft", "second"] {
        let metadata = fs::symlink_metadata(out.join(path)).unwrap();
        assert_eq!(metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec(), TIME, "{path}");
    }
    let mut value = [0; 16];
    let length = rustix::fs::getxattr(out.join("tagged"), "user.color", &mut value[..]).unwrap();
    assert_eq!(&value[..length], b"blue");
    assert!(rustix::fs::getxattr(out.join("tagged"), "security.capability", &mut value[..]).is_err());
}

#[tokio::test]
async fn merges_with_what_is_there() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path();
    fs::create_dir_all(path.join("dir")).unwrap();
    for name in ["dir/kept", "dir/replaced", "other", "was-file"] {
        fs::write(path.join(name), b"old").unwrap();
    }
    fs::create_dir(path.join("was-empty-dir")).unwrap();
    fs::set_permissions(path.join("dir"), fs::Permissions::from_mode(0o500)).unwrap();
    let untouched = fs::metadata(path.join("other")).unwrap().ino();
    Daemon::exporting_to(path)
        .export(vec![
            dir("dir", 0o755),
            file("dir/added", 0o644, b"new"),
            file("dir/replaced", 0o644, b"new"),
            file("was-empty-dir", 0o644, b"new"),
            dir("was-file", 0o755),
        ])
        .await;
    assert_eq!(names(path), ["dir", "other", "was-empty-dir", "was-file"]);
    assert_eq!(names(&path.join("dir")), ["added", "kept", "replaced"]);
    assert_eq!(fs::read(path.join("dir/kept")).unwrap(), b"old");
    assert_eq!(fs::read(path.join("dir/replaced")).unwrap(), b"new");
    assert!(fs::metadata(path.join("was-file")).unwrap().is_dir());
    assert_eq!(fs::metadata(path.join("other")).unwrap().ino(), untouched);
}

#[tokio::test]
async fn does_not_delete_a_tree_to_make_room_for_a_file() {
    let out = tempfile::tempdir().unwrap();
    fs::create_dir(out.path().join("dir")).unwrap();
    fs::write(out.path().join("dir/precious"), b"old").unwrap();
    let mut daemon = Daemon::exporting_to(out.path());
    daemon.send(Packet::stat(file("dir", 0o644, b"x").0));
    daemon.send(Packet::end_of_stats());
    daemon.expect(Packet::request(0)).await;
    daemon.send(Packet::data(0, Bytes::from_static(b"x")));
    daemon.send(Packet::data(0, Bytes::new()));
    assert!(daemon.refusal().await.contains("not empty"));
    assert_eq!(names(out.path()), ["dir"]);
    assert_eq!(fs::read(out.path().join("dir/precious")).unwrap(), b"old");
}

#[tokio::test]
async fn several_streams_share_a_destination() {
    let out = tempfile::tempdir().unwrap();
    let platforms = ["amd64", "arm64", "riscv64", "s390x"].map(|platform| {
        let name = format!("shared/{platform}");
        let entries = vec![dir("shared", 0o755), file(&name, 0o644, b"content")];
        tokio::spawn(Daemon::exporting_to(out.path()).export(entries))
    });
    for platform in platforms {
        platform.await.unwrap();
    }
    assert_eq!(names(&out.path().join("shared")), ["amd64", "arm64", "riscv64", "s390x"]);
}

/// None of these may have any effect outside the destination, nor be accepted.
#[tokio::test]
async fn refuses_paths_that_lead_elsewhere() {
    for paths in [
        &["/etc/passwd"][..],
        &["../escape"],
        &["dir/", "dir/../../escape"],
        &["dir/", "dir//x"],
        &["a\0b"],
        &["."],
        &[""],
        &["missing/x"],
        &["b", "a"],
        &["a", "a"],
    ] {
        let parent = tempfile::tempdir().unwrap();
        let mut daemon = Daemon::exporting_to(&parent.path().join("out"));
        for path in paths {
            let trimmed = path.strip_suffix('/');
            let entry = trimmed.map_or_else(|| file(path, 0o644, b"x"), |path| dir(path, 0o755));
            daemon.send(Packet::stat(entry.0));
        }
        daemon.refusal().await;
        daemon.tasks.stop().await;
        assert_eq!(names(parent.path()), ["out"], "{paths:?}");
        assert!(names(&parent.path().join("out")).iter().all(|name| name == "dir"), "{paths:?}");
    }
}

#[tokio::test]
async fn never_writes_through_a_link() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("victim"), b"old").unwrap();
    let out = tempfile::tempdir().unwrap();
    // Links that existed before are replaced, regardless of their target.
    symlink(outside.path(), out.path().join("dir")).unwrap();
    symlink(outside.path().join("victim"), out.path().join("file")).unwrap();
    Daemon::exporting_to(out.path())
        .export(vec![dir("dir", 0o755), file("dir/victim", 0o644, b"new"), file("file", 0o644, b"new")])
        .await;
    assert_eq!(fs::read(outside.path().join("victim")).unwrap(), b"old");
    assert!(fs::symlink_metadata(out.path().join("dir")).unwrap().is_dir());
    assert!(fs::symlink_metadata(out.path().join("file")).unwrap().is_file());

    // A link from the stream itself is not a directory.
    let mut daemon = Daemon::exporting_to(&out.path().join("two"));
    let outside_path = outside.path().to_str().unwrap();
    daemon.send(Packet::stat(symbolic("evil", outside_path).0));
    daemon.send(Packet::stat(file("evil/victim", 0o644, b"new").0));
    daemon.refusal().await;

    // A link put in place of a directory while content is on its way.
    let target = out.path().join("three");
    let mut daemon = Daemon::exporting_to(&target);
    daemon.send(Packet::stat(dir("sub", 0o755).0));
    daemon.send(Packet::stat(file("sub/victim", 0o644, b"new").0));
    daemon.send(Packet::stat(dir("z", 0o755).0));
    daemon.expect(Packet::request(1)).await;
    while !target.join("z").exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fs::rename(target.join("sub"), target.join("moved")).unwrap();
    symlink(outside.path(), target.join("sub")).unwrap();
    daemon.send(Packet::data(1, Bytes::from_static(b"new")));
    daemon.refusal().await;
    assert_eq!(fs::read(outside.path().join("victim")).unwrap(), b"old");
    assert_eq!(names(outside.path()), ["victim"]);
}

#[tokio::test]
async fn refuses_hard_links_to_anything_but_files_of_the_export() {
    for (entries, why) in [
        (vec![link("a", 0o644, "/etc/passwd")], "absolute"),
        (vec![link("a", 0o644, "../x")], "outside"),
        (vec![link("a", 0o644, "present")], "was there before"),
        (vec![dir("a", 0o755), link("b", 0o644, "a")], "a directory"),
        (vec![symbolic("a", "x"), link("b", 0o644, "a")], "a link"),
        (vec![link("a", 0o644, "a")], "itself"),
    ] {
        let out = tempfile::tempdir().unwrap();
        fs::write(out.path().join("present"), b"x").unwrap();
        let mut daemon = Daemon::exporting_to(out.path());
        entries.into_iter().for_each(|(stat, _)| daemon.send(Packet::stat(stat)));
        assert!(daemon.refusal().await.contains("hard link"), "{why}");
    }
}

#[tokio::test]
async fn leaves_devices_and_fifos_out() {
    for mode in [mode::DEVICE, mode::DEVICE | mode::CHAR_DEVICE, mode::NAMED_PIPE, mode::SOCKET, mode::IRREGULAR] {
        let out = tempfile::tempdir().unwrap();
        let special = (stat("special", mode | 0o666), b"".as_slice());
        let received = Daemon::exporting_to(out.path()).export(vec![special, file("z", 0o644, b"x")]).await;
        assert_eq!(received, Received { entries: 1, bytes: 1, skipped: 1 }, "{mode:o}");
        assert_eq!(names(out.path()), ["z"]);
    }
}

#[tokio::test]
async fn checks_content_against_announcements_and_requests() {
    let data = |id, bytes: &'static [u8]| Packet::data(id, Bytes::from_static(bytes));
    for (packets, problem) in [
        (vec![data(0, b"12345")], "has more"),
        (vec![data(0, b"123"), data(0, b"45")], "has more"),
        (vec![data(0, b"123"), data(0, b"")], "ended after 3"),
        (vec![data(0, b"1234"), data(0, b""), data(0, b"")], "not requested"),
        (vec![data(1, b"x")], "not requested"),
        (vec![data(4_000_000_000, b"x")], "not requested"),
        (vec![Packet::request(0)], "unexpected packet Request"),
        (vec![Packet::finish()], "unexpected packet Finish"),
        (vec![Packet { kind: 99, ..Packet::default() }], "unknown packet type 99"),
        (vec![Packet::end_of_stats()], "the tree ended twice"),
        (vec![Packet::stat(stat("z", 0o644))], "an entry after the end"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let mut daemon = Daemon::exporting_to(out.path());
        daemon.send(Packet::stat(file("file", 0o644, b"1234").0));
        daemon.send(Packet::stat(link("link", 0o644, "file").0));
        daemon.send(Packet::end_of_stats());
        daemon.expect(Packet::request(0)).await;
        packets.into_iter().for_each(|packet| daemon.send(packet));
        let refusal = daemon.refusal().await;
        assert!(refusal.contains(problem), "{refusal:?} instead of {problem:?}");
        daemon.tasks.stop().await;
        assert!(names(out.path()).iter().all(|name| name == "file" || name == "link"), "nothing half-done is left");
    }
}

#[tokio::test]
async fn refuses_negative_sizes_and_too_many_open_files() {
    let out = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::exporting_to(out.path());
    daemon.send(Packet::stat(Stat { size: -1, ..stat("file", 0o644) }));
    daemon.send(Packet::data(0, Bytes::from_static(b"x")));
    assert!(daemon.refusal().await.contains("negative size"));

    let mut daemon = Daemon::exporting_to(out.path());
    for id in 0..=MAX_OPEN_FILES as u32 {
        daemon.send(Packet::stat(file(&format!("{id:04}"), 0o644, b"xy").0));
        daemon.send(Packet::data(id, Bytes::from_static(b"x")));
    }
    assert!(daemon.refusal().await.contains("at once"));
    daemon.tasks.stop().await;
    assert!(names(out.path()).is_empty());
}

#[tokio::test]
async fn a_transfer_that_breaks_off_leaves_the_old_file() {
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("file"), b"old").unwrap();
    let mut daemon = Daemon::exporting_to(out.path());
    daemon.send(Packet::stat(file("file", 0o644, b"new content").0));
    daemon.send(Packet::data(0, Bytes::from_static(b"new")));
    daemon.expect(Packet::request(0)).await;
    daemon.packets.send(Err(Status::cancelled("gone"))).unwrap();
    assert!(daemon.refusal().await.contains("went away"));
    assert!(daemon.outcome.lock().unwrap().is_none());
    assert_eq!(names(out.path()), ["file"]);
    assert_eq!(fs::read(out.path().join("file")).unwrap(), b"old");
}

#[tokio::test]
async fn an_error_of_the_sender_is_passed_on() {
    let out = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::exporting_to(out.path());
    daemon.send(Packet::error("snapshot lost"));
    assert!(daemon.refusal().await.contains("snapshot lost"));
}

mod anything {
    //! No input from a daemon has an effect outside the destination.

    use proptest::prelude::*;

    use super::*;

    fn path() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec!["a", "b", "c", "link", "..", ".", "", "/", "victim"]);
        prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
    }

    fn packet() -> impl Strategy<Value = Packet> {
        let modes = vec![0o644, mode::DIR | 0o755, mode::DIR, mode::SYMLINK | 0o777, mode::DEVICE, u32::MAX];
        let entry = (path(), prop::sample::select(modes), prop::option::of(path()), -1_i64..4);
        prop_oneof![
            5 => entry.prop_map(|(path, mode, target, size)| {
                let linkname = target.map(|target| target.replace("victim", "../victim")).unwrap_or_default();
                Packet::stat(Stat { linkname: linkname.into(), size, ..stat(&path, mode) })
            }),
            3 => (0_u32..4, 0_usize..3).prop_map(|(id, length)| Packet::data(id, vec![b'x'; length].into())),
            1 => Just(Packet::end_of_stats()),
            1 => Just(Packet::finish()),
        ]
    }

    proptest! {
        #[test]
        fn stays_inside(packets in prop::collection::vec(packet(), 0..24)) {
            let parent = tempfile::tempdir().unwrap();
            let out = parent.path().join("out");
            fs::create_dir(&out).unwrap();
            fs::write(parent.path().join("victim"), b"old").unwrap();
            // Links out of the destination that existed before.
            symlink("..", out.join("link")).unwrap();
            symlink("../victim", out.join("victim")).unwrap();
            let (outbox, _answers) = mpsc::unbounded_channel();
            let (inbox, arrivals) = mpsc::channel(packets.len().max(1));
            for packet in packets {
                inbox.try_send(packet).unwrap();
            }
            drop(inbox);
            let receiver = Receiver::new(out, outbox, |_| {}).unwrap();
            let _refused = receiver.run(arrivals);
            prop_assert_eq!(names(parent.path()), ["out", "victim"]);
            prop_assert_eq!(fs::read(parent.path().join("victim")).unwrap(), b"old");
            prop_assert_eq!(fs::metadata(parent.path().join("victim")).unwrap().nlink(), 1);
        }
    }
}
