//! What one worker was told, and thus what must be true.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use serde_json::Value;

/// What must be true of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its upload was acknowledged, and nobody asked to delete it.
    Stored,
    /// Its deletion was acknowledged.
    Gone,
    /// Something was asked of it and not answered.
    Unsure,
}

/// One file that was once uploaded.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Its name, which no other file ever has.
    pub name: String,
    /// Where it lies; `None` where the server chose.
    pub path: Option<String>,
    /// Its id, once it was told.
    pub id: Option<String>,
    /// Its signed url without the authority, once it was told.
    pub url: Option<String>,
    /// Its bytes, as seeds: more than one while an overwrite is unsure.
    pub contents: Vec<u64>,
    /// What must be true.
    pub standing: Standing,
    /// Whether something was asked of it since the last check.
    pub touched: bool,
    /// Whether it was ever asked to take its other place.
    pub renamed: bool,
    /// Whether such a request was not answered, so that it lies at one of the two.
    pub elsewhere: bool,
}

/// What the name of a file ends with at its other place.
const MOVED: &str = ".moved";

impl Piece {
    /// The other name that it may have, and its path there; none where the server chose the path.
    pub fn other_place(&self) -> Option<(String, String)> {
        let path = self.path.as_deref()?;
        let other = |text: &str| match text.strip_suffix(MOVED) {
            Some(original) => original.to_owned(),
            None => format!("{text}{MOVED}"),
        };
        Some((other(&self.name), other(path)))
    }

    /// Notes that it lies at its other place now.
    pub fn change_places(&mut self) {
        if let Some((name, path)) = self.other_place() {
            self.name = name;
            self.path = Some(path);
        }
    }
}

/// A batch deletion that was accepted.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: String,
    /// What its result must be, to the last count.
    pub result: Value,
    /// The highest progress that was seen.
    pub progress: u64,
}

/// A command whose outputs may be deleted.
#[derive(Clone, Debug)]
pub struct OwnCommand {
    pub id: String,
    /// Indexes of its outputs' pieces.
    pub outputs: Vec<usize>,
    /// Whether the deletion of its outputs was asked for.
    pub closed: bool,
}

/// Everything that one worker knows.
pub struct Account {
    pub worker: usize,
    pub rng: StdRng,
    pub pieces: Vec<Piece>,
    pub jobs: Vec<Job>,
    pub commands: Vec<OwnCommand>,
    /// Pieces whose deletion was asked in one all-or-none request that was not answered.
    pub unsure_together: Vec<Vec<usize>>,
}

const FILES_PER_FOLDER: usize = 6;

impl Account {
    /// An empty account.
    pub fn new(worker: usize, seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed.wrapping_add(1 + worker as u64));
        let (pieces, jobs, commands, unsure_together) = Default::default();
        Self { worker, rng, pieces, jobs, commands, unsure_together }
    }

    /// A new piece that nobody was asked to store yet; its index.
    pub fn new_piece(&mut self, has_path: bool) -> usize {
        let number = self.pieces.len();
        let name = format!("w{}-{number}.bin", self.worker);
        let folder = self.folder_of(number);
        self.pieces.push(Piece {
            path: has_path.then(|| format!("{folder}/{name}")),
            name,
            id: None,
            url: None,
            contents: vec![self.rng.next_u64()],
            standing: Standing::Unsure,
            touched: true,
            renamed: false,
            elsewhere: false,
        });
        number
    }

    /// The folder in which the piece of this index lies, if it has a path.
    pub fn folder_of(&self, piece: usize) -> String {
        format!("/load/w{}/{}", self.worker, piece / FILES_PER_FOLDER)
    }

    /// Stored pieces, as indexes.
    pub fn stored(&self) -> Vec<usize> {
        (0..self.pieces.len()).filter(|at| self.is_stored(*at)).collect()
    }

    /// Whether a piece must be there.
    pub fn is_stored(&self, piece: usize) -> bool {
        self.pieces[piece].standing == Standing::Stored
    }

    /// One stored piece by chance, of those that `fits`.
    pub fn any_stored(&mut self, fits: impl Fn(&Piece) -> bool) -> Option<usize> {
        let fitting = self.stored().into_iter().filter(|at| fits(&self.pieces[*at]));
        let fitting: Vec<usize> = fitting.collect();
        if fitting.is_empty() {
            return None;
        }
        Some(fitting[self.rng.random_range(0..fitting.len())])
    }

    /// Sets what must be true of some pieces.
    pub fn set(&mut self, pieces: &[usize], standing: Standing) {
        for at in pieces {
            self.pieces[*at].standing = standing;
            self.pieces[*at].touched = true;
        }
    }
}

/// The bytes of a seed: mostly small, sometimes none, sometimes more than one buffer.
pub fn content(seed: u64) -> Bytes {
    let mut rng = StdRng::seed_from_u64(seed);
    let size = match rng.random_range(0..20) {
        0 => 0,
        1 => rng.random_range(60_000..300_000),
        _ => rng.random_range(1..8_000),
    };
    let mut bytes = vec![0; size];
    rng.fill_bytes(&mut bytes);
    Bytes::from(bytes)
}
