//! What the workers do until the server is gone.

use std::sync::atomic::Ordering;

use rand::Rng;
use serde_json::json;

use super::Cut;
use super::account::{Account, Job, OwnCommand, Standing, content};
use crate::harness::{Answer, Client};

/// A worker has at most so many files at a time, so that a check stays short.
const STORED_MAX: usize = 50;
const STEPS_MAX: usize = 100_000;

/// An answer that says how it went, or nothing from which anything follows.
enum Told {
    Success(Answer),
    Nothing,
}

/// What a worker works with.
struct Desk<'a> {
    client: &'a Client,
    locked: &'a str,
    cut: &'a Cut,
}

impl Desk<'_> {
    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// Sorts an answer: success, or none. Anything else is a bug, since each worker asks only for
    /// what must be possible.
    fn told(&self, what: &str, success: u16, answer: reqwest::Result<Answer>) -> Told {
        match answer {
            Ok(answer) if answer.status == success => Told::Success(answer),
            Ok(answer) if answer.status >= 500 && self.is_cut() => Told::Nothing,
            Ok(answer) => panic!("{what} gave {}: {}", answer.status, answer.text()),
            Err(_) => Told::Nothing,
        }
    }
}

impl Account {
    /// Works until something has no answer.
    pub async fn work(&mut self, client: &Client, locked: &str, cut: &Cut) {
        let desk = Desk { client, locked, cut };
        for _ in 0..STEPS_MAX {
            let full = self.stored().len() >= STORED_MAX;
            let goes_on = match self.rng.random_range(if full { 8..18 } else { 0..18 }) {
                0..3 => self.upload_by_path(&desk).await,
                3..6 => self.upload_by_id(&desk).await,
                6 => self.upload_outputs(&desk).await,
                7 => self.overwrite(&desk).await,
                8..10 => self.delete_one(&desk).await,
                10..12 => self.delete_many(&desk).await,
                12 => self.delete_path(&desk).await,
                13 => self.delete_folder(&desk).await,
                14 => self.delete_outputs(&desk).await,
                15 => self.delete_batch(&desk).await,
                _ => self.rename(&desk).await,
            };
            if !goes_on {
                return;
            }
        }
    }

    async fn upload_by_path(&mut self, desk: &Desk<'_>) -> bool {
        let at = self.new_piece(true);
        let (path, body) =
            (self.pieces[at].path.clone().unwrap(), content(self.pieces[at].contents[0]));
        let answer = if self.rng.random() {
            desk.told("merple upload", 201, desk.client.merple_put(&path, body).await)
        } else {
            desk.told("sirv upload", 200, desk.client.sirv_put(&path, body).await)
        };
        self.uploaded(at, &answer)
    }

    async fn upload_by_id(&mut self, desk: &Desk<'_>) -> bool {
        let by_path = self.rng.random();
        let at = self.new_piece(by_path);
        let piece = &self.pieces[at];
        let body = content(piece.contents[0]);
        let answer = desk.client.swiftia_put(&piece.name, piece.path.as_deref(), body).await;
        let told = desk.told("swiftia upload", 201, answer);
        if let Told::Success(answer) = &told {
            let file = answer.json();
            self.pieces[at].id = Some(file["id"].as_str().unwrap().to_owned());
            self.pieces[at].url = file["url"].as_str().map(|url| without_authority(url).to_owned());
        }
        self.uploaded(at, &told)
    }

    async fn upload_outputs(&mut self, desk: &Desk<'_>) -> bool {
        const OUTPUTS: usize = 3;
        let made = desk.told("command", 201, desk.client.command_create().await);
        let Told::Success(answer) = made else { return false };
        let id = answer.json()["command_id"].as_str().unwrap().to_owned();
        self.commands.push(OwnCommand { id: id.clone(), outputs: Vec::new(), closed: false });
        for _ in 0..OUTPUTS {
            let at = self.new_piece(false);
            self.commands.last_mut().unwrap().outputs.push(at);
            let piece = &self.pieces[at];
            let body = content(piece.contents[0]);
            let answer = desk.client.command_output(&id, &piece.name, body).await;
            if !self.uploaded(at, &desk.told("output", 201, answer)) {
                return false;
            }
        }
        true
    }

    async fn overwrite(&mut self, desk: &Desk<'_>) -> bool {
        let Some(at) = self.any_stored(|piece| piece.path.is_some()) else { return true };
        let fresh = self.rng.random();
        let path = self.pieces[at].path.clone().unwrap();
        self.pieces[at].touched = true;
        match desk.told("overwrite", 201, desk.client.merple_put(&path, content(fresh)).await) {
            Told::Success(_) => {
                self.pieces[at].contents = vec![fresh];
                true
            }
            Told::Nothing => {
                self.pieces[at].contents.push(fresh);
                false
            }
        }
    }

    async fn rename(&mut self, desk: &Desk<'_>) -> bool {
        let Some(at) = self.any_stored(|piece| piece.path.is_some()) else { return true };
        let piece = &mut self.pieces[at];
        let (from, (_, to)) = (piece.path.clone().unwrap(), piece.other_place().unwrap());
        (piece.touched, piece.renamed) = (true, true);
        match desk.told("rename", 200, desk.client.sirv_rename(&from, &to).await) {
            Told::Success(_) => {
                self.pieces[at].change_places();
                true
            }
            Told::Nothing => {
                self.pieces[at].elsewhere = true;
                false
            }
        }
    }

