//! What the plans of organizations allow, and the pure decision whether a version may come in.
//!
//! An organization names its plan; the configuration says what that name allows. Limits of
//! requests are counted at the edge, those of storage hold in the transaction that stores.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::declared::declared;
use super::entry::{NewVersion, UploadRefusal};
use super::guard::{GuardLimits, SHARE_PERCENT_MAX};
use super::media::{is_media_range, media_range_takes};
use super::organization::DEFAULT_PLAN;
use super::path::EntryPath;
use super::usage::Usage;

/// Accepted batch deletions in a rolling hour, where nothing else is said.
pub const BATCH_DELETIONS_PER_HOUR: u32 = 10;
/// Attempts at batch deletions in a rolling minute, where nothing else is said.
pub const BATCH_ATTEMPTS_PER_MINUTE: u32 = 600;
/// A limit of requests is at most this.
pub const REQUESTS_MAX: u64 = 1_000_000;
/// Bytes of a plan's name at most.
const NAME_BYTES_MAX: usize = 64;

/// What a limit of bytes or files may be.
const AMOUNT: RangeInclusive<u64> = 0..=i64::MAX.unsigned_abs();

declared! {
    /// The limits of one plan. What is not said is not limited, but for the two of batches.
    pub struct PlanLimits {
        requests_per_minute: Option<u32> = None, "requests", [1..=REQUESTS_MAX],
            "Of one organization in a rolling minute, through all doors; what is refused as one too \
            many does not count. Counted in the process: a restart forgets it.";
        batch_deletions_per_hour: Option<u32> = None, "batches", [1..=REQUESTS_MAX],
            "Accepted Sirv batches in a rolling hour; counted in the database.";
        batch_attempts_per_minute: Option<u32> = None, "attempts", [1..=REQUESTS_MAX],
            "Sirv batches in a rolling minute, refused ones included.";
        quota_bytes: Option<u64> = None, "bytes", [AMOUNT],
            "Of live files together. An overwrite counts the difference, a deletion makes room at \
            its commit.";
        quota_files: Option<u64> = None, "files", [AMOUNT],
            "Live ones.";
        backlog_bytes_max: Option<u64> = None, "bytes", [AMOUNT],
            "Deleted and not removed yet. Beyond it uploads answer 507 until the disk has caught up.";
        file_bytes_max: Option<u64> = None, "bytes", [AMOUNT],
            "Of one file.";
        guard_files_max: Option<u64> = None, "files", [AMOUNT],
            "That one request of the native API deletes without a confirmation of their number.";
        guard_share_max: Option<u8> = None, "percent", [0..=u64::from(SHARE_PERCENT_MAX)],
            "Of the live files; the same.";
        media_types: Vec<String> = Vec::new(), "list",
            "The types that are taken, whole, such as `image/png`, or by their kind, such as \
            `image/*`. None named: any.";
    }
}

/// The plans that exist, by name. [`DEFAULT_PLAN`] always does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plans(BTreeMap<String, PlanLimits>);

/// What a version that comes in will replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// Nothing: there will be one file more.
    Nothing,
    /// A live file of so many bytes.
    Bytes(u64),
    /// That is not known yet, so that no quota can be used up for certain.
    Unknown,
}

/// A version that is about to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incoming<'a> {
    /// Its size, or as much of it as is certain already.
    pub bytes: u64,
    /// Its media type.
    pub content_type: &'a str,
    /// What it replaces.
    pub replaces: Replaces,
}

impl<'a> Incoming<'a> {
    /// A version whose bytes are all there.
    pub fn of(version: &'a NewVersion, replaces: Replaces) -> Self {
        let content_type = &version.attributes.content_type;
        Self { bytes: version.content.size, content_type, replaces }
    }
}

/// How large a version may become, and the refusal of one that is larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Bytes at most.
    pub bytes_max: u64,
    /// Why not more.
    pub beyond: UploadRefusal,
}

/// An upload as far as it is known before its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// As many bytes as it will have at least.
    pub bytes: u64,
    /// Its media type.
    pub content_type: String,
    /// Where it goes.
    pub target: Target,
}

