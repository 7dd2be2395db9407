//! Telling an archive from a spec by its first bytes (`moby/buildkit: frontend/dockerui/context.go`, `isArchive`).

/// How much of an http context to read before asking [`is_archive`].
pub const ARCHIVE_PROBE: u64 = 1024;

/// Whether the first bytes of an http context are those of a tarball, plain or compressed with bzip2, gzip or xz.
#[must_use]
pub fn is_archive(head: &[u8]) -> bool {
    const MAGICS: [&[u8]; 3] = [b"BZh", b"\x1F\x8B\x08", b"\xFD7zXZ\0"];
    MAGICS.iter().any(|magic| head.starts_with(magic)) || is_tar(head)
}

/// A tar header proves itself by its checksum, whose own eight bytes count as blanks.
fn is_tar(head: &[u8]) -> bool {
    const CHECKSUM: std::ops::Range<usize> = 148..156;
    let Some(block) = head.get(..512) else {
        return false;
    };
    let digits: String = block.get(CHECKSUM).unwrap_or_default().iter().map(|byte| char::from(*byte)).collect();
    let Ok(expected) = i64::from_str_radix(digits.trim_matches([' ', '\0']), 8) else {
        return false;
    };
    let counted = || block.iter().enumerate().map(|(at, byte)| if CHECKSUM.contains(&at) { b' ' } else { *byte });
    // Some old tars summed signed bytes.
    let unsigned: i64 = counted().map(i64::from).sum();
    let signed: i64 = counted().map(|byte| i64::from(byte.cast_signed())).sum();
    expected == unsigned || expected == signed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar_header() -> Vec<u8> {
        let mut block = vec![0; 512];
        block[..4].copy_from_slice(b"file");
        block[100..107].copy_from_slice(b"0000644");
        block[124..135].copy_from_slice(b"00000000003");
        block[257..262].copy_from_slice(b"ustar");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }

    #[test]
    fn archives_and_specs() {
        assert!(is_archive(b"BZh91AY"));
        assert!(is_archive(b"\x1f\x8b\x08\0"));
        assert!(is_archive(b"\xfd7zXZ\0\0"));
        assert!(is_archive(&tar_header()));
        let mut broken = tar_header();
        broken[0] ^= 1;
        for head in [b"".as_slice(), b"name: x\n", &[0; 1024], &[b' '; 1024], &broken, &tar_header()[..511]] {
            assert!(!is_archive(head));
        }
    }
}
