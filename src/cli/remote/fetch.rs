//! One file of the store onto this machine: under another name until it is whole, taken up again
//! where it broke, and never outside of the directory that was named.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use futures::StreamExt;
use rustix::fs::OFlags;

use super::large::{LARGE_BYTES_MIN, RESUMPTION_PAUSE, RESUMPTIONS_MAX};
use super::round::Came;
use crate::client::{Client, ClientError, Entry, Meter};

/// What the names of unfinished files begin with.
const PART: &str = ".delenda-part-";
/// Entries of a directory among which older parts of a file are looked for.
const LOOKED_AT_MAX: usize = 10_000;

/// A place for what lies somewhere below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// What was named by whoever called; a link in it is theirs.
    base: PathBuf,
    /// The parts below it.
    parts: Vec<OsString>,
}

/// What all fetches of a command share.
pub(super) struct Fetching<'a> {
    pub(super) client: &'a Client,
    pub(super) overwrite: bool,
    pub(super) meter: Meter,
}

/// A file that is not whole yet, held by this process alone.
struct Part {
    place: PathBuf,
    file: fs::File,
    bytes: u64,
}

impl Place {
    /// The place of what lies at `path`, which is `top` or lies below it, where `top` becomes
    /// `base`. A path that a server should never have given is no place.
    pub(super) fn below(base: &Path, top: &str, path: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Unintelligible(format!("{path:?} lies outside of {top:?}"));
        let relative = path.strip_prefix(top.trim_end_matches('/')).ok_or_else(wrong)?;
        if !relative.is_empty() && !relative.starts_with('/') {
            return Err(wrong());
        }
        let parts: Vec<&str> = relative.split('/').skip(1).collect();
        let leads_out = |part: &&str| matches!(*part, "" | "." | "..") || part.contains('\0');
        match parts.iter().any(leads_out) {
            true => Err(wrong()),
            false => Ok(Self {
                base: base.to_owned(),
                parts: parts.into_iter().map(OsString::from).collect(),
            }),
        }
    }

    /// A file that becomes just this.
    pub(super) fn of_file(local: &Path) -> Self {
        let parent = local.parent().filter(|parent| *parent != Path::new(""));
        match local.file_name() {
            Some(name) => Self {
                base: parent.unwrap_or(Path::new(".")).to_owned(),
                parts: vec![name.to_owned()],
            },
            None => Self { base: local.to_owned(), parts: Vec::new() },
        }
    }

    /// The place as a path.
    pub(super) fn path(&self) -> PathBuf {
        self.parts.iter().fold(self.base.clone(), |at, part| at.join(part))
    }

    /// Makes the directory that this is.
    pub(super) fn make(&self) -> Result<(), ClientError> {
        self.make_directories(self.parts.len())
    }

    fn make_directories(&self, depth: usize) -> Result<(), ClientError> {
        fs::create_dir_all(&self.base).map_err(|error| failed(&self.base, &error))?;
        let mut at = self.base.clone();
        for part in self.parts.iter().take(depth) {
            at.push(part);
            match fs::symlink_metadata(&at) {
                Ok(found) if found.is_dir() => {}
                Ok(found) if found.is_symlink() => {
                    let reason = format!("{}: a link is not written through", at.display());
                    return Err(ClientError::Local(reason));
                }
                Ok(_) => {
                    let reason = format!("{}: it is no directory", at.display());
                    return Err(ClientError::Local(reason));
                }
                // Somebody beside this may make it first.
                Err(_) => fs::create_dir_all(&at).map_err(|error| failed(&at, &error))?,
            }
        }
        Ok(())
    }
}

