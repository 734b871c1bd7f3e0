//! Clients that were written for the vendors' own servers, as their users install them.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::server::{text, verify};
use crate::harness::{Server, python};

#[tokio::test]
async fn the_published_client_of_sirv_finds_what_it_expects() {
    let home = TempDir::new().unwrap();
    let server = Server::start(&home.path().join("data"));
    let client = server.member("clients").client;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/sirv_client.py");
    let run = Command::new(python())
        .arg(script)
        .envs([("HOST", server.base()), ("ID", &client.key_id), ("KEY", &client.key)])
        .output();
    let run = run.unwrap_or_else(|error| panic!("{} is needed: {error}", python()));
    let printed = format!("{}{}", text(&run.stdout), text(&run.stderr));
    assert_eq!(printed, "all steps were taken\n");
    verify(&server.terminate());
}
