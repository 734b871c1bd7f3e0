//! What is known of the file system beneath the root.

use std::os::fd::OwnedFd;

use super::fault::Fault;

/// Linux reports failed write-backs from `syncfs` since this release.
const RELEASE_MIN: (u32, u32) = (5, 8);
/// File systems whose `syncfs` makes everything durable. Others may answer without doing it: one
/// in user space is not even asked.
const TRUSTED: [u64; 3] = [EXT4, XFS, BTRFS];
const EXT4: u64 = 0xEF53;
const XFS: u64 = 0x5846_5342;
const BTRFS: u64 = 0x9123_683E;

/// Whether an `Ok` of `syncfs` on this file system means that everything is durable.
pub(super) fn syncfs_reports_errors(volume: &OwnedFd) -> bool {
    let Ok(volume) = rustix::fs::fstatfs(volume) else { return false };
    let trusted = u64::try_from(volume.f_type).is_ok_and(|kind| TRUSTED.contains(&kind));
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    trusted && release.is_ok_and(|release| parse_release(&release) >= Some(RELEASE_MIN))
}

/// Bytes that the volume holds in all, used or not.
pub(super) fn capacity(volume: &OwnedFd) -> Result<u64, Fault> {
    let volume = rustix::fs::fstatvfs(volume)
        .map_err(Fault::of("asking for the size of the blob volume failed"))?;
    Ok(volume.f_blocks.saturating_mul(volume.f_frsize))
}

/// Bytes that the volume has left for those who are not its superuser.
pub(super) fn free_bytes(volume: &OwnedFd) -> Result<u64, Fault> {
    let volume = rustix::fs::fstatvfs(volume)
        .map_err(Fault::of("asking for the free space of the blob volume failed"))?;
    Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
}

fn parse_release(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_compare_as_numbers() {
        assert_eq!(parse_release("6.18.44-generic\n"), Some((6, 18)));
        assert!(parse_release("5.10.0-30-amd64") >= Some(RELEASE_MIN));
        assert!(parse_release("5.4.0") < Some(RELEASE_MIN));
        assert!(parse_release("unknown") < Some(RELEASE_MIN));
    }
}
