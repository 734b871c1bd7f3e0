//! Disks of one's own: ext4 with a journal in a file, mounted through a loop device, which can
//! lose its power at any moment. Needs root. Whatever happens, dropping a disk unmounts it, and
//! the kernel frees its loop device with the last mount.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use super::server::text;

const UNMOUNT_ATTEMPTS_MAX: u32 = 50;
const UNMOUNT_PAUSE: Duration = Duration::from_millis(100);

/// A file system in a file.
pub struct Disk {
    image: PathBuf,
    mount_point: PathBuf,
    mounted: bool,
}

impl Disk {
    /// Makes a file system of this size and mounts it at `mount_point`, which must exist.
    pub fn format(image: &Path, size_mib: u64, mount_point: &Path) -> Self {
        File::create(image).unwrap().set_len(size_mib << 20).unwrap();
        must(Command::new("mkfs.ext4").args(["-q", "-F", "-E", "lazy_itable_init=1"]).arg(image));
        let mut disk =
            Self { image: image.to_owned(), mount_point: mount_point.to_owned(), mounted: false };
        disk.mount();
        disk
    }

    /// Where it is mounted.
    pub fn mount_point(&self) -> &Path {
        &self.mount_point
    }

    /// Mounts it. The kernel replays the journal, as it does after a power cut.
    pub fn mount(&mut self) {
        assert!(!self.mounted);
        must(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mount_point));
        self.mounted = true;
    }

    /// Unmounts it. Who still has files open there gets a little time to end.
    pub fn unmount(&mut self) {
        self.try_unmount().unwrap();
    }

    fn try_unmount(&mut self) -> Result<(), String> {
        let mut failure = String::new();
        for _ in 0..UNMOUNT_ATTEMPTS_MAX {
            let output = Command::new("umount").arg(&self.mount_point).output().unwrap();
            if output.status.success() {
                self.mounted = false;
                return Ok(());
            }
            failure = text(&output.stderr);
            std::thread::sleep(UNMOUNT_PAUSE);
        }
        Err(failure)
    }

    /// Cuts the power: whatever the journal has not written by now is lost, and every later
    /// write fails. The file system must be unmounted and mounted again to be used.
    pub fn cut_power(&self) {
        use rustix::ioctl::{Setter, ioctl, opcode};
        const EXT4_IOC_SHUTDOWN: rustix::ioctl::Opcode = opcode::read::<u32>(b'X', 125);
        const GOING_FLAGS_NOLOGFLUSH: u32 = 2;
        let root = File::open(&self.mount_point).unwrap();
        #[expect(unsafe_code, reason = "the only way to ask ext4 for a power cut is this ioctl")]
        // SAFETY: the kernel reads one u32 behind the pointer, and writes nothing.
        unsafe {
            ioctl(&root, Setter::<EXT4_IOC_SHUTDOWN, u32>::new(GOING_FLAGS_NOLOGFLUSH)).unwrap();
        }
    }

    /// Checks the file system that a power cut left: replays its journal, and repairs what may
    /// be repaired without asking, such as counts of free blocks. More is a broken disk.
    pub fn check(&self) {
        const REPAIRED: i32 = 1;
        assert!(!self.mounted);
        let output = Command::new("e2fsck").args(["-f", "-p"]).arg(&self.image).output().unwrap();
        let code = output.status.code();
        assert!(matches!(code, Some(0 | REPAIRED)), "{code:?}: {}", text(&output.stdout));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted
            && let Err(failure) = self.try_unmount()
        {
            eprintln!("{} stays mounted: {failure}", self.mount_point.display());
        }
    }
}

/// Runs a command that must succeed.
pub fn must(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    output
}
