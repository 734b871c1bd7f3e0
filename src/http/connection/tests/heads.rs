//! The scanner alone: verdicts depend on the bytes and never on how they come in.

use proptest::prelude::*;

use crate::http::connection::heads::{Fault, HEAD_BYTES_MAX, Position, Scanner, Verdict};

fn verdicts_of(pieces: &[&[u8]]) -> Vec<Verdict> {
    let mut scanner = Scanner::default();
    let mut verdicts = Vec::new();
    for piece in pieces {
        scanner.feed(piece, &mut |verdict| verdicts.push(verdict));
    }
    verdicts
}

/// The verdicts of `text`, which must be the same wherever it is split in two, and byte by byte.
#[track_caller]
fn check(text: &str, expected: &[Verdict]) {
    let bytes = text.as_bytes();
    assert_eq!(verdicts_of(&[bytes]), expected, "whole: {text:?}");
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(verdicts_of(&[head, tail]), expected, "split at {at}: {text:?}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(verdicts_of(&single), expected, "byte by byte: {text:?}");
}

#[track_caller]
fn refused(text: &str, fault: Fault) {
    check(text, &[Err(fault)]);
    // Whatever follows has no verdict, sound as it may be.
    check(&format!("{text}GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &[Err(fault)]);
}

#[test]
fn each_head_of_a_connection_has_one_verdict() {
    let get = "GET /a HTTP/1.1\r\nHost: h:80\r\nAccept: */*\r\n\r\n";
    let post = "POST /b HTTP/1.1\r\nhost: h\r\nContent-Length: 5\r\n\r\nab\ncd";
    let chunked = "POST /c HTTP/1.1\r\nHOST: h\r\nTransfer-Encoding: Chunked\r\n\r\n\
                   5;x=y\r\nGET /\r\n00A\r\n0123456789\r\n0\r\nX-Api-Key: k\r\n\r\n";
    let old = "GET / HTTP/1.0\r\n\r\n";
    check(get, &[Ok(())]);
    check(old, &[Ok(())]);
    check(&format!("{get}{post}{chunked}\r\n{old}{get}"), &[Ok(()); 5]);
}

#[test]
fn a_body_is_not_taken_for_a_head() {
    let smuggled = "DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n";
    let length = smuggled.len();
    let text = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{smuggled}");
    check(&text, &[Ok(())]);
}

#[test]
fn line_ends_are_cr_lf() {
    refused("GET / HTTP/1.1\nHost: h\r\n\r\n", Fault::BareLineFeed);
    refused("GET / HTTP/1.1\r\nHost: h\n\r\n", Fault::BareLineFeed);
    refused("GET / HTTP/1.1\r\nHost: h\r\n\n", Fault::BareLineFeed);
    refused("\nGET / HTTP/1.1\r\n", Fault::BareLineFeed);
}

#[test]
fn there_is_one_host() {
    refused("GET / HTTP/1.1\r\nAccept: a\r\n\r\n", Fault::HostMissing);
    refused("GET / HTTP/1.1\r\nHost: \r\n\r\n", Fault::HostMissing);
    refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", Fault::HostRepeated);
    refused("GET / HTTP/1.0\r\nHost: a\r\nhost:\r\n", Fault::HostRepeated);
    refused("GET / HTTP/1.1\r\nHost: a, b\r\n", Fault::HostMalformed);
    refused("GET / HTTP/1.1\r\nHost: a/b\r\n", Fault::HostMalformed);
    refused("GET / HTTP/1.1\r\nHost: user@a\r\n", Fault::HostMalformed);
}

#[test]
fn a_body_has_one_end() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\n";
    for (lines, fault) in [
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::LengthAndEncoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", Fault::LengthAndEncoding),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Fault::LengthRepeated),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", Fault::LengthRepeated),
        ("Content-Length: 5, 5\r\n", Fault::LengthMalformed),
        ("Content-Length: +5\r\n", Fault::LengthMalformed),
        ("Content-Length: -1\r\n", Fault::LengthMalformed),
        ("Content-Length: 0x5\r\n", Fault::LengthMalformed),
        ("Content-Length:\r\n", Fault::LengthMalformed),
        ("Content-Length: 100000000000000000000\r\n", Fault::LengthMalformed),
        ("Transfer-Encoding: xchunked\r\n", Fault::Encoding),
        ("Transfer-Encoding: chunked, identity\r\n", Fault::Encoding),
        ("Transfer-Encoding: gzip, chunked\r\n", Fault::Encoding),
        ("Transfer-Encoding: \u{b}chunked\r\n", Fault::HeaderLine),
        ("Content-Length: 9223372036854775808\r\n", Fault::BodyTooLarge),
        ("Content-Length: 18446744073709551615\r\n", Fault::BodyTooLarge),
        ("Content-Length: 18446744073709551616\r\n", Fault::LengthMalformed),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Fault::Encoding),
        ("Transfer-Encoding : chunked\r\n", Fault::HeaderLine),
        (" Content-Length: 5\r\n", Fault::HeaderLine),
        ("Content-Length\r\n", Fault::HeaderLine),
        (": 5\r\n", Fault::HeaderLine),
        ("X(: 5\r\n", Fault::HeaderLine),
        ("X\u{e9}: 5\r\n", Fault::HeaderLine),
        ("X: a\0b\r\n", Fault::HeaderLine),
        ("X: a\u{7f}\r\n", Fault::HeaderLine),
        ("X: a\rb\r\n", Fault::HeaderLine),
    ] {
        refused(&format!("{head}{lines}"), fault);
    }
    refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::Encoding);
}

