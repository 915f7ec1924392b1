//! The bodies over sound seeds, damaged ones, and everything that once failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{OUTPUTS, abi, decode, execute, pixels, query, request, session};

/// How many variations of each seed are tried; `FUZZ_ROUNDS` says more.
fn rounds(usual: usize) -> usize {
    std::env::var("FUZZ_ROUNDS").map_or(usual, |text| text.parse().expect("a number of rounds"))
}

fn engine() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn conformance() -> PathBuf {
    engine().join("../tests/conformance")
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }

    fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.roll(things.len())]
    }
}

/// Files in order of their names.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a file")))
        .collect();
    files.sort();
    files
}

/// Pictures of all formats, small enough to be tried often.
fn pictures() -> Vec<(String, Vec<u8>)> {
    let mut pictures = files(&conformance().join("inputs"));
    pictures.retain(|(_, bytes)| bytes.len() < 10_000);
    assert!(pictures.len() > 20, "there are too few pictures");
    pictures
}

/// The cases of the conformance suite.
fn cases() -> Vec<Value> {
    let text = fs::read_to_string(conformance().join("cases.jsonl")).expect("the cases");
    text.lines().map(|line| serde_json::from_str(line).expect("a case is JSON")).collect()
}

/// Bytes with some damage.
fn damaged(sound: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(bytes.len());
        match dice.roll(7) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << dice.roll(8),
            2 if !bytes.is_empty() => bytes[at] = *dice.pick(&[0, 1, 0x7F, 0x80, 0xFE, 0xFF]),
            3 if !bytes.is_empty() => bytes[at] = dice.roll(256) as u8,
            4 => bytes.insert(at.min(bytes.len()), dice.roll(256) as u8),
            5 if !bytes.is_empty() => {
                let end = (at + dice.roll(64)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                let end = (at + dice.roll(64)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                let to = dice.roll(bytes.len());
                bytes.splice(to..to, part);
            }
        }
    }
    if dice.roll(4) > 0 {
        mend_png_checks(&mut bytes);
    }
    bytes
}

/// Makes the check sums of a PNG right again, so that damage gets past them.
fn mend_png_checks(bytes: &mut [u8]) {
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return;
    }
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(end) = at.checked_add(8 + length).filter(|end| end + 4 <= bytes.len()) else {
            return;
        };
        let sum = crc32(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&sum.to_be_bytes());
        at = end + 4;
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

/// Leaves a file behind that makes a failure easy to repeat.
struct Suspect {
    path: PathBuf,
}

impl Suspect {
    fn new(target: &str, data: &[u8]) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("suspect-{target}"));
        fs::write(&path, data).expect("a place for the suspect");
        Self { path }
    }
}

