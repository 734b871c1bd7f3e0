//! Walking: everything below, sorted, and then cut.

use async_trait::async_trait;

use super::{Holdings, MemoryLedger};
use crate::domain::entry::Entry;
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::ledger::{LedgerError, WalkLedger, WalkQuery, Walked};

/// Sorts as the walk goes: at each level files before folders, a folder before what is in it.
fn place(path: &EntryPath, is_folder: bool) -> Vec<(bool, String)> {
    let mut place: Vec<(bool, String)> = path.names().map(|name| (true, name.to_owned())).collect();
    if let Some((kind, _)) = place.last_mut() {
        *kind = is_folder;
    }
    place
}

impl Holdings {
    fn walk(&self, realm: &Realm, query: &WalkQuery) -> Option<Vec<Walked>> {
        if !realm.sees(&query.top) || !self.folders.contains_key(&query.top) {
            return None;
        }
        let top_depth = query.top.names().count();
        let is_met = |path: &EntryPath| {
            let depth = path.names().count();
            query.top.contains(path)
                && depth > top_depth
                && query.depth.is_none_or(|depth_max| depth - top_depth <= depth_max)
        };
        let folders = self.folders.keys().filter(|path| is_met(path)).map(|path| {
            let folder = self.folder_record(path).expect("the path is a folder's");
            Walked { path: path.clone(), entry: Entry::Folder(folder) }
        });
        let files = self.files.iter().filter(|(path, _)| is_met(path));
        let files = files
            .map(|(path, file)| Walked { path: path.clone(), entry: Entry::File(file.clone()) });
        let place_of = |met: &Walked| place(&met.path, met.cursor().is_folder);
        let mut met: Vec<Walked> = folders.chain(files).collect();
        met.sort_by_key(place_of);
        if let Some(after) = &query.after {
            let after = place(&after.path, after.is_folder);
            met.retain(|met| place_of(met) > after);
        }
        met.truncate(query.limit);
        Some(met)
    }
}

#[async_trait]
impl WalkLedger for MemoryLedger {
    async fn walk(
        &self,
        realm: &Realm,
        query: &WalkQuery,
    ) -> Result<Option<Vec<Walked>>, LedgerError> {
        Ok(self.state().holdings(realm.organization).walk(realm, query))
    }
}