#[test]
fn a_target_names_the_host_and_no_fragment() {
    let head = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a.example:81\r\n\r\n");
    for sound in ["/", "/a?b=c", "*", "http://a.example:81/x", "HTTPS://A.example:81?q"] {
        check(&head(sound), &[Ok(())]);
    }
    refused("GET /a#b HTTP/1.1\r\n", Fault::Fragment);
    for other in ["http://b.example/x", "http://a.example/", "http://u@a.example:81/"] {
        refused(&head(other), Fault::OtherAuthority);
    }
    for form in ["a.example:81", "path", "ftp://a.example:81/", "http:///x", "/a\0", "/<", "/a\tb"]
    {
        refused(&format!("GET {form} HTTP/1.1\r\n"), Fault::TargetForm);
    }
}

#[test]
fn a_request_line_has_three_words() {
    for line in [
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /a b HTTP/1.1",
        " / HTTP/1.1",
        "GET / HTTP/2.0",
        "GET / HTTP/3.0",
        "GET / http/1.1",
        "PRI * HTTP/2.0",
        "G(T / HTTP/1.1",
        "G\0T / HTTP/1.1",
        "x",
    ] {
        refused(&format!("{line}\r\n"), Fault::RequestLine);
    }
}

#[test]
fn a_chunk_that_does_not_end_as_it_said_spoils_what_follows() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let next = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for chunks in [
        "x\r\n",
        "\r\n",
        "+1\r\na\r\n",
        "1_0\r\n",
        "FFFFFFFFFFFFFFFFF\r\n",
        "1\na\r\n0\r\n\r\n",
        "1;a\nb\r\na\r\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1\r\na\n0\r\n\r\n",
        "0\r\nX: y\n\r\n",
    ] {
        check(&format!("{head}{chunks}{next}"), &[Ok(()), Err(Fault::Unframed)]);
    }
}

