//! A road between client and server: it lets so many bytes through, and what is at its other end
//! can be exchanged.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const WAIT_MAX: Duration = Duration::from_secs(60);
const POLL_PERIOD: Duration = Duration::from_millis(5);
const CHUNK_BYTES: usize = 64 << 10;

/// A road. Its threads end with the test's process.
#[derive(Clone)]
pub struct Road {
    address: SocketAddr,
    server: Arc<Mutex<SocketAddr>>,
    allowed: Arc<AtomicU64>,
    passed: Arc<AtomicU64>,
}

impl Road {
    /// A road to this server, which lets everything through.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let road = Self {
            address: listener.local_addr().unwrap(),
            server: Arc::new(Mutex::new(SocketAddr::from(([127, 0, 0, 1], port)))),
            allowed: Arc::new(AtomicU64::new(u64::MAX)),
            passed: Arc::default(),
        };
        let at = road.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = *at.server.lock().unwrap();
                // Without a server the client finds its connection closed.
                let Ok(server) = TcpStream::connect(server) else { continue };
                let (up, down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                at.carry(up, server);
                at.carry(down, client);
            }
        });
        road
    }

    /// Where the client finds it.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it leads to this server.
    pub fn lead_to(&self, port: u16) {
        self.server.lock().unwrap().set_port(port);
    }

    /// How many bytes have passed, both ways.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }

    /// Lets so many more bytes through, and then none.
    pub fn allow(&self, bytes: u64) {
        self.allowed.store(self.passed().saturating_add(bytes), Ordering::SeqCst);
    }

    /// Waits until all bytes that are allowed have passed.
    pub fn wait_until_full(&self) {
        let begun = Instant::now();
        while self.passed() < self.allowed.load(Ordering::SeqCst) {
            assert!(begun.elapsed() < WAIT_MAX, "only {} bytes have passed", self.passed());
            std::thread::sleep(POLL_PERIOD);
        }
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let road = self.clone();
        std::thread::spawn(move || {
            let mut chunk = vec![0; CHUNK_BYTES];
            while let Ok(bytes) = from.read(&mut chunk) {
                if bytes == 0 || road.pass(&mut to, &chunk[..bytes]).is_err() {
                    break;
                }
            }
            let _ = from.shutdown(std::net::Shutdown::Both);
            let _ = to.shutdown(std::net::Shutdown::Both);
        });
    }

    fn pass(&self, to: &mut TcpStream, chunk: &[u8]) -> std::io::Result<()> {
        let mut left = chunk;
        while !left.is_empty() {
            let room = self.allowed.load(Ordering::SeqCst).saturating_sub(self.passed());
            let now = left.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            if now == 0 {
                std::thread::sleep(POLL_PERIOD);
                continue;
            }
            to.write_all(&left[..now])?;
            self.passed.fetch_add(now as u64, Ordering::SeqCst);
            left = &left[now..];
        }
        Ok(())
    }
}
