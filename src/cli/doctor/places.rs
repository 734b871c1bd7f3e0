//! The directories, and the file systems beneath them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::DecimalBytes;

use super::finding::Finding;
use crate::instance::DataDirectory;

/// Below this the server soon refuses uploads: it keeps 96 MiB to be able to delete.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// Below this share of a file system it is time to think of a larger one.
const FREE_PERCENT_MIN: u64 = 5;
/// Bytes of the ballast.
const BALLAST_BYTES: u64 = 32 << 20;
/// Syncs that are timed; the slowest but one counts.
const SYNCS: usize = 5;
/// A sync that takes longer makes every upload slow: no disk of this century should.
const SYNC_DURATION_USUAL: Duration = Duration::from_millis(50);
/// The probe's name; a crash of the doctor may leave it, and the next one replaces it.
const PROBE: &str = ".delenda-doctor";

/// File systems by the magic numbers of Linux, and whether a sync on them is one.
const FILE_SYSTEMS: [(u64, &str, bool); 10] = [
    (0xEF53, "ext4", true),
    (0x5846_5342, "xfs", true),
    (0x9123_683E, "btrfs", true),
    (0x2FC1_2FC1, "zfs", true),
    (0xF2F5_2010, "f2fs", true),
    (0x0102_1994, "tmpfs", false),
    (0x6969, "nfs", false),
    (0xFF53_4D42, "cifs", false),
    (0x6573_5546, "fuse", false),
    (0x794C_7630, "overlayfs", false),
];

/// Whose the data directory is, and who else gets at it.
pub(super) fn owner_and_mode(directory: &Path) -> Finding {
    const CHECK: &str = "data directory";
    let place = directory.display();
    let metadata = match directory.metadata() {
        Ok(metadata) => metadata,
        Err(error) => {
            return Finding::fail(
                CHECK,
                format!("{place}: {error}"),
                "name another one with --data",
            );
        }
    };
    let (owner, caller) = (metadata.uid(), rustix::process::geteuid().as_raw());
    let mode = metadata.mode() & 0o777;
    if owner != caller && caller != 0 {
        let found = format!("{place} belongs to user {owner}, and you are user {caller}");
        return Finding::fail(CHECK, found, "run the server, and this command, as its owner");
    }
    if mode & 0o077 != 0 {
        let found = format!("{place} has mode {mode:03o}: others get at it");
        return Finding::fail(CHECK, found, format!("chmod 700 {place}"));
    }
    Finding::ok(CHECK, format!("{place}, of user {owner}, mode {mode:03o}"))
}

/// Whether space is reserved for deleting on a full disk.
pub(super) fn ballast(directory: &DataDirectory) -> Finding {
    const CHECK: &str = "ballast";
    match directory.ballast().metadata() {
        Ok(ballast) if ballast.len() == BALLAST_BYTES => {
            Finding::ok(CHECK, format!("{} are reserved", DecimalBytes(BALLAST_BYTES)))
        }
        Ok(_) | Err(_) => Finding::warn(
            CHECK,
            "no space is reserved for deletions on a full disk: uploads are refused",
            "free some space, by deleting or with a larger disk: the server reserves it by itself",
        ),
    }
}

/// What is left on the file system of a directory.
pub(super) fn free_space(check: &'static str, directory: &Path) -> Finding {
    let volume = match rustix::fs::statvfs(directory) {
        Ok(volume) => volume,
        Err(error) => {
            return Finding::fail(check, error.to_string(), "is its disk mounted?");
        }
    };
    let free = volume.f_bavail.saturating_mul(volume.f_frsize);
    let all = volume.f_blocks.saturating_mul(volume.f_frsize);
    let found = format!("{} of {} are free", DecimalBytes(free), DecimalBytes(all));
    // Some file systems have no fixed number of files, and say zero.
    let files_are_few = volume.f_files > 0 && volume.f_favail < volume.f_files / 100;
    match space_is_scarce(free, all) || files_are_few {
        true if files_are_few => Finding::warn(
            check,
            format!("{found}, and only {} more files fit", volume.f_favail),
            "make a file system with more inodes",
        ),
        true => Finding::warn(check, found, "delete something, or give it a larger disk"),
        false => Finding::ok(check, found),
    }
}

fn space_is_scarce(free: u64, all: u64) -> bool {
    free < FREE_BYTES_MIN || free / FREE_PERCENT_MIN < all / 100
}

/// Which file system it is, and whether a sync on it makes anything durable.
pub(super) fn file_system(check: &'static str, directory: &Path) -> Finding {
    let kind = match rustix::fs::statfs(directory) {
        Ok(volume) => u64::try_from(volume.f_type).unwrap_or(0),
        Err(error) => return Finding::fail(check, error.to_string(), "is its disk mounted?"),
    };
    let remedy = "use ext4, xfs or btrfs on a local disk";
    match FILE_SYSTEMS.iter().find(|(magic, ..)| *magic == kind) {
        Some((_, name, true)) => Finding::ok(check, *name),
        Some((_, name, false)) => {
            let found = format!("{name}: what is acknowledged may be lost, or locks may not hold");
            Finding::warn(check, found, remedy)
        }
        None => Finding::warn(check, format!("unknown to this program ({kind:#x})"), remedy),
    }
}

/// How long it takes until a write is durable. Writes a small file, and removes it.
pub(super) fn sync_latency(check: &'static str, directory: &Path) -> Finding {
    let probe = directory.join(PROBE);
    let measured = time_syncs(&probe);
    // It may not have been made at all; the measurement then says why.
    let _ = std::fs::remove_file(&probe);
    match measured {
        Ok(slow) if slow <= SYNC_DURATION_USUAL => {
            Finding::ok(check, format!("{:.1} ms", slow.as_secs_f64() * 1000.0))
        }
        Ok(slow) => Finding::warn(
            check,
            format!("{} ms: every upload and every deletion waits that long", slow.as_millis()),
            "use a disk with a lower latency, best a solid-state one with power-loss protection",
        ),
        Err(error) => Finding::fail(
            check,
            format!("a file cannot be written: {error}"),
            "see to owner, mode, free space, and that it is not mounted read-only",
        ),
    }
}

fn time_syncs(probe: &Path) -> std::io::Result<Duration> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(probe)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&[0; 4096])?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(times[SYNCS - 2])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_directory_that_others_get_at_is_told_with_the_command_that_helps() {
        let place = tempfile::tempdir().unwrap();
        let set = |mode| {
            std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            owner_and_mode(place.path())
        };
        assert_eq!(set(0o700).level, Level::Ok);
        for mode in [0o750, 0o701, 0o777] {
            let finding = set(mode);
            assert_eq!(finding.level, Level::Fail);
            assert!(finding.remedy.unwrap().starts_with("chmod 700 "));
        }
        assert_eq!(owner_and_mode(Path::new("/nowhere")).level, Level::Fail);
    }

    #[test]
    fn the_probe_of_the_disk_is_removed_again() {
        let place = tempfile::tempdir().unwrap();
        assert_ne!(sync_latency("sync", place.path()).level, Level::Fail);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
        assert_eq!(sync_latency("sync", &place.path().join("none")).level, Level::Fail);
    }

    #[test]
    fn space_is_scarce_by_its_size_or_by_its_share() {
        assert!(space_is_scarce(1 << 29, 1 << 31));
        assert!(space_is_scarce(40 << 30, 1000 << 30));
        assert!(!space_is_scarce(60 << 30, 1000 << 30));
        assert!(!space_is_scarce(2 << 30, 4 << 30));
    }
}