#[test]
fn a_head_without_end_is_given_up() {
    let endless = "a".repeat(HEAD_BYTES_MAX + 1);
    for (beginning, fault) in [
        ("", Fault::RequestLine),
        ("GET /", Fault::TargetTooLong),
        ("GET / HTTP/1.1\r\nX: ", Fault::TooLong),
    ] {
        let head = format!("{beginning}{endless}");
        assert_eq!(verdicts_of(&[head.as_bytes()]), [Err(fault)]);
        let pieces: Vec<&[u8]> = head.as_bytes().chunks(1000).collect();
        assert_eq!(verdicts_of(&pieces), [Err(fault)]);
    }
    let lines = format!("GET / HTTP/1.1\r\n{}", "a: b\r\n".repeat(HEAD_BYTES_MAX / 6));
    assert_eq!(verdicts_of(&[lines.as_bytes()]), [Err(Fault::HeadersTooMany)]);
}

#[test]
fn a_head_has_a_hundred_headers_at_most() {
    let head =
        |count: usize| format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    assert_eq!(verdicts_of(&[head(100).as_bytes()]), [Ok(())]);
    assert_eq!(verdicts_of(&[head(101).as_bytes()]), [Err(Fault::HeadersTooMany)]);
    let long_name = format!("GET / HTTP/1.1\r\n{}: y\r\n", "x".repeat(256));
    assert_eq!(verdicts_of(&[long_name.as_bytes()]), [Err(Fault::TooLong)]);
}

#[test]
fn a_target_has_65534_bytes_at_most() {
    let head = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "t".repeat(bytes - 1));
    assert_eq!(verdicts_of(&[head(65_534).as_bytes()]), [Ok(())]);
    assert_eq!(verdicts_of(&[head(65_535).as_bytes()]), [Err(Fault::TargetTooLong)]);
}

#[test]
fn only_what_is_whole_and_sound_is_passed_on() {
    let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n";
    for (text, passed) in [
        (get.to_owned(), get.len()),
        (format!("{get}GET / HT"), get.len()),
        (format!("{get}\r\n\r"), get.len() + 2),
        (format!("{get}G T\r\n{get}"), get.len()),
        (format!("{post}abc"), post.len() + 3),
        (format!("{post}abcdefghiGET"), post.len() + 9),
        ("GET".to_owned(), 0),
        ("G T\r\n".to_owned(), 0),
    ] {
        let mut scanner = Scanner::default();
        assert_eq!(scanner.feed(text.as_bytes(), &mut |_| {}), passed, "{text:?}");
    }
}

#[test]
fn the_position_tells_waiting_from_resting() {
    let mut scanner = Scanner::default();
    let mut position_after = |piece: &str| {
        scanner.feed(piece.as_bytes(), &mut |_| {});
        scanner.position()
    };
    assert_eq!(position_after(""), Position::Between);
    assert_eq!(position_after("P"), Position::Head);
    assert_eq!(position_after("OST / HTTP/1.1\r\n"), Position::Head);
    assert_eq!(position_after("Host: h\r\nContent-Length: 2\r\n\r\n"), Position::Body);
    assert_eq!(position_after("a"), Position::Body);
    assert_eq!(position_after("b"), Position::Between);
    assert_eq!(position_after("x\r\n"), Position::Refused);
    let mut scanner = Scanner::default();
    let chunks = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n";
    scanner.feed(chunks.as_bytes(), &mut |_| {});
    assert_eq!(scanner.position(), Position::Unframed);
}

/// Pieces of traffic, sound and unsound, from which longer traffic is strung together.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "POST /a?b HTTP/1.1\r\nHost: h\r\n",
        "GET http://h/ HTTP/1.0\r\n",
        "Host: h\r\n",
        "Content-Length: 3\r\n\r\nabc",
        "Content-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "\r\n",
        "\n",
        "\r",
        "a",
        " ",
    ]);
    let sound = Just("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    prop::collection::vec(prop_oneof![piece, sound], 0..12)
        .prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_verdicts(
        bytes in traffic(),
        cuts in prop::collection::vec(0_usize..400, 0..20),
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(verdicts_of(&pieces), verdicts_of(&[&bytes]));
    }

    #[test]
    fn nothing_is_judged_after_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let verdicts = verdicts_of(&[&bytes]);
        prop_assert!(verdicts.iter().rev().skip(1).all(Result::is_ok));
    }
}
