//! What goes out: read by another implementation, and by our own.

use std::io::{Cursor, Read};

use bytes::Bytes;

use super::yard::Yard;
use crate::archives::directory::{check_end, find_end, read_directory};
use crate::archives::writer::Writer;
use crate::archives::{ArchiveLimits, PackError};
use crate::domain::clock::Timestamp;

const NOON: Timestamp = Timestamp::from_millis(1_767_268_799_000);

/// An archive of these files, written in pieces; those announced as large have many bytes to come.
fn written(files: &[(&str, Vec<u8>)], announced: Option<u64>) -> Vec<u8> {
    let mut writer = Writer::new();
    let mut archive: Vec<Bytes> = Vec::new();
    for (index, (name, bytes)) in files.iter().enumerate() {
        if name.ends_with('/') {
            archive.push(writer.folder(name.trim_end_matches('/'), NOON));
            continue;
        }
        let size = announced.unwrap_or(bytes.len() as u64);
        archive.push(writer.begin((*name).to_owned(), NOON, size, index % 2 == 0));
        for piece in bytes.chunks(65_537) {
            archive.push(writer.write(piece));
        }
        archive.push(writer.end());
    }
    archive.extend(writer.finish());
    archive.concat()
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let noise =
        |count: u32| (0..count).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_be_bytes()).collect();
    vec![
        ("a.txt", b"text ".repeat(50_000)),
        ("ä/日本.bin", noise(200_000)),
        ("empty", Vec::new()),
        ("also empty", Vec::new()),
        ("noise", noise(70_000)),
        ("folder/", Vec::new()),
        ("one", vec![1]),
    ]
}

#[tokio::test]
async fn what_is_packed_is_read_by_others_and_by_us() {
    for announced in [None, Some(5 << 30)] {
        let archive = written(&samples(), announced);
        let mut theirs = zip::ZipArchive::new(Cursor::new(&archive)).unwrap();
        let yard = Yard::new().await;
        yard.unpack(&archive).await.unwrap();
        let ours = yard.contents().await;
        for (name, bytes) in samples() {
            let mut file = theirs.by_name(name).unwrap();
            assert_eq!(file.is_dir(), name.ends_with('/'));
            let when = file.last_modified().unwrap();
            assert_eq!((when.year(), when.hour(), when.second()), (2026, 11, 58));
            let mut read = Vec::new();
            file.read_to_end(&mut read).unwrap();
            assert!(read == bytes, "{name}");
            let path = format!("/x/{}", name.trim_end_matches('/'));
            let there = &ours.iter().find(|(known, _)| *known == path).unwrap().1;
            assert!(there.clone().unwrap_or_default() == bytes, "{name}");
        }
        assert_eq!(theirs.len(), samples().len());
    }
}

/// Beyond what numbers of 16 bits can say.
#[test]
fn seventy_thousand_entries_are_all_listed() {
    let mut writer = Writer::new();
    let mut archive: Vec<Bytes> =
        (0..70_000).map(|n| writer.folder(&n.to_string(), NOON)).collect();
    archive.extend(writer.finish());
    let archive = archive.concat();
    let theirs = zip::ZipArchive::new(Cursor::new(&archive)).unwrap();
    assert_eq!(theirs.len(), 70_000);
    let size = archive.len() as u64;
    let limits = ArchiveLimits { entries_max: 70_000, ..ArchiveLimits::default() };
    let end = find_end(&archive[archive.len() - 90_000..], size).unwrap();
    check_end(end, limits).unwrap();
    assert!(check_end(end, ArchiveLimits { entries_max: 69_999, ..limits }).is_err());
    let from = usize::try_from(end.offset).unwrap();
    let bytes = &archive[from..from + usize::try_from(end.bytes).unwrap()];
    let listed = read_directory(bytes, end, size, limits).unwrap();
    assert_eq!((listed.len(), listed[69_999].name.as_str()), (70_000, "69999/"));
}

#[tokio::test]
async fn what_is_unpacked_and_packed_again_is_the_same() {
    let yard = Yard::new().await;
    let archive = written(&samples(), None);
    yard.unpack(&archive).await.unwrap();
    let again = yard.pack(&["/x", "/x/one", "/x/folder", "/x"]).await.unwrap();
    let mut theirs = zip::ZipArchive::new(Cursor::new(&again)).unwrap();
    for (name, bytes) in samples() {
        let mut read = Vec::new();
        theirs.by_name(&format!("x/{name}")).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == bytes, "{name}");
    }
    // The folder itself, and the one that a file made.
    assert_eq!(theirs.len(), samples().len() + 2);
    let single = yard.pack(&["/x/one", "/x/folder"]).await.unwrap();
    let theirs = zip::ZipArchive::new(Cursor::new(&single)).unwrap();
    let names: Vec<String> = theirs.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["x/one", "x/folder/"]);
}

/// Bytes that are missing under a live row end the stream, and no directory follows.
#[tokio::test]
async fn missing_bytes_never_make_a_shorter_archive() {
    let yard = Yard::new().await;
    yard.unpack(&written(&samples(), None)).await.unwrap();
    let all = yard.blobs.inventory().await.unwrap().blobs;
    yard.blobs.remove(&[all.last().unwrap().0]).await;
    assert!(matches!(yard.pack(&["/x"]).await, Err(PackError::Blobs(_))));
}
