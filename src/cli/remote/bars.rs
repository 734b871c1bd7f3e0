//! The bar of files that go one way: how many, how many bytes, how long it will take.

use std::time::Duration;

use indicatif::{DecimalBytes, HumanCount, ProgressBar};

use super::talk::Talk;
use crate::client::Meter;

const BAR: &str = "{bar:24} {percent:>3} %  {wide_msg}";
const SPINNER: &str = "{spinner} {wide_msg}";
/// What a file weighs in a bar besides its bytes: empty ones take their time, too.
const FILE_WEIGHT_BYTES: u64 = 4096;
/// How often it is drawn while nothing is finished.
pub(super) const DRAW_PERIOD: Duration = Duration::from_millis(250);

/// Files on their way.
pub(super) struct FilesBar {
    bar: ProgressBar,
    meter: Meter,
    /// Files and bytes, where somebody counted them before.
    all: Option<(u64, u64)>,
    done: u64,
}

impl FilesBar {
    /// A bar of these files and bytes, which are counted only where it is drawn; of unknown ones
    /// where that gives none.
    pub(super) fn new(
        talk: &Talk,
        meter: &Meter,
        count: impl FnOnce() -> Option<(u64, u64)>,
    ) -> Self {
        let mut bar = talk.bar(0, BAR);
        let all = if bar.is_hidden() { None } else { count() };
        match all {
            Some((files, bytes)) => bar.set_length(bytes + files * FILE_WEIGHT_BYTES),
            None => bar = talk.bar(0, SPINNER),
        }
        Self { bar, meter: meter.clone(), all, done: 0 }
    }

    /// One file is through, whatever came of it.
    pub(super) fn done(&mut self) {
        self.done += 1;
        self.draw();
    }

    /// Shows how far it is.
    pub(super) fn draw(&self) {
        if self.bar.is_hidden() {
            return;
        }
        let bytes = self.meter.bytes();
        self.bar.set_position(bytes + self.done * FILE_WEIGHT_BYTES);
        self.bar.set_message(words((self.done, bytes), self.all, self.bar.eta()));
        self.bar.tick();
    }

    /// Does something that may print, without the bar in its way where it does.
    pub(super) fn aside<T>(&self, prints: bool, work: impl FnOnce() -> T) -> T {
        if prints { self.bar.suspend(work) } else { work() }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn words((files, bytes): (u64, u64), all: Option<(u64, u64)>, left: Duration) -> String {
    let (count, amount) = (HumanCount(files), DecimalBytes(bytes));
    match all {
        None => format!("{count} files  {amount}"),
        Some((all_files, all_bytes)) => {
            let all = (HumanCount(all_files), DecimalBytes(all_bytes.max(bytes)));
            format!("{count}/{} files  {amount} of {}  {} left", all.0, all.1, time(left.as_secs()))
        }
    }
}

/// A time that is left, as short as it can be said.
pub(super) fn time(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_shortly() {
        assert_eq!(time(0), "0 s");
        assert_eq!(time(59), "59 s");
        assert_eq!(time(61), "1 min 1 s");
        assert_eq!(time(3 * 3600 + 120), "3 h 2 min");
        let left = Duration::from_secs(7);
        let told = words((1200, 2_000_000), Some((20_000, 9_000_000)), left);
        assert_eq!(told, "1,200/20,000 files  2.00 MB of 9.00 MB  7 s left");
        assert_eq!(words((3, 10), None, left), "3 files  10 B");
    }
}
