//! The root directory and its sentinel, by which an unmounted or foreign disk is told from an
//! empty one.
//!
//! The root is opened once, and everything beneath is reached from that descriptor, component by
//! component and never through a symbolic link. The root itself may be a link, made by whoever
//! runs the machine.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use uuid::Uuid;

use super::fault::Fault;
use super::layout::{LOST_AND_FOUND, SENTINEL, SENTINEL_PART, directory_name};

/// Directories belong to the service alone.
pub(super) const DIRECTORY_MODE: Mode = Mode::RWXU;
/// Files belong to the service alone.
pub(super) const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// A directory to be opened.
const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Bytes of a sentinel that are looked at.
const SENTINEL_BYTES_MAX: usize = 64;

const FOREIGN: &str =
    "the blob directory is not the one this database belongs to; is its disk mounted?";

/// The opened root.
pub(super) struct Root {
    fd: OwnedFd,
    sentinel: String,
}

impl Root {
    /// Opens `path`, which must hold the sentinel of `instance`.
    pub(super) fn open(path: &Path, instance: [u8; 16]) -> Result<Self, Fault> {
        let root = Self::at(path, instance)?;
        root.check()?;
        Ok(root)
    }

    /// Opens `path` for a database that was just made: what is not there yet is made, durably,
    /// in a directory that holds nothing else.
    pub(super) fn open_fresh(path: &Path, instance: [u8; 16]) -> Result<Self, Fault> {
        make_durably(path)?;
        let root = Self::at(path, instance)?;
        if root.read_sentinel()?.is_none() {
            root.refuse_if_used()?;
            root.write_sentinel()?;
        }
        root.check()?;
        Ok(root)
    }

    fn at(path: &Path, instance: [u8; 16]) -> Result<Self, Fault> {
        let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT => Fault::corrupt(FOREIGN),
            errno => Fault::of("opening the blob directory")(errno),
        })?;
        let sentinel = format!("{}\n", Uuid::from_bytes(instance).as_hyphenated());
        Ok(Self { fd, sentinel })
    }

    /// The descriptor, to reach what lies beneath.
    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// A second, independent opening of the root.
    pub(super) fn reopen(&self) -> Result<OwnedFd, Fault> {
        rustix::fs::openat(&self.fd, ".", DIRECTORY, Mode::empty())
            .map_err(Fault::of("opening the blob directory"))
    }

    /// Fails unless the sentinel is there and is ours. Whatever is found absent is absent only
    /// if this passes.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match self.read_sentinel()? {
            Some(found) if found == self.sentinel => Ok(()),
            Some(_) | None => Err(Fault::corrupt(FOREIGN)),
        }
    }

    /// Opens a numbered directory; `None` where it is absent.
    pub(super) fn directory(&self, number: i64) -> Result<Option<OwnedFd>, Fault> {
        match rustix::fs::openat(&self.fd, directory_name(number), DIRECTORY, Mode::empty()) {
            Ok(directory) => Ok(Some(directory)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(Fault::of("opening a numbered directory")(errno)),
        }
    }

    /// Makes the names of the numbered directories durable.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        rustix::fs::fsync(&self.fd).map_err(Fault::of("syncing the blob directory"))
    }

    fn read_sentinel(&self) -> Result<Option<String>, Fault> {
        let context = "reading the sentinel of the blob directory";
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.fd, SENTINEL, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(Fault::of(context)(errno)),
        };
        let mut bytes = [0; SENTINEL_BYTES_MAX];
        let length = rustix::io::pread(&file, &mut bytes, 0).map_err(Fault::of(context))?;
        Ok(Some(String::from_utf8_lossy(&bytes[..length]).into_owned()))
    }

    fn refuse_if_used(&self) -> Result<(), Fault> {
        for name in entries(&self.reopen()?)? {
            if name != LOST_AND_FOUND && name != SENTINEL_PART {
                return Err(Fault::corrupt(
                    "the blob directory of a new database must be empty, and is not",
                ));
            }
        }
        Ok(())
    }

    /// Under another name first: a sentinel is there whole or not at all.
    fn write_sentinel(&self) -> Result<(), Fault> {
        let context = "writing the sentinel of the blob directory";
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.fd, SENTINEL_PART, flags, FILE_MODE)
            .map_err(Fault::of(context))?;
        let mut file = std::fs::File::from(file);
        std::io::Write::write_all(&mut file, self.sentinel.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(Fault::of_io(context))?;
        rustix::fs::renameat(&self.fd, SENTINEL_PART, &self.fd, SENTINEL)
            .map_err(Fault::of(context))?;
        self.sync()
    }
}

/// All names in a directory, in no order. What is no UTF-8 is replaced, and so comes out as
/// something that the store never made.
pub(super) fn entries(directory: &OwnedFd) -> Result<Vec<String>, Fault> {
    let context = "listing a directory of blobs";
    let mut found = Vec::new();
    for entry in Dir::read_from(directory).map_err(Fault::of(context))? {
        let entry = entry.map_err(Fault::of(context))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            found.push(name);
        }
    }
    Ok(found)
}

/// Type and size of what lies under `name`, not following links; `None` where nothing does.
pub(super) fn look(directory: &OwnedFd, name: &str) -> Result<Option<(FileType, u64)>, Fault> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => {
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            Ok(Some((FileType::from_raw_mode(stat.st_mode), size)))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(Fault::of("looking at a file among the blobs")(errno)),
    }
}

fn make_durably(path: &Path) -> Result<(), Fault> {
    let context = "making the blob directory";
    match rustix::fs::mkdir(path, DIRECTORY_MODE) {
        Ok(()) => {
            let parent = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                Some(_) | None => Path::new("."),
            };
            let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
            let parent = rustix::fs::open(parent, flags, Mode::empty());
            parent.and_then(rustix::fs::fsync).map_err(Fault::of(context))
        }
        Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(Fault::of(context)(errno)),
    }
}
