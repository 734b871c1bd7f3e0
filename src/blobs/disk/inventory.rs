//! Listing everything, for `verify`.

use rustix::fs::FileType;

use super::fault::Fault;
use super::layout::{
    LOST_AND_FOUND, SENTINEL, SENTINEL_PART, directory_name, parse_blob, parse_directory,
};
use super::root::{Root, entries, look};
use crate::blobs::Inventory;

/// All blobs with their sizes, finished or not, and whatever else lies there.
pub(super) fn list(root: &Root) -> Result<Inventory, Fault> {
    root.check()?;
    let mut inventory = Inventory::default();
    let top = root.reopen()?;
    for name in entries(&top)? {
        if [SENTINEL, SENTINEL_PART, LOST_AND_FOUND].contains(&name.as_str()) {
            continue;
        }
        let number = parse_directory(&name);
        match (number, look(&top, &name)?) {
            (Some(number), Some((FileType::Directory, _))) => {
                list_directory(root, number, &mut inventory)?;
            }
            // It was just removed.
            (Some(_), None) => {}
            // What is no UTF-8 is not found again, and is a stranger all the same.
            (Some(_) | None, Some(_)) | (None, None) => inventory.strangers.push(name),
        }
    }
    inventory.blobs.sort_unstable();
    inventory.strangers.sort_unstable();
    // Had the disk gone meanwhile, half a list would look whole.
    root.check()?;
    Ok(inventory)
}

fn list_directory(root: &Root, number: i64, inventory: &mut Inventory) -> Result<(), Fault> {
    let Some(directory) = root.directory(number)? else { return Ok(()) };
    for name in entries(&directory)? {
        let stranger = || format!("{}/{name}", directory_name(number));
        let Some(key) = parse_blob(number, &name) else {
            inventory.strangers.push(stranger());
            continue;
        };
        match look(&directory, &name)? {
            Some((FileType::RegularFile, size)) => inventory.blobs.push((key, size)),
            Some(_) => inventory.strangers.push(stranger()),
            None => {}
        }
    }
    Ok(())
}
