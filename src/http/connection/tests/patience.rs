//! Silence, crowds and the stop: all of it is bounded.

use std::time::Instant;

use super::*;

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_mins(1);

/// A server with long time-outs, but for what a test changes.
async fn server(change: impl FnOnce(&mut ConnectionSettings)) -> Server {
    Server::with(|settings| {
        settings.patience.head_max = LONG;
        settings.patience.idle_max = LONG;
        settings.patience.silence_max = LONG;
        change(settings);
    })
    .await
}

/// The connection ends without an answer, not before `SHORT` and well before any other bound.
async fn assert_given_up(client: &mut Client, begun: Instant) {
    let rest = client.read_to_end().await;
    assert_eq!(statuses(&rest), [0_u16; 0], "{rest}");
    assert!(begun.elapsed() >= SHORT, "after {:?}", begun.elapsed());
}

#[tokio::test]
async fn half_a_head_is_given_up() {
    let server = server(|settings| settings.patience.head_max = SHORT).await;
    let mut client = server.connect().await;
    let begun = Instant::now();
    client.send("GET /ping HTTP/1.1\r\nHo").await;
    assert_given_up(&mut client, begun).await;
}

#[tokio::test]
async fn the_first_head_has_no_time_beyond_that_of_its_connection() {
    let server = server(|settings| settings.patience.head_max = SHORT * 2).await;
    let mut client = server.connect().await;
    let begun = Instant::now();
    tokio::time::sleep(SHORT).await;
    client.send("GET /ping HTTP/1.1\r\nHo").await;
    assert_given_up(&mut client, begun).await;
    assert!(begun.elapsed() < SHORT * 3, "after {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_given_up() {
    let server = server(|settings| settings.patience.head_max = SHORT).await;
    let mut client = server.connect().await;
    let begun = Instant::now();
    while begun.elapsed() < SHORT * 2 {
        client.send("G").await;
        tokio::time::sleep(SHORT / 10).await;
    }
    assert_given_up(&mut client, begun).await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_has_the_time_of_a_head() {
    let server = server(|settings| settings.patience.head_max = SHORT).await;
    let mut client = server.connect().await;
    assert_given_up(&mut client, Instant::now()).await;
}

#[tokio::test]
async fn a_connection_that_rests_after_an_answer_is_closed() {
    let server = server(|settings| settings.patience.idle_max = SHORT).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send("GET /ping HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert!(client.read_until("pong").await.ends_with("pong"));
        tokio::time::sleep(SHORT / 3).await;
    }
    let begun = Instant::now();
    let rest = client.read_to_end().await;
    assert_eq!(rest, "");
    assert!(begun.elapsed() < LONG / 4);
}

#[tokio::test]
async fn a_handler_may_take_longer_than_a_client_may_rest() {
    let server = server(|settings| {
        settings.patience.idle_max = SHORT;
        settings.patience.silence_max = SHORT;
    })
    .await;
    let answer =
        server.exchange("GET /slow HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("slow"), "{answer}");
}

#[tokio::test]
async fn half_a_body_is_given_up() {
    let server = server(|settings| settings.patience.silence_max = SHORT).await;
    for (framing, part) in
        [("Content-Length: 9", "abc"), ("Transfer-Encoding: chunked", "9\r\nabc")]
    {
        let mut client = server.connect().await;
        let begun = Instant::now();
        client.send(format!("POST /echo HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n{part}")).await;
        let answer = client.read_to_end().await;
        assert!(statuses(&answer).iter().all(|status| *status == 400), "{answer}");
        assert!(begun.elapsed() >= SHORT);
    }
}

#[tokio::test]
async fn a_body_that_was_announced_and_never_comes_is_given_up() {
    let server = server(|settings| settings.patience.silence_max = SHORT).await;
    let mut client = server.connect().await;
    let head =
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    client.send(head).await;
    let answer = client.read_to_end().await;
    assert_eq!(statuses(&answer)[0], 100, "{answer}");
    assert!(!statuses(&answer).contains(&200), "{answer}");
}

#[tokio::test]
async fn a_body_that_goes_on_may_take_its_time() {
    let server = server(|settings| settings.patience.silence_max = SHORT).await;
    let mut client = server.connect().await;
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n").await;
    for _ in 0..8 {
        tokio::time::sleep(SHORT / 3).await;
        client.send("b").await;
    }
    assert!(client.read_until("bbbbbbbb").await.ends_with("bbbbbbbb"));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let server = server(|settings| {
        settings.patience.silence_max = SHORT;
        settings.connections_max = 1;
    })
    .await;
    let mut greedy = server.connect().await;
    greedy.send("GET /flood HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let ping = "GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert!(server.exchange(ping).await.ends_with("pong"), "the only place is free again");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let server = server(|settings| settings.connections_max = 1).await;
    let mut first = server.connect().await;
    first.send("GET /ping HTTP/1.1\r\nHost: h\r\n\r\n").await;
    first.read_until("pong").await;
    let mut second = server.connect().await;
    second.send("GET /ping HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let early = tokio::time::timeout(SHORT, second.read_until("pong")).await;
    assert!(early.is_err(), "served beyond the bound: {early:?}");
    drop(first);
    assert!(second.read_until("pong").await.ends_with("pong"));
}

#[tokio::test]
async fn the_stop_closes_what_rests_and_lets_what_runs_end() {
    let server = server(|_| {}).await;
    let mut fresh = server.connect().await;
    let mut resting = server.connect().await;
    resting.send("GET /ping HTTP/1.1\r\nHost: h\r\n\r\n").await;
    resting.read_until("pong").await;
    let mut running = server.connect().await;
    running.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await;
    tokio::time::sleep(SHORT).await;
    server.stop.cancel();
    assert_eq!(fresh.read_to_end().await, "");
    assert_eq!(resting.read_to_end().await, "");
    let answer = running.read_to_end().await;
    assert!(answer.contains("connection: close") && answer.ends_with("slow"), "{answer}");
    drop((fresh, resting, running));
    tokio::time::timeout(EXCHANGE_MAX, server.serving).await.expect("returns").unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn the_stop_waits_for_nobody_longer_than_its_bound() {
    let server = server(|settings| settings.stop_max = SHORT).await;
    let mut stuck = server.connect().await;
    stuck.send("GET /stuck HTTP/1.1\r\nHost: h\r\n\r\n").await;
    tokio::time::sleep(SHORT).await;
    let begun = Instant::now();
    server.stop.cancel();
    tokio::time::timeout(EXCHANGE_MAX, server.serving).await.expect("returns").unwrap();
    assert!(begun.elapsed() >= SHORT);
    assert_eq!(stuck.read_to_end().await, "");
}
