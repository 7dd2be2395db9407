//! Go's `os.FileMode` bits, which fsutil sends instead of `st_mode` (Go: `io/fs/fs.go`, constants `Mode*`).

use rustix::fs::{FileType, Mode, RawMode};

/// A directory.
pub(crate) const DIR: u32 = 1 << 31;
/// A symbolic link.
pub(crate) const SYMLINK: u32 = 1 << 27;
/// A device; with [`CHAR_DEVICE`] a character device.
pub(crate) const DEVICE: u32 = 1 << 26;
/// A fifo.
pub(crate) const NAMED_PIPE: u32 = 1 << 25;
/// A socket; cleared before sending.
pub(crate) const SOCKET: u32 = 1 << 24;
/// Set user id.
pub(crate) const SETUID: u32 = 1 << 23;
/// Set group id.
pub(crate) const SETGID: u32 = 1 << 22;
/// Together with [`DEVICE`]: a character device.
pub(crate) const CHAR_DEVICE: u32 = 1 << 21;
/// Sticky.
pub(crate) const STICKY: u32 = 1 << 20;
/// A kind of file that Go does not know.
pub(crate) const IRREGULAR: u32 = 1 << 19;
/// All bits of the file type; none is set for a regular file.
pub(crate) const TYPE: u32 = DIR | SYMLINK | DEVICE | NAMED_PIPE | SOCKET | CHAR_DEVICE | IRREGULAR;
/// Permission bits.
pub(crate) const PERM: u32 = 0o777;

/// Go's mode for an `st_mode`.
pub(crate) fn from_st_mode(raw: RawMode) -> u32 {
    let mut mode = raw & PERM;
    let special = Mode::from_raw_mode(raw);
    for (bit, go) in [(Mode::SUID, SETUID), (Mode::SGID, SETGID), (Mode::SVTX, STICKY)] {
        if special.contains(bit) {
            mode |= go;
        }
    }
    mode | match FileType::from_raw_mode(raw) {
        FileType::RegularFile => 0,
        FileType::Directory => DIR,
        FileType::Symlink => SYMLINK,
        FileType::Fifo => NAMED_PIPE,
        FileType::Socket => SOCKET,
        FileType::CharacterDevice => DEVICE | CHAR_DEVICE,
        FileType::BlockDevice => DEVICE,
        FileType::Unknown => IRREGULAR,
    }
}

/// The permission and sticky bits of a Go mode. Set-user-id and set-group-id are left out on purpose: a build must not be
/// able to place a privileged program on the user's machine.
pub(crate) fn to_safe_permissions(mode: u32) -> Mode {
    let mut permissions = Mode::from_raw_mode((mode & PERM) as RawMode);
    if mode & STICKY != 0 {
        permissions |= Mode::SVTX;
    }
    permissions
}

/// Whether the content of an entry can be requested: fsutil `send.go`, "file can request data".
pub(crate) fn has_content(mode: u32) -> bool {
    mode & TYPE == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translates_every_kind_of_entry() {
        let cases: [(RawMode, u32); 9] = [
            (0o100_644, 0o644),
            (0o104_755, SETUID | 0o755),
            (0o102_755, SETGID | 0o755),
            (0o041_777, DIR | STICKY | 0o777),
            (0o120_777, SYMLINK | 0o777),
            (0o010_600, NAMED_PIPE | 0o600),
            (0o140_755, SOCKET | 0o755),
            (0o020_666, DEVICE | CHAR_DEVICE | 0o666),
            (0o060_660, DEVICE | 0o660),
        ];
        for (raw, expected) in cases {
            assert_eq!(from_st_mode(raw), expected, "st_mode {raw:o}");
        }
    }

    #[test]
    fn drops_set_id_bits_but_keeps_sticky() {
        let mode = to_safe_permissions(SETUID | SETGID | STICKY | 0o755);
        assert_eq!(mode.bits(), 0o1755);
    }
}