impl Drop for Suspect {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input is in {}; move it to fuzz/regressions", self.path.display());
        } else {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// What a body does with bytes; gives whether it came to its end.
type Body = fn(&[u8]) -> bool;

fn try_out(target: &str, body: Body, data: &[u8]) -> bool {
    let _suspect = Suspect::new(target, data);
    body(data)
}

/// Lets a body try *count* inputs; a fair share of them must come to the end, or the test
/// would show nothing.
fn try_many(target: &str, body: Body, count: usize, mut input: impl FnMut() -> Vec<u8>) {
    let good = (0..count).filter(|_| try_out(target, body, &input())).count();
    assert!(good * 10 >= count, "only {good} of {count} came to their end");
}

#[test]
fn pictures_sound_or_damaged_never_panic_and_are_written_faithfully() {
    let mut dice = Dice(1);
    let pictures = pictures();
    for (_, sound) in &pictures {
        decode(sound);
    }
    let rounds = rounds(40) * pictures.len();
    try_many("decode", decode, rounds, || damaged(&dice.pick(&pictures).1.clone(), &mut dice));
}

/// A small picture, as another format holds it.
fn written(name: &str, preset: &Value) -> Vec<u8> {
    let sound = fs::read(conformance().join("inputs").join(name)).expect("a picture");
    let mut session = session();
    session.add_input(0, Arc::new(sound)).expect("a sound picture");
    session.add_output(1).expect("a free number");
    let steps = json!([{"decode": {"io_id": 0}}, {"encode": {"io_id": 1, "preset": preset}}]);
    let steps = serde_json::from_value(steps).expect("nodes");
    session.execute(&execute(steps)).expect("a sound job");
    session.take_output(1).expect("an output that was written")
}

#[test]
fn a_damaged_picture_of_any_format_ends_in_a_picture_or_an_error() {
    let input = |name: &str| fs::read(conformance().join("inputs").join(name)).expect("a picture");
    let seeds = [
        ("JPEG", input("arrow-1.jpg")),
        ("progressive JPEG", input("progressive.jpg")),
        ("PNG", input("scene-alpha.png")),
        ("interlaced PNG", input("interlaced.png")),
        ("GIF", input("still.gif")),
        ("animated GIF", input("walk.gif")),
        ("lossy WebP", written("scene-alpha.png", &json!({"webplossy": {"quality": 80}}))),
        ("lossless WebP", written("scene-alpha.png", &json!("webplossless"))),
        ("animated WebP", input("walk.webp")),
    ];
    let (mut dice, rounds) = (Dice(6), rounds(1000));
    for (format, sound) in seeds {
        assert!(pixels(&sound) || format == "animated WebP", "{format}");
        let mut tried = || try_out("pixels", pixels, &damaged(&sound, &mut dice));
        let good = (0..rounds).filter(|_| tried()).count();
        eprintln!("{format}: {good} of {rounds} gave a picture");
    }
}

#[test]
fn twisted_requests_never_panic_and_what_they_write_can_be_read() {
    let (nodes, mut dice) = (nodes(), Dice(2));
    try_many("request", request, rounds(40) * 20, || {
        let sound: Vec<u8> = twisted_request(&nodes, &mut dice).into();
        if dice.roll(4) == 0 { damaged(&sound, &mut dice) } else { sound }
    });
}

#[test]
fn query_strings_of_any_text_and_size_never_panic() {
    let (queries, mut dice) = (queries(), Dice(4));
    try_many("query", query, rounds(40) * 100, || {
        let mut data: Vec<u8> = (0..8).map(|_| dice.roll(256) as u8).collect();
        if dice.roll(2) == 0 {
            data.copy_within(0..4, 4); // nothing was shrunk while it was decoded
        }
        let joined = [dice.pick(&queries).as_str(), dice.pick(&queries).as_str()].join("&");
        data.extend(damaged(joined.as_bytes(), &mut dice));
        data
    });
}

#[test]
fn c_functions_in_any_order_never_panic_nor_give_anything_away_twice() {
    let mut dice = Dice(5);
    try_many("abi", abi, rounds(40) * 10, || {
        // Two inputs, two outputs, two jobs, both results fetched: as far as the dice say.
        let sound = [0, 0, 0, 32, 1, 1, 1, 3, 2, 6, 2, 7, 6, 3, 7, 1];
        let mut calls = sound[..2 * dice.roll(9)].to_vec();
        calls.extend((0..2 * dice.roll(40)).map(|_| dice.roll(256) as u8));
        calls
    });
}

#[test]
fn whatever_once_failed_does_not_fail_again() {
    let bodies = [("decode", decode as Body), ("request", request), ("query", query), ("abi", abi)];
    for (target, body) in bodies {
        for (name, data) in files(&engine().join("fuzz/regressions").join(target)) {
            eprintln!("{name}");
            body(&data);
        }
    }
}

/// All queries of the conformance suite.
fn queries() -> Vec<String> {
    let value = |node: &Value| node["command_string"]["value"].as_str().map(str::to_owned);
    let queries: Vec<String> = nodes().iter().filter_map(value).collect();
    assert!(queries.len() > 20, "there are too few queries");
    queries
}

/// All nodes of the conformance suite.
fn nodes() -> Vec<Value> {
    let steps = |case: &Value| {
        let work = &case["execute"]["framewise"];
        let graph = work["graph"]["nodes"].as_object();
        let nodes = graph.map(|nodes| nodes.values().cloned().collect());
        work["steps"].as_array().cloned().or(nodes).unwrap_or_default()
    };
    let nodes: Vec<Value> = cases().iter().flat_map(steps).collect();
    assert!(nodes.len() > 100, "there are too few nodes");
    nodes
}

/// A chain of nodes that were never meant for each other, one value of it replaced.
fn twisted_request(nodes: &[Value], dice: &mut Dice) -> String {
    let mut steps = vec![json!({"decode": {"io_id": *dice.pick(&[0, 2, 3])}})];
    steps.extend((0..dice.roll(4)).map(|_| dice.pick(nodes).clone()));
    for step in &mut steps {
        point_at_our_files(step, dice);
    }
    steps.retain(|step| step.get("encode").is_none());
    let presets: Vec<&Value> = nodes
        .iter()
        .map(|node| &node["encode"]["preset"])
        .filter(|preset| !preset.is_null())
        .collect();
    let preset = dice.pick(&presets);
    steps.push(json!({"encode": {"io_id": *dice.pick(&OUTPUTS), "preset": preset}}));
    let step = dice.roll(steps.len());
    if dice.roll(3) > 0 {
        twist(&mut steps[step], dice);
    }
    json!({"framewise": {"steps": steps}}).to_string()
}

/// Inputs and outputs that exist, and no second source in the middle of a chain.
fn point_at_our_files(step: &mut Value, dice: &mut Dice) {
    if let Some(mark) = step.get_mut("watermark") {
        mark["io_id"] = json!(*dice.pick(&[0, 2, 3]));
    }
    if let Some(fields) = step.get_mut("command_string").and_then(Value::as_object_mut) {
        fields.retain(|name, _| name == "kind" || name == "value");
    }
}

/// Replaces one value somewhere inside.
fn twist(value: &mut Value, dice: &mut Dice) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let at = dice.roll(fields.len());
            let inner = fields.values_mut().nth(at).expect("a field");
            twist(inner, dice);
        }
        Value::Array(items) if !items.is_empty() => {
            let at = dice.roll(items.len());
            twist(&mut items[at], dice);
        }
        Value::Number(_) => {
            let numbers = [
                json!(0),
                json!(1),
                json!(3),
                json!(-1),
                json!(255),
                json!(1e-9),
                json!(1e30),
                json!(-1e30),
                json!(2_147_483_647),
                json!(4_294_967_295_u32),
                json!(dice.roll(300)),
            ];
            *value = dice.pick(&numbers).clone();
        }
        Value::String(text) => {
            let bytes = damaged(text.as_bytes(), dice);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        other => *other = json!(dice.roll(2) == 0),
    }
}