/// Where an announced upload goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a place of its own.
    New,
    /// To this path, over what may lie there.
    At(EntryPath),
    /// That is said later.
    Unknown,
}

impl PlanLimits {
    /// Accepted batch deletions in a rolling hour.
    pub fn batch_deletions_per_hour(&self) -> u32 {
        self.batch_deletions_per_hour.unwrap_or(BATCH_DELETIONS_PER_HOUR)
    }

    /// Attempts at batch deletions in a rolling minute.
    pub fn batch_attempts_per_minute(&self) -> u32 {
        self.batch_attempts_per_minute.unwrap_or(BATCH_ATTEMPTS_PER_MINUTE)
    }

    /// What one request may delete without a confirmation.
    pub const fn guard(&self) -> GuardLimits {
        GuardLimits { files_max: self.guard_files_max, share_percent_max: self.guard_share_max }
    }

    /// Whether anything about storing depends on this plan.
    pub fn limit_storage(&self) -> bool {
        let numbers =
            [self.quota_bytes, self.quota_files, self.backlog_bytes_max, self.file_bytes_max];
        numbers.iter().any(Option::is_some) || !self.media_types.is_empty()
    }

    /// Whether a version may come in while this much is used, and how large it may become;
    /// `None`: of any size. What makes an organization smaller, or leaves it as large as it is, is
    /// never over the quota.
    pub fn admit(
        &self,
        usage: &Usage,
        incoming: &Incoming<'_>,
    ) -> Result<Option<Bound>, UploadRefusal> {
        if !self.takes(incoming.content_type) {
            return Err(UploadRefusal::MediaType);
        }
        if let Some(limit) = self.file_bytes_max
            && incoming.bytes > limit
        {
            return Err(UploadRefusal::FileTooLarge { limit });
        }
        let backlog = usage.doomed.bytes.saturating_add(usage.condemned.bytes);
        if self.backlog_bytes_max.is_some_and(|limit| backlog > limit) {
            return Err(UploadRefusal::BacklogFull);
        }
        if let (Some(limit), Replaces::Nothing) = (self.quota_files, incoming.replaces)
            && usage.live.files >= limit
        {
            return Err(UploadRefusal::FilesQuota { limit });
        }
        let file = self
            .file_bytes_max
            .map(|limit| Bound { bytes_max: limit, beyond: UploadRefusal::FileTooLarge { limit } });
        let quota = self.quota_bytes.map(|limit| Bound {
            bytes_max: room(limit, usage.live.bytes, incoming.replaces),
            beyond: UploadRefusal::BytesQuota { limit },
        });
        let bound = file.into_iter().chain(quota).min_by_key(|bound| bound.bytes_max);
        match bound {
            Some(bound) if incoming.bytes > bound.bytes_max => Err(bound.beyond),
            bound => Ok(bound),
        }
    }

    /// The same for versions that come in together, each measured with those before it; the place
    /// of the first one that is not let in.
    pub fn admit_together(
        &self,
        mut usage: Usage,
        incoming: &[Incoming<'_>],
    ) -> Result<(), (usize, UploadRefusal)> {
        for (place, version) in incoming.iter().enumerate() {
            self.admit(&usage, version).map_err(|refusal| (place, refusal))?;
            match version.replaces {
                Replaces::Nothing => usage.live.files += 1,
                Replaces::Bytes(old) => {
                    usage.live.bytes = usage.live.bytes.saturating_sub(old);
                    usage.condemned.bytes = usage.condemned.bytes.saturating_add(old);
                }
                Replaces::Unknown => {}
            }
            usage.live.bytes = usage.live.bytes.saturating_add(version.bytes);
        }
        Ok(())
    }

    /// Whether these limits, and the plan's name, are such as can be held; else the key in the
    /// configuration, and what is wrong with its value.
    pub fn check(&self, name: &str) -> Result<(), (String, String)> {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
            let problem = "must have a name of 1 to 64 letters in lower case, digits, '-' and '_'";
            return Err((format!("plans.{name}"), problem.to_owned()));
        }
        if let Some((key, problem)) = self.out_of_range() {
            return Err((format!("plans.{name}.{key}"), problem));
        }
        match self.media_types.iter().find(|media_type| !is_media_range(media_type)) {
            None => Ok(()),
            Some(wrong) => {
                let problem = format!("has '{wrong}', and must be like 'image/png' or 'image/*'");
                Err((format!("plans.{name}.media_types"), problem))
            }
        }
    }

