//! The sender against a receiver that the test plays, packet by packet.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;

use super::*;

struct Peer {
    requests: mpsc::UnboundedSender<Result<Packet, Status>>,
    packets: ReceiverStream<Result<Packet, Status>>,
    tasks: Tasks,
}

impl Peer {
    fn new(root: &Path) -> Self {
        let (requests, inbound) = mpsc::unbounded_channel();
        let tasks = Tasks::default();
        let inbound = tokio_stream::wrappers::UnboundedReceiverStream::new(inbound);
        let tree = Tree::open(root).unwrap();
        let source = Source {
            tree,
            filter: Filter::default(),
            owner: Owner::Root,
            request: DirRequest::default(),
            records: Records::default(),
        };
        let packets = send(source, inbound, &tasks);
        Self { requests, packets, tasks }
    }

    fn send(&self, packet: Packet) {
        self.requests.send(Ok(packet)).unwrap();
    }

    async fn next(&mut self) -> Option<Result<Packet, Status>> {
        tokio::time::timeout(Duration::from_secs(20), self.packets.next()).await.expect("the sender to go on")
    }

    /// All stats up to the end mark, as paths.
    async fn stats(&mut self) -> Vec<String> {
        let mut paths = Vec::new();
        loop {
            let packet = self.next().await.unwrap().unwrap();
            assert_eq!(packet.kind(), PacketKind::Stat);
            match packet.stat {
                Some(stat) => paths.push(String::from_utf8(stat.path).unwrap()),
                None => return paths,
            }
        }
    }

    /// The error packet and the status that end a failed transfer.
    async fn failure(&mut self) -> String {
        loop {
            let packet = self.next().await.unwrap().unwrap();
            if packet.kind() != PacketKind::Error {
                continue;
            }
            let message = String::from_utf8(packet.data.to_vec()).unwrap();
            let early = tokio::time::timeout(Duration::from_millis(20), self.packets.next()).await;
            assert!(early.is_err(), "the call goes on until the receiver has taken the packet: {early:?}");
            self.send(Packet::error("error from sender"));
            let status = self.next().await.unwrap().unwrap_err();
            assert_eq!(status.message(), message);
            return message;
        }
    }
}

#[tokio::test]
async fn a_whole_transfer() {
    let root = tempfile::tempdir().unwrap();
    let big: Vec<u8> = (0..3 * CHUNK_SIZE + 17).map(|index| index as u8).collect();
    fs::create_dir(root.path().join("dir")).unwrap();
    fs::write(root.path().join("dir/big"), &big).unwrap();
    fs::write(root.path().join("empty"), b"").unwrap();
    let mut peer = Peer::new(root.path());
    assert_eq!(peer.stats().await, ["dir", "dir/big", "empty"]);
    peer.send(Packet::request(1));
    peer.send(Packet::request(2));
    let mut contents = std::collections::BTreeMap::<u32, Vec<u8>>::new();
    let mut ended = Vec::new();
    while ended.len() < 2 {
        let packet = peer.next().await.unwrap().unwrap();
        assert_eq!(packet.kind(), PacketKind::Data);
        assert!(packet.data.len() <= CHUNK_SIZE);
        if packet.data.is_empty() {
            ended.push(packet.id);
        }
        contents.entry(packet.id).or_default().extend_from_slice(&packet.data);
    }
    assert!(contents[&1] == big && contents[&2].is_empty());
    peer.send(Packet::finish());
    assert_eq!(peer.next().await.unwrap().unwrap(), Packet::finish());
    assert!(peer.next().await.is_none(), "the call ends after both have finished");
}

#[tokio::test]
async fn invalid_requests_end_the_transfer() {
    for (ids, problem) in
        [(&[7][..], "there is no entry 7"), (&[0], "entry 0 has no content"), (&[1, 1], "file 1 was requested twice")]
    {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("dir")).unwrap();
        fs::write(root.path().join("file"), b"content").unwrap();
        let mut peer = Peer::new(root.path());
        assert_eq!(peer.stats().await, ["dir", "file"]);
        ids.iter().for_each(|id| peer.send(Packet::request(*id)));
        assert_eq!(peer.failure().await, problem);
    }
}

#[tokio::test]
async fn entries_that_change_after_they_were_announced_are_errors() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 4] = [
        ("No such file", |path| fs::remove_file(path).unwrap()),
        ("shorter", |path| fs::write(path, b"x").unwrap()),
        ("symbolic link", |path| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
        }),
        ("Invalid argument", |path| {
            fs::remove_file(path).unwrap();
            rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        }),
    ];
    for (problem, change) in changes {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, b"content").unwrap();
        let mut peer = Peer::new(root.path());
        assert_eq!(peer.stats().await, ["file"]);
        change(&file);
        peer.send(Packet::request(0));
        let failure = peer.failure().await;
        assert!(failure.contains(problem), "{failure:?} instead of {problem:?}");
    }
}

#[tokio::test]
async fn a_growing_file_is_cut_at_its_announced_size() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("log"), b"12345").unwrap();
    let mut peer = Peer::new(root.path());
    peer.stats().await;
    fs::write(root.path().join("log"), b"1234567").unwrap();
    peer.send(Packet::request(0));
    assert_eq!(peer.next().await.unwrap().unwrap().data, &b"12345"[..]);
    assert!(peer.next().await.unwrap().unwrap().data.is_empty());
}

#[tokio::test]
async fn a_directory_replaced_by_a_link_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), b"secret").unwrap();
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("dir")).unwrap();
    fs::write(root.path().join("dir/file"), b"public").unwrap();
    let mut peer = Peer::new(root.path());
    assert_eq!(peer.stats().await, ["dir", "dir/file"]);
    fs::rename(root.path().join("dir"), root.path().join("moved")).unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("dir")).unwrap();
    peer.send(Packet::request(1));
    let failure = peer.failure().await;
    assert!(failure.contains("dir/file"), "{failure}");
}

/// The receiver may request everything before it reads anything.
#[tokio::test]
async fn requests_are_taken_while_content_waits() {
    const FILES: u32 = 500;
    let root = tempfile::tempdir().unwrap();
    for index in 0..FILES {
        fs::write(root.path().join(format!("{index:04}")), vec![1; 50_000]).unwrap();
    }
    let mut peer = Peer::new(root.path());
    assert_eq!(peer.stats().await.len(), FILES as usize);
    (0..FILES).for_each(|id| peer.send(Packet::request(id)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut bytes = 0;
    let mut ended = 0;
    while ended < FILES {
        let packet = peer.next().await.unwrap().unwrap();
        bytes += packet.data.len();
        ended += u32::from(packet.data.is_empty());
    }
    assert_eq!(bytes, FILES as usize * 50_000);
}

#[tokio::test]
async fn stops_when_the_receiver_goes_away() {
    let root = tempfile::tempdir().unwrap();
    for index in 0..2000 {
        fs::write(root.path().join(format!("{index:04}")), b"x").unwrap();
    }
    let mut peer = Peer::new(root.path());
    peer.next().await.unwrap().unwrap();
    let Peer { requests, packets, tasks } = peer;
    drop((requests, packets));
    tokio::time::timeout(Duration::from_secs(4), tasks.stop()).await.expect("walk and listener to notice");
}

#[tokio::test]
async fn an_error_of_the_receiver_ends_the_call() {
    let root = tempfile::tempdir().unwrap();
    let mut peer = Peer::new(root.path());
    assert!(peer.stats().await.is_empty());
    peer.send(Packet::error("disk full"));
    let status = peer.next().await.unwrap().unwrap_err();
    assert!(status.message().contains("disk full"), "{status}");
}