impl Fetching<'_> {
    /// Fetches a file, from where it broke last.
    pub(super) async fn fetch(&self, entry: &Entry, place: &Place) -> Result<Came, ClientError> {
        let local = place.path();
        let there = fs::symlink_metadata(&local).ok();
        if let Some(there) = there.filter(|_| !self.overwrite) {
            return Ok(match there.is_file() && Some(there.len()) == entry.size {
                true => Came::There,
                false => Came::Not(format!(
                    "{} is here and is not the same size: --overwrite replaces it",
                    local.display()
                )),
            });
        }
        place.make_directories(place.parts.len().saturating_sub(1))?;
        let directory = local.parent().filter(|parent| *parent != Path::new(""));
        let directory = directory.unwrap_or(Path::new("."));
        let Some(mut part) = Part::open(directory, entry)? else {
            return Ok(Came::Not("another command is fetching it".to_owned()));
        };
        let begun_at = part.bytes;
        let fetched = self.complete(entry, &mut part).await;
        let fetched = fetched
            .and_then(|()| fs::rename(&part.place, &local).map_err(|error| failed(&local, &error)));
        let goes_on = matches!(fetched, Err(ClientError::Unreachable(_))) && is_large(entry);
        if fetched.is_err() && !goes_on {
            // It may be gone already.
            let _ = fs::remove_file(&part.place);
        }
        match fetched {
            Err(error) if error.is_precondition() => {
                Ok(Came::Not("it was replaced meanwhile: fetch it again".to_owned()))
            }
            fetched => fetched.map(|()| Came::Done(part.bytes - begun_at)),
        }
    }

    async fn complete(&self, entry: &Entry, part: &mut Part) -> Result<(), ClientError> {
        let size = entry.size.unwrap_or_default();
        let (meter, mut resumptions) = (self.meter.part(), 0);
        meter.becomes(part.bytes);
        // Of an empty file there is nothing to ask for but whether it is there.
        while part.bytes < size || size == 0 {
            let before = part.bytes;
            let error = match self.fetch_rest(entry, part, &meter).await {
                Ok(()) if part.bytes == size => return Ok(()),
                Ok(()) => ClientError::Unreachable("the file ended too early".to_owned()),
                Err(error) => error,
            };
            if part.bytes > before {
                resumptions = 0;
            }
            let may_pass = matches!(error, ClientError::Unreachable(_)) && is_large(entry);
            if !may_pass || resumptions >= RESUMPTIONS_MAX {
                return Err(error);
            }
            resumptions += 1;
            tokio::time::sleep(RESUMPTION_PAUSE).await;
        }
        Ok(())
    }

    async fn fetch_rest(
        &self,
        entry: &Entry,
        part: &mut Part,
        meter: &Meter,
    ) -> Result<(), ClientError> {
        let size = entry.size.unwrap_or_default();
        let mut chunks = self.client.get(entry, part.bytes).await?.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| ClientError::Unreachable(error.to_string()))?;
            if part.bytes + chunk.len() as u64 > size {
                return Err(ClientError::Unintelligible("more came than the file has".to_owned()));
            }
            part.file.write_all(&chunk).map_err(|error| failed(&part.place, &error))?;
            part.bytes += chunk.len() as u64;
            meter.add(chunk.len() as u64);
        }
        Ok(())
    }
}

impl Part {
    /// The part of this version that is here, or an empty one; `None` where another process has
    /// it.
    fn open(directory: &Path, entry: &Entry) -> Result<Option<Self>, ClientError> {
        let word = |text: &str| -> String {
            text.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect()
        };
        let of_entry = format!("{PART}{}-", word(&entry.id));
        let name = format!("{of_entry}{}", word(entry.etag.as_deref().unwrap_or_default()));
        let place = directory.join(&name);
        if is_large(entry) && !place.exists() {
            remove_others(directory, &of_entry);
        }
        let mut options = fs::File::options();
        options.read(true).append(true).create(true);
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        let file = options.open(&place).map_err(|error| failed(&place, &error))?;
        if file.try_lock().is_err() {
            return Ok(None);
        }
        let own = file.metadata().map_err(|error| failed(&place, &error))?;
        // Whoever had it before may have given it its name, and it is a whole file by now.
        let named = fs::symlink_metadata(&place).ok();
        if named.is_none_or(|named| (named.dev(), named.ino()) != (own.dev(), own.ino())) {
            return Ok(None);
        }
        let is_good = entry.etag.is_some() && entry.size.is_some_and(|size| own.len() <= size);
        let bytes = if is_good { own.len() } else { 0 };
        file.set_len(bytes).map_err(|error| failed(&place, &error))?;
        Ok(Some(Self { place, file, bytes }))
    }
}