    fn takes(&self, content_type: &str) -> bool {
        self.media_types.is_empty()
            || self.media_types.iter().any(|range| media_range_takes(range, content_type))
    }
}

/// How large a version may be, with `live` bytes of `quota` in use.
fn room(quota: u64, live: u64, replaces: Replaces) -> u64 {
    match replaces {
        Replaces::Nothing => quota.saturating_sub(live),
        Replaces::Bytes(bytes) => {
            let others = live.saturating_sub(bytes);
            quota.saturating_sub(others).max(bytes)
        }
        // It may replace all there is.
        Replaces::Unknown => quota.max(live),
    }
}

impl Plans {
    /// These plans, and the default one without limits where it is not among them.
    pub fn new(plans: impl IntoIterator<Item = (String, PlanLimits)>) -> Self {
        let mut plans: BTreeMap<String, PlanLimits> = plans.into_iter().collect();
        plans.entry(DEFAULT_PLAN.to_owned()).or_default();
        Self(plans)
    }

    /// The limits of the plan of this name; `None` where there is no such plan.
    pub fn get(&self, name: &str) -> Option<&PlanLimits> {
        self.0.get(name)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether any of them limits what is stored.
    pub fn limit_storage(&self) -> bool {
        self.0.values().any(PlanLimits::limit_storage)
    }
}

impl Default for Plans {
    fn default() -> Self {
        Self::new([])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::usage::Tally;

    const TEN: PlanLimits = PlanLimits {
        requests_per_minute: None,
        batch_deletions_per_hour: None,
        batch_attempts_per_minute: None,
        quota_bytes: Some(10),
        quota_files: None,
        backlog_bytes_max: None,
        file_bytes_max: None,
        guard_files_max: None,
        guard_share_max: None,
        media_types: Vec::new(),
    };
    const OVER: UploadRefusal = UploadRefusal::BytesQuota { limit: 10 };

    fn live(files: u64, bytes: u64) -> Usage {
        Usage { live: Tally { files, bytes }, ..Usage::default() }
    }

    fn admit(
        plan: &PlanLimits,
        live_bytes: u64,
        bytes: u64,
        replaces: Replaces,
    ) -> Result<u64, UploadRefusal> {
        let incoming = Incoming { bytes, content_type: "a/b", replaces };
        let bound = plan.admit(&live(3, live_bytes), &incoming)?;
        Ok(bound.map_or(u64::MAX, |bound| bound.bytes_max))
    }

    #[test]
    fn a_quota_is_exact_at_its_edge() {
        let new = |live, bytes| admit(&TEN, live, bytes, Replaces::Nothing);
        assert_eq!([new(7, 2), new(7, 3)], [Ok(3), Ok(3)]);
        assert_eq!([new(7, 4), new(7, u64::MAX)], [Err(OVER), Err(OVER)]);
        assert_eq!([new(10, 0), new(10, 1)], [Ok(0), Err(OVER)]);
        assert_eq!(new(12, 0), Ok(0));
    }

    #[test]
    fn an_overwrite_counts_the_difference() {
        let over = |live, old, bytes| admit(&TEN, live, bytes, Replaces::Bytes(old));
        assert_eq!([over(10, 4, 3), over(10, 4, 4), over(10, 4, 5)], [Ok(4), Ok(4), Err(OVER)]);
        assert_eq!([over(8, 4, 6), over(8, 4, 7)], [Ok(6), Err(OVER)]);
        // The plan was made smaller: what does not grow is still taken.
        assert_eq!([over(15, 4, 4), over(15, 4, 5)], [Ok(4), Err(OVER)]);
    }

    #[test]
    fn what_may_replace_anything_is_refused_only_where_it_never_fits() {
        let unknown = |live, bytes| admit(&TEN, live, bytes, Replaces::Unknown);
        assert_eq!([unknown(10, 10), unknown(10, 11)], [Ok(10), Err(OVER)]);
        assert_eq!(unknown(12, 12), Ok(12));
        let none = PlanLimits { quota_files: Some(3), ..PlanLimits::default() };
        assert_eq!(admit(&none, 10, 10, Replaces::Unknown), Ok(u64::MAX));
    }

    #[test]
    fn a_quota_of_files_counts_files_that_are_new() {
        let plan = |limit| PlanLimits { quota_files: Some(limit), ..PlanLimits::default() };
        let full = Err(UploadRefusal::FilesQuota { limit: 3 });
        assert_eq!(admit(&plan(4), 1, 1, Replaces::Nothing), Ok(u64::MAX));
        assert_eq!(admit(&plan(3), 1, 1, Replaces::Nothing), full);
        assert_eq!(admit(&plan(3), 1, 1, Replaces::Bytes(1)), Ok(u64::MAX));
    }

    #[test]
    fn what_comes_together_is_measured_together() {
        let version = |bytes, replaces| Incoming { bytes, content_type: "a/b", replaces };
        let together = |versions: &[Incoming<'_>]| TEN.admit_together(live(1, 4), versions);
        let (new, over) = (Replaces::Nothing, Replaces::Bytes(4));
        assert_eq!(together(&[version(3, new), version(3, new)]), Ok(()));
        assert_eq!(together(&[version(3, new), version(4, new)]), Err((1, OVER)));
        assert_eq!(together(&[version(1, over), version(9, new)]), Ok(()));
        assert_eq!(together(&[version(1, over), version(9, new), version(1, new)]), Err((2, OVER)));
    }

    #[test]
    fn a_backlog_counts_what_is_doomed_and_what_is_condemned() {
        let plan = PlanLimits { backlog_bytes_max: Some(5), ..PlanLimits::default() };
        let incoming = Incoming { bytes: 1, content_type: "a/b", replaces: Replaces::Nothing };
        let waiting = |doomed, condemned| Usage {
            doomed: Tally::one(doomed),
            condemned: Tally::one(condemned),
            ..Usage::default()
        };
        assert_eq!(plan.admit(&waiting(2, 3), &incoming), Ok(None));
        assert_eq!(plan.admit(&waiting(2, 4), &incoming), Err(UploadRefusal::BacklogFull));
        assert_eq!(plan.admit(&waiting(6, 0), &incoming), Err(UploadRefusal::BacklogFull));
    }

    #[test]
    fn a_file_that_is_too_large_by_itself_is_told_so_whatever_the_quota_says() {
        let plan = PlanLimits { file_bytes_max: Some(6), ..TEN };
        let large = Err(UploadRefusal::FileTooLarge { limit: 6 });
        let new = |live, bytes| admit(&plan, live, bytes, Replaces::Nothing);
        assert_eq!([new(0, 6), new(0, 7), new(9, 7)], [Ok(6), large.clone(), large]);
        assert_eq!([new(9, 1), new(9, 2)], [Ok(1), Err(OVER)]);
    }

    #[test]
    fn media_types_are_taken_whole_or_by_their_kind() {
        let media_types = vec!["image/*".to_owned(), "Video/MP4".to_owned()];
        let plan = PlanLimits { media_types, ..PlanLimits::default() };
        for (content_type, taken) in [
            ("image/png", true),
            ("IMAGE/x; charset=utf-8", true),
            ("video/mp4;codecs=av1", true),
            ("video/webm", false),
            ("imagery/png", false),
            ("", false),
        ] {
            let incoming = Incoming { bytes: 0, content_type, replaces: Replaces::Nothing };
            let admitted = plan.admit(&Usage::default(), &incoming);
            assert_eq!(admitted.is_ok(), taken, "{content_type}");
        }
    }

    #[test]
    fn the_default_plan_exists_and_limits_no_storage() {
        let plans = Plans::default();
        assert_eq!(plans.names().collect::<Vec<_>>(), [DEFAULT_PLAN]);
        assert!(!plans.limit_storage());
        let default = plans.get(DEFAULT_PLAN).unwrap();
        assert_eq!(default.requests_per_minute, None);
        assert_eq!(default.batch_deletions_per_hour(), 10);
        assert_eq!(default.batch_attempts_per_minute(), 600);
        assert_eq!(plans.get("other"), None);
    }
}
