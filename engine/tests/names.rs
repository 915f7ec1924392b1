//! One list of names and numbers: the header's, the library's, the loader's and ours.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use imageflow::abi::{Lifetime, imageflow_abi_version_major, imageflow_abi_version_minor};
use imageflow::error::CATEGORIES;
use support::{engine, has, library, succeed};

/// The function that exits the process, which the loader leaves out.
const NOT_FOR_LOADERS: &str = "imageflow_context_print_and_exit_if_error";

fn header() -> String {
    fs::read_to_string(engine().join("include/imageflow.h")).unwrap()
}

/// C without its comments, so that a name in prose is not a declaration.
fn without_comments(text: &str) -> String {
    let mut parts = text.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |code, part| code + part.split_once("*/").map_or("", |(_, rest)| rest))
}

/// Words that begin with `imageflow_` and are followed by an opening parenthesis.
fn functions(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices('(')
        .filter_map(|(end, _)| text[..end].rsplit(|c| !is_name(c)).next())
        .filter(|name| name.starts_with("imageflow_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_header_declares_25_functions() {
    assert_eq!(functions(&without_comments(&header())).len(), 25);
}

#[cfg(target_os = "linux")]
#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    if !has("nm") {
        return;
    }
    let output =
        succeed(Command::new("nm").args(["-D", "--defined-only", "--format=posix"]).arg(library()));
    let output = String::from_utf8(output.stdout).unwrap();
    let exported: BTreeSet<String> = output
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();

    assert_eq!(exported, functions(&without_comments(&header())));
}

#[cfg(target_os = "linux")]
#[test]
fn the_library_stays_in_a_process_that_has_loaded_it() {
    if !has("readelf") {
        return;
    }
    let output = succeed(Command::new("readelf").arg("-d").arg(library()));

    assert!(String::from_utf8(output.stdout).unwrap().contains("NODELETE"));
}

#[test]
fn the_loader_declares_the_same_functions() {
    let source = fs::read_to_string(engine().join("../build_ffi.py")).unwrap();
    let declarations: String = source.split("\"\"\"").skip(2).collect();
    let mut declared = functions(&declarations);

    assert!(declared.insert(NOT_FOR_LOADERS.to_owned()));
    assert_eq!(declared, functions(&without_comments(&header())));
}

#[test]
fn the_numbers_of_the_header_are_ours() {
    let header = header();
    for (name, number) in [
        ("#define IMAGEFLOW_ABI_VER_MAJOR", imageflow_abi_version_major()),
        ("#define IMAGEFLOW_ABI_VER_MINOR", imageflow_abi_version_minor()),
        (
            "imageflow_lifetime_lifetime_outlives_function_call =",
            Lifetime::OutlivesFunctionCall as u32,
        ),
        ("imageflow_lifetime_lifetime_outlives_context =", Lifetime::OutlivesContext as u32),
    ] {
        let (_, rest) = header.split_once(name).unwrap_or_else(|| panic!("{name} is missing"));
        let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
        assert_eq!(digits.parse(), Ok(number), "{name}");
    }
}

#[test]
fn the_table_of_the_header_is_that_of_the_errors() {
    let header = header();
    let (_, table) = header.split_once("exit status\n").unwrap();
    let (table, _) = table.split_once("\n *\n").unwrap();
    let rows: Vec<(i32, i32, i32)> = table
        .lines()
        .map(|line| {
            let numbers: Vec<i32> =
                line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            (numbers[0], numbers[1], numbers[2])
        })
        .collect();

    assert_eq!(rows[0], (0, 200, 0));
    let ours: Vec<_> = CATEGORIES.iter().map(|row| (row.2, row.3, row.4)).collect();
    assert_eq!(rows[1..], ours);
}