    async fn delete_one(&mut self, desk: &Desk<'_>) -> bool {
        let Some(at) = self.any_stored(|piece| piece.id.is_some()) else { return true };
        let id = self.pieces[at].id.clone().unwrap();
        let told = desk.told("swiftia delete", 200, desk.client.swiftia_delete(&id).await);
        if let Told::Success(answer) = &told {
            assert_eq!(answer.json(), json!({ "id": id, "deleted": true }));
        }
        self.deleted(desk, &[at], &told).await
    }

    async fn delete_many(&mut self, desk: &Desk<'_>) -> bool {
        const IDS_MAX: usize = 5;
        let mut pieces = self.stored();
        pieces.retain(|at| self.pieces[*at].id.is_some());
        pieces.truncate(self.rng.random_range(1..=IDS_MAX));
        if pieces.is_empty() {
            return true;
        }
        let ids = pieces.iter().map(|at| self.pieces[*at].id.clone().unwrap());
        let ids: Vec<String> = ids.collect();
        let told = desk.told("templated delete", 200, desk.client.templated_delete(&ids).await);
        if let Told::Success(answer) = &told {
            assert_eq!(answer.json()["deleted"], json!(ids));
        }
        self.deleted(desk, &pieces, &told).await
    }

    async fn delete_path(&mut self, desk: &Desk<'_>) -> bool {
        let Some(at) = self.any_stored(|piece| piece.path.is_some()) else { return true };
        let path = self.pieces[at].path.clone().unwrap();
        let told = desk.told("merple delete", 200, desk.client.merple_delete(&path).await);
        self.deleted(desk, &[at], &told).await
    }

    async fn delete_folder(&mut self, desk: &Desk<'_>) -> bool {
        let Some((folder, pieces)) = self.any_folder() else { return true };
        let told = desk.told("folder delete", 200, desk.client.merple_delete(&folder).await);
        self.deleted(desk, &pieces, &told).await
    }

    async fn delete_outputs(&mut self, desk: &Desk<'_>) -> bool {
        let Some(at) = self.commands.iter().position(|command| !command.closed) else {
            return true;
        };
        let command = self.commands[at].clone();
        let live = command.outputs.iter().copied().filter(|output| self.is_stored(*output));
        let live: Vec<usize> = live.collect();
        self.commands[at].closed = true;
        let told = desk.told("outputs", 200, desk.client.renderio_delete(&command.id).await);
        if let Told::Success(answer) = &told {
            assert_eq!(answer.json(), json!({ "deleted": true, "files_deleted": live.len() }));
        }
        self.deleted(desk, &live, &told).await
    }

    async fn delete_batch(&mut self, desk: &Desk<'_>) -> bool {
        let Some((folder, mut pieces)) = self.any_folder() else { return true };
        let mut paths = vec![folder, desk.locked.to_owned(), "/load/absent".to_owned()];
        if let Some(other) = self.any_stored(|piece| piece.path.is_some())
            && !pieces.contains(&other)
        {
            paths.push(self.pieces[other].path.clone().unwrap());
            pieces.push(other);
        }
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let told = desk.told("batch delete", 200, desk.client.sirv_delete(&paths).await);
        if let Told::Success(answer) = &told {
            let id = answer.json()["id"].as_str().unwrap().to_owned();
            let result = json!({
                "skipped": [desk.locked],
                "notfound": 1,
                "deleted": { "files": pieces.len(), "dirs": 1 },
            });
            self.jobs.push(Job { id, result, progress: 0 });
        }
        self.deleted(desk, &pieces, &told).await
    }

    /// A folder that holds something stored, with all of that.
    fn any_folder(&mut self) -> Option<(String, Vec<usize>)> {
        let at = self.any_stored(|piece| piece.path.is_some())?;
        let folder = self.folder_of(at);
        let mut pieces = self.stored();
        pieces
            .retain(|other| self.pieces[*other].path.is_some() && self.folder_of(*other) == folder);
        Some((folder, pieces))
    }

    fn uploaded(&mut self, at: usize, told: &Told) -> bool {
        match told {
            Told::Success(_) => {
                self.set(&[at], Standing::Stored);
                true
            }
            Told::Nothing => false,
        }
    }

    async fn deleted(&mut self, desk: &Desk<'_>, pieces: &[usize], told: &Told) -> bool {
        match told {
            Told::Success(_) => {
                self.set(pieces, Standing::Gone);
                let Some(first) = pieces.first() else { return true };
                self.is_unreachable(desk, *first).await
            }
            Told::Nothing => {
                self.set(pieces, Standing::Unsure);
                self.unsure_together.push(pieces.to_vec());
                false
            }
        }
    }

    /// Reads what was reported as deleted: whoever gets an answer gets a 404.
    async fn is_unreachable(&self, desk: &Desk<'_>, at: usize) -> bool {
        let piece = &self.pieces[at];
        let answer = match (&piece.path, &piece.id) {
            (Some(path), _) => desk.client.sirv_stat(path).await,
            (None, Some(id)) => desk.client.swiftia_get(id).await,
            (None, None) => return true,
        };
        match answer {
            Ok(answer) if answer.status >= 500 && desk.is_cut() => false,
            Ok(answer) => {
                assert_eq!(answer.status, 404, "{} was reported as deleted", piece.name);
                true
            }
            Err(_) => false,
        }
    }
}

/// What remains of an absolute url when the server listens elsewhere.
pub fn without_authority(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let path = url[after_scheme..].find('/').unwrap();
    &url[after_scheme + path..]
}
