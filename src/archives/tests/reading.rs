//! What comes in: archives by another packer, hostile ones, and ones with a single wrong bit.

use std::io::{Cursor, Write};

use zip::CompressionMethod::{self, Deflated, Stored};
use zip::write::SimpleFileOptions;

use super::crafted::{Crafted, archive, hostile};
use super::yard::Yard;
use crate::archives::UnpackError;

fn packed(files: &[(&str, &[u8])], method: CompressionMethod, large: bool) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(method).large_file(large);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        if name.ends_with('/') {
            writer.add_directory(*name, options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn what_another_packer_packed_is_unpacked() {
    let noise: Vec<u8> =
        (0_u32..300_000).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_be_bytes()).collect();
    let zeros = vec![0; 1_000_000];
    let files: [(&str, &[u8]); 6] = [
        ("a.txt", b"text"),
        ("empty", b""),
        ("folder/", b""),
        ("folder/ä ö.bin", &noise),
        ("deep/er/zeros", &zeros),
        ("A.txt", b"a twin in capitals"),
    ];
    for (method, large) in [(Stored, false), (Deflated, false), (Stored, true), (Deflated, true)] {
        let yard = Yard::new().await;
        let unpacked = yard.unpack(&packed(&files, method, large)).await.unwrap();
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        assert_eq!((unpacked.files, unpacked.bytes), (5, bytes as u64));
        let contents = yard.contents().await;
        for (name, bytes) in files.iter().filter(|(name, _)| !name.ends_with('/')) {
            let there = contents.iter().find(|(path, _)| *path == format!("/x/{name}"));
            assert!(there.unwrap().1.as_deref() == Some(*bytes), "{name}");
        }
        assert_eq!(contents.len(), 5 + 3);
    }
}

#[tokio::test]
async fn a_packer_that_does_not_seek_is_understood() {
    let options = SimpleFileOptions::default().compression_method(Deflated);
    let mut writer = zip::ZipWriter::new_stream(Vec::new());
    for name in ["a", "b/c"] {
        writer.start_file(name, options).unwrap();
        writer.write_all(name.repeat(1000).as_bytes()).unwrap();
    }
    let archive = writer.finish().unwrap().into_inner();
    let yard = Yard::new().await;
    assert_eq!(yard.unpack(&archive).await.unwrap().files, 2);
    assert_eq!(yard.contents().await[2].1.as_deref().unwrap(), "b/c".repeat(1000).as_bytes());
}

#[tokio::test]
async fn what_is_hostile_is_refused_whole() {
    for (bytes, word) in hostile() {
        let yard = Yard::new().await;
        match yard.unpack(&bytes).await {
            Err(UnpackError::Unacceptable(refusal)) => {
                assert!(refusal.to_string().contains(word), "{refusal} has no '{word}'");
            }
            other => panic!("{word}: {other:?}"),
        }
        assert_eq!(yard.contents().await, []);
    }
}

#[tokio::test]
async fn an_archive_of_nothing_makes_its_folder() {
    let yard = Yard::new().await;
    assert_eq!(yard.unpack(&archive(&[])).await.unwrap().files, 0);
    assert_eq!(yard.pack(&["/x"]).await.unwrap().len(), 30 + 2 + 46 + 2 + 22);
}

/// One wrong bit is either noticed or of no consequence; never other bytes, never a panic.
#[tokio::test]
async fn no_wrong_bit_changes_what_is_unpacked() {
    let deflated = packed(&[("d/e.txt", &b"deflated ".repeat(20))], Deflated, false);
    let stored = archive(&[Crafted::file("a", "first"), Crafted::file("b/c", "second")]);
    for archive in [deflated, stored, packed(&[("large", b"large")], Deflated, true)] {
        let yard = Yard::new().await;
        yard.unpack(&archive).await.unwrap();
        let right = yard.contents().await;
        for bit in 0..archive.len() * 8 {
            let mut wrong = archive.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            let yard = Yard::new().await;
            match yard.unpack(&wrong).await {
                Ok(_) => assert_eq!(yard.contents().await, right, "bit {bit}"),
                Err(UnpackError::Unacceptable(_)) => assert_eq!(yard.contents().await, []),
                Err(other) => panic!("bit {bit}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn no_part_of_an_archive_is_taken_for_the_whole() {
    let archive = packed(&[("a", b"one"), ("b/c", &[7; 500])], Deflated, false);
    for length in 0..archive.len() {
        let yard = Yard::new().await;
        assert!(yard.unpack(&archive[..length]).await.is_err(), "{length}");
        assert_eq!(yard.contents().await, []);
    }
}
