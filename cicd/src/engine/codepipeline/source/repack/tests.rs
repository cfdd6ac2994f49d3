use std::io::Cursor;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};
use zip::ZipArchive;

use super::*;

struct File<'f>(&'f str, EntryType, &'f [u8], u32);

/// A forge's archive. Names are written past tar's own checks, as a hostile one would.
fn archive(files: &[File<'_>]) -> Vec<u8> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for File(name, kind, content, mode) in files {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        if is_link {
            header.set_link_name(std::str::from_utf8(content).unwrap()).unwrap();
        }
        let content = if is_link { &[][..] } else { content };
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn file<'f>(name: &'f str, content: &'f [u8]) -> File<'f> {
    File(name, EntryType::Regular, content, 0o664)
}

fn packed(archive: &[u8]) -> Result<Vec<u8>, Unpackable> {
    let mut zip = Vec::new();
    repack(archive, &mut zip, Limits::default()).map(|()| zip)
}

#[test]
fn files_links_and_modes_come_without_the_folder_around_them() {
    let long = format!("shop-1234/{}/a.txt", "d".repeat(60));
    let zip = packed(&archive(&[
        File(
            "pax_global_header",
            EntryType::XGlobalHeader,
            b"52 comment=0123456789012345678901234567890123456789\n",
            0o644,
        ),
        File("shop-1234/", EntryType::Directory, b"", 0o775),
        File("shop-1234/bin/run", EntryType::Regular, b"#!/bin/sh\n", 0o775),
        File("shop-1234/link", EntryType::Symlink, b"bin/run", 0o777),
        file(&long, b"deep"),
        file("shop-1234/empty", b""),
    ]))
    .unwrap();
    let mut zip = ZipArchive::new(Cursor::new(zip)).unwrap();
    let names: Vec<_> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(
        names,
        ["bin/run".to_owned(), "link".to_owned(), long.replacen("shop-1234/", "", 1), "empty".to_owned()]
    );
    let run = zip.by_name("bin/run").unwrap();
    assert_eq!((run.unix_mode().unwrap() & 0o777, run.size()), (0o755, 10));
    drop(run);
    let mut link = zip.by_name("link").unwrap();
    let mut target = String::new();
    link.read_to_string(&mut target).unwrap();
    assert!(link.is_symlink() && target == "bin/run");
    drop(link);
    assert_eq!(zip.by_name("empty").unwrap().unix_mode().unwrap() & 0o777, 0o644);
}

#[test]
fn the_same_files_are_the_same_bytes() {
    let files = [file("a-1/x", b"x"), file("a-1/y", b"y")];
    let elsewhere = [File("b-2/x", EntryType::Regular, b"x", 0o600), File("b-2/y", EntryType::Regular, b"y", 0o644)];
    assert_eq!(packed(&archive(&files)).unwrap(), packed(&archive(&elsewhere)).unwrap());
}

#[test]
fn a_hostile_archive_is_refused() {
    let link = |to| File("a/d", EntryType::Symlink, to, 0o777);
    for hostile in [
        vec![file("a/../../evil", b"x")],
        vec![file("/etc/passwd", b"x")],
        vec![file("a/..\\evil", b"x")],
        vec![link(b"/tmp"), file("a/d/evil", b"x")],
        vec![link(b"/tmp"), file("a/d/e/evil", b"x")],
        vec![File("a/h", EntryType::Link, b"a/x", 0o644)],
        vec![File("a/p", EntryType::Fifo, b"", 0o644)],
        vec![file("a/x", b"1"), file("a/x", b"2")],
    ] {
        let refused = packed(&archive(&hostile));
        assert!(matches!(refused, Err(Unpackable::Refused(_))), "{:?}", hostile[0].0);
    }
}

#[test]
fn an_archive_that_breaks_off_anywhere_is_no_zip() {
    let noise: Vec<u8> = (0..50_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let whole = archive(&[file("a/x", &noise), file("a/y", b"y")]);
    assert!(packed(&whole).is_ok());
    for cut in [0, 5, 100, whole.len() / 2, whole.len() - 600, whole.len() - 1] {
        assert!(matches!(packed(&whole[..cut]), Err(Unpackable::Broken(_))), "cut at {cut} of {}", whole.len());
    }
    let mut damaged = whole.clone();
    let last = damaged.len() - 6;
    damaged[last] ^= 0xff;
    assert!(matches!(packed(&damaged), Err(Unpackable::Broken(_))));
    assert!(matches!(packed(b"<html>please sign in</html>"), Err(Unpackable::Broken(_))));
}

#[test]
fn more_than_codepipeline_takes_is_refused_in_words() {
    let names: Vec<_> = (0..11).map(|n| format!("a/{n}")).collect();
    let files: Vec<_> = names.iter().map(|name| file(name, b"x")).collect();
    let limits = Limits { files: 10, ..Limits::default() };
    let refused = repack(&archive(&files)[..], Vec::new(), limits).unwrap_err();
    assert!(matches!(&refused, Unpackable::Refused(why) if why.contains("more than 10 files")), "{refused}");
    let noise: Vec<u8> = (0..50_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let limits = Limits { bytes: 10_000, ..Limits::default() };
    let refused = repack(&archive(&[file("a/x", &noise)])[..], Vec::new(), limits).unwrap_err();
    assert!(matches!(&refused, Unpackable::Refused(why) if why.contains("more than 10000 bytes")), "{refused}");
}