fn is_large(entry: &Entry) -> bool {
    entry.size.is_some_and(|size| size >= LARGE_BYTES_MIN)
}

/// Removes what was fetched of other versions of a file.
fn remove_others(directory: &Path, of_entry: &str) {
    let Ok(found) = fs::read_dir(directory) else { return };
    for other in found.take(LOOKED_AT_MAX).flatten() {
        if other.file_name().to_str().is_some_and(|name| name.starts_with(of_entry)) {
            let _ = fs::remove_file(other.path());
        }
    }
}

pub(super) fn failed(local: &Path, error: &std::io::Error) -> ClientError {
    ClientError::Local(format!("{}: {error}", local.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(top: &str, path: &str) -> Option<PathBuf> {
        Place::below(Path::new("b"), top, path).ok().map(|place| place.path())
    }

    #[test]
    fn nothing_that_a_server_says_leads_out_of_the_directory() {
        assert_eq!(at("/t", "/t/x/y"), Some(PathBuf::from("b/x/y")));
        assert_eq!(at("/t", "/t"), Some(PathBuf::from("b")));
        assert_eq!(at("/", "/x"), Some(PathBuf::from("b/x")));
        for (top, path) in [
            ("/t", "/t/../x"),
            ("/t", "/t/.."),
            ("/t", "/t/./x"),
            ("/t", "/t//x"),
            ("/t", "/t//etc/passwd"),
            ("/t", "/tx/y"),
            ("/t", "/x"),
            ("/t", "../x"),
            ("/", ""),
            ("/", "x"),
            ("/", "/x\0y"),
        ] {
            assert_eq!(at(top, path).filter(|_| !path.is_empty()), None, "{top} {path}");
        }
    }

    #[test]
    fn a_link_in_the_target_is_not_written_through_and_one_to_it_is() {
        let place = tempfile::tempdir().unwrap();
        let own = |name: &str| place.path().join(name);
        fs::create_dir(own("elsewhere")).unwrap();
        fs::create_dir(own("real")).unwrap();
        std::os::unix::fs::symlink(own("real"), own("target")).unwrap();
        std::os::unix::fs::symlink(own("elsewhere"), own("real/link")).unwrap();
        let make = |path: &str| Place::below(&own("target"), "/t", path).unwrap().make();
        make("/t/a/b").unwrap();
        assert!(own("real/a/b").is_dir());
        for path in ["/t/link", "/t/link/x"] {
            assert!(matches!(make(path), Err(ClientError::Local(_))), "{path}");
        }
        fs::write(own("real/file"), "").unwrap();
        assert!(make("/t/file/x").is_err());
        assert_eq!(fs::read_dir(own("elsewhere")).unwrap().count(), 0);
    }

    #[test]
    fn a_part_goes_on_for_the_same_version_alone_and_for_one_process() {
        let place = tempfile::tempdir().unwrap();
        let entry = |etag: &str| -> Entry {
            serde_json::from_value(serde_json::json!({ "id": "i", "path": "/a", "kind": "file",
                "locked": false, "created_at": "C", "size": LARGE_BYTES_MIN, "etag": etag }))
            .unwrap()
        };
        let mut part = Part::open(place.path(), &entry("\"1\"")).unwrap().unwrap();
        part.file.write_all(b"abc").unwrap();
        assert!(Part::open(place.path(), &entry("\"1\"")).unwrap().is_none());
        drop(part);
        let part = Part::open(place.path(), &entry("\"1\"")).unwrap().unwrap();
        assert_eq!(part.bytes, 3);
        drop(part);
        let other = Part::open(place.path(), &entry("\"2\"")).unwrap().unwrap();
        assert_eq!(other.bytes, 0);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
