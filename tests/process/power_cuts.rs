//! Power cuts, with ledger and blobs on file systems of their own, so that neither can lend the
//! other its durability.
//!
//! The kernel plays a power cut imperfectly: an `fsync` that is under way at that moment may
//! report success for what the journal never wrote. (One thread that appends and syncs, without
//! any delenda, loses what it was told in about one cut of fifteen.) So the process is stopped for
//! the moment of the cut, between two system calls: whatever was reported before it is held
//! against the disk, and whatever is synced after it fails, as it must.

use std::sync::atomic::Ordering;

use tempfile::TempDir;

use crate::harness::disks::Disk;
use crate::harness::server::verify;
use crate::load::{Load, seed};

const CUTS: usize = 30;
const LEDGER_MIB: u64 = 256;
const BLOBS_MIB: u64 = 256;

/// Which disks lose their power.
#[derive(Clone, Copy, Debug)]
enum Victims {
    Both,
    Blobs,
    Ledger,
}

/// The disks of one installation: the second is mounted within the first.
struct Disks {
    // Fields drop in this order: what is mounted within goes first.
    blobs: Disk,
    ledger: Disk,
}

impl Disks {
    fn format(home: &TempDir) -> Self {
        let mount_point = home.path().join("data");
        std::fs::create_dir(&mount_point).unwrap();
        let ledger = Disk::format(&home.path().join("ledger.ext4"), LEDGER_MIB, &mount_point);
        let mount_point = mount_point.join("blobs");
        std::fs::create_dir(&mount_point).unwrap();
        let blobs = Disk::format(&home.path().join("blobs.ext4"), BLOBS_MIB, &mount_point);
        Self { blobs, ledger }
    }

    fn cut(&self, victims: Victims) {
        match victims {
            Victims::Both => {
                self.blobs.cut_power();
                self.ledger.cut_power();
            }
            Victims::Blobs => self.blobs.cut_power(),
            Victims::Ledger => self.ledger.cut_power(),
        }
    }

    /// What a machine does when its power returns.
    fn restore(&mut self) {
        self.blobs.unmount();
        self.ledger.unmount();
        self.ledger.check();
        self.blobs.check();
        self.ledger.mount();
        self.blobs.mount();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root and loop devices"]
async fn whatever_was_answered_survives_thirty_power_cuts() {
    let (home, seed) = (TempDir::new().unwrap(), seed());
    let mut disks = Disks::format(&home);
    let data = home.path().join("data");
    let mut server = Load::start_server(&data);
    let mut load = Load::begin(&server, seed).await;
    for cut in 0..CUTS {
        let victims = [Victims::Both, Victims::Blobs, Victims::Ledger][cut % 3];
        load.run(server, |server, is_cut| {
            server.freeze();
            is_cut.store(true, Ordering::SeqCst);
            disks.cut(victims);
            server.thaw();
            // The server works on for a moment on what is left, and what it says counts as well.
            std::thread::sleep(std::time::Duration::from_millis(cut as u64 * 3));
            server.kill9();
        })
        .await;
        disks.restore();
        let found = verify(&data);
        server = Load::start_server(&data);
        load.check(&server).await;
        println!("cut {cut} of {victims:?}: {}; {found}", load.summary());
    }
    load.end(&server).await;
    verify(&server.terminate());
}
