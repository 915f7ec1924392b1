//! `imageflow_tool` as a child process: what goes in, what comes out, and the exit status.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// An empty folder to run the tool in, gone at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tool-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn tool(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imageflow_tool"));
        command.current_dir(&self.0).args(arguments).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.tool(arguments).output().unwrap()
    }

    fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = self.tool(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    fn write(&self, name: &str, content: &Value) {
        fs::write(self.0.join(name), content.to_string()).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    /// Draw a picture into a file of this folder.
    fn draw(&self, name: &str, w: u32, h: u32) {
        self.write("draw.json", &drawing(w, h, &json!({"file": name})));
        let output = self.run(&["v1/build", "--json", "draw.json", "--quiet"]);
        assert_eq!(status(&output), 0);
        fs::remove_file(self.0.join("draw.json")).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn drawing(w: u32, h: u32, io: &Value) -> Value {
    json!({
        "io": [{"io_id": 1, "direction": "out", "io": io}],
        "framewise": {"steps": [
            {"create_canvas": {"format": "bgr_32", "w": w, "h": h, "color": "black"}},
            {"encode": {"io_id": 1, "preset": {"lodepng": {}}}},
        ]},
    })
}

/// Two inputs and two outputs, to be filled in: halves of the first, the second as it is.
fn recipe() -> Value {
    let entry = |io_id: i32, direction: &str| json!({"io_id": io_id, "direction": direction, "io": "placeholder"});
    let node = |io_id: i32| json!({"decode": {"io_id": io_id}});
    let encode = |io_id: i32| json!({"encode": {"io_id": io_id, "preset": {"lodepng": {}}}});
    let edge = |from: i32, to: i32| json!({"from": from, "to": to, "kind": "input"});
    json!({
        "io": [entry(10, "in"), entry(20, "out"), entry(11, "in"), entry(21, "out")],
        "framewise": {"graph": {
            "nodes": {"0": node(10), "1": node(11), "2": encode(20), "3": encode(21)},
            "edges": [edge(0, 2), edge(1, 3)],
        }},
    })
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("the tool is not killed by a signal")
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("standard output is JSON")
}

fn complaint(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("standard error is text")
}

/// Width and height, from a PNG's header.
fn size(png: &[u8]) -> (u32, u32) {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn a_query_string_runs_from_file_to_file() {
    let folder = Folder::new("querystring");
    folder.draw("in.png", 40, 20);

    let output = folder.run(&[
        "v1/querystring",
        "--command",
        "w=10&format=png",
        "--in",
        "in.png",
        "--out",
        "out.png",
    ]);

    assert_eq!(status(&output), 0, "{}", complaint(&output));
    assert_eq!(complaint(&output), "");
    let result = &answer(&output)["data"]["build_result"];
    assert_eq!(result["encodes"][0]["bytes"], json!({"physical_file": "out.png"}));
    assert_eq!(result["decodes"][0]["w"], 40);
    assert_eq!(size(&folder.read("out.png")), (10, 5));
    assert_eq!(folder.names(), ["in.png", "out.png"]);
}

#[test]
fn files_are_assigned_by_place_or_by_number() {
    let folder = Folder::new("assign");
    folder.draw("a.png", 40, 20);
    folder.draw("b.png", 30, 30);
    folder.write("job.json", &recipe());

    for arguments in [
        &["--in", "a.png", "b.png", "--out", "1.png", "2.png"][..],
        &["--in", "11", "b.png", "10", "a.png", "--out", "20", "1.png", "--out", "21", "2.png"],
    ] {
        let output = folder.run(&[&["v1/build", "--json", "job.json"], arguments].concat());
        assert_eq!(status(&output), 0, "{}", complaint(&output));
        assert_eq!(size(&folder.read("1.png")), (40, 20));
        assert_eq!(size(&folder.read("2.png")), (30, 30));
    }
}

#[test]
fn a_recipe_can_come_through_a_pipe_and_its_picture_in_the_answer() {
    let folder = Folder::new("pipe");
    let recipe = drawing(7, 5, &json!("output_base_64")).to_string();

    for name in ["-", "/dev/stdin"] {
        let output = folder.run_with_input(&["v1/build", "--json", name], recipe.as_bytes());
        assert_eq!(status(&output), 0, "{}", complaint(&output));
        assert_ne!(output.stdout.last(), Some(&b'\n'));
        let encoded = &answer(&output)["data"]["build_result"]["encodes"][0];
        assert!(encoded["bytes"]["base_64"].as_str().unwrap().starts_with("iVBOR"));
    }
}

#[cfg(unix)]
#[test]
fn a_picture_can_go_through_both_standard_streams() {
    let folder = Folder::new("streams");
    folder.draw("in.png", 40, 20);

    for (name_in, name_out, quiet) in
        [("-", "-", None), ("/dev/stdin", "/dev/stdout", Some("--quiet"))]
    {
        let arguments =
            ["v1/querystring", "--command", "w=10&format=png", "--in", name_in, "--out", name_out];
        let arguments: Vec<&str> = arguments.into_iter().chain(quiet).collect();
        let output = folder.run_with_input(&arguments, &folder.read("in.png"));
        assert_eq!(status(&output), 0, "{}", complaint(&output));
        assert_eq!(size(&output.stdout), (10, 5));
    }
}

#[test]
fn the_answer_goes_where_it_is_asked_for() {
    let folder = Folder::new("response");
    folder.draw("in.png", 40, 20);
    let job = ["v1/querystring", "--command", "w=9", "--in", "in.png", "--out", "out.png"];

    let quiet = folder.run(&[&job[..], &["--quiet"]].concat());
    let file = folder.run(&[&job[..], &["--quiet", "--response", "answer.json"]].concat());

    assert_eq!((status(&quiet), &quiet.stdout[..]), (0, &b""[..]));
    assert_eq!((status(&file), &file.stdout[..]), (0, &b""[..]));
    let written: Value = serde_json::from_slice(&folder.read("answer.json")).unwrap();
    assert_eq!(written["data"]["build_result"]["encodes"][0]["w"], 9);
}

#[test]
fn a_failure_has_an_answer_a_text_and_a_status() {
    let folder = Folder::new("failure");
    fs::write(folder.0.join("words.txt"), "These are words.").unwrap();
    let job = ["v1/querystring", "--command", "w=9", "--in", "words.txt", "--out", "out.png"];

    let output = folder.run(&job);
    let quiet = folder.run(&[&job[..], &["--quiet"]].concat());
    let file = folder.run(&[&job[..], &["--response", "answer.json"]].concat());

    assert_eq!(status(&output), 65);
    assert!(complaint(&output).starts_with("ImageMalformed: NoEnabledDecoderFound: "));
    let answer = answer(&output);
    assert_eq!((&answer["code"], &answer["data"]), (&json!(400), &json!("none")));
    assert_eq!(answer["message"], complaint(&output).trim_end());
    assert_eq!((status(&quiet), &quiet.stdout[..]), (65, &b""[..]));
    assert_eq!(complaint(&quiet), complaint(&output));
    assert_eq!((status(&file), &file.stdout[..]), (65, &b""[..]));
    assert!(folder.read("answer.json").starts_with(b"{\n  \"code\": 400,"));
    assert_eq!(folder.names(), ["answer.json", "words.txt"]);
}

#[test]
fn the_status_tells_the_category() {
    let folder = Folder::new("status");
    folder.draw("in.png", 40, 20);
    folder.write("job.json", &recipe());
    folder.write("wrong.json", &json!({"io": [], "framewise": {"steps": ["flip_x"]}}));
    fs::write(folder.0.join("cut.json"), "{\"io\": [").unwrap();
    for (arguments, code, begin) in [
        (&["v1/build", "--json", "no.json"][..], 74, "IoError: DecodingIoError: "),
        (&["v1/build", "--json", "cut.json"], 65, "InvalidJson: Json: "),
        (&["v1/build", "--json", "wrong.json"], 65, "InvalidJson: Json: unknown variant `flip_x`"),
        (&["v1/build", "--json", "job.json"], 64, "GraphInvalid: GraphInvalid: "),
        (
            &["v1/build", "--json", "job.json", "--in", "10", "in.png", "11"],
            64,
            "ArgumentInvalid: InvalidArgument: ",
        ),
        (
            &["v1/build", "--json", "job.json", "--in", "9", "in.png"],
            64,
            "ArgumentInvalid: IoIdNotFound: ",
        ),
        (
            &["v1/build", "--json", "job.json", "--in", "https://example.org/a.png"],
            64,
            "ArgumentInvalid: InvalidArgument: ",
        ),
        (
            &["v1/ir4", "--command", "w=9", "--in", "no.png", "--out", "out.png"],
            74,
            "IoError: DecodingIoError: cannot read no.png: ",
        ),
        (
            &["v1/ir4", "--command", "w=9", "--in", "in.png", "--out", "no/out.png"],
            74,
            "IoError: EncodingIoError: cannot write no/out.png: ",
        ),
        (
            &[
                "v1/ir4",
                "--command",
                "w=9",
                "--in",
                "in.png",
                "--out",
                "out.png",
                "--exit-if-larger-than",
                "30W",
                "9mp",
            ],
            64,
            "ArgumentInvalid: SizeLimitExceeded: ",
        ),
    ] {
        let output = folder.run(arguments);
        assert_eq!(status(&output), code, "{arguments:?}: {}", complaint(&output));
        assert!(complaint(&output).starts_with(begin), "{arguments:?}: {}", complaint(&output));
        assert_eq!(answer(&output)["success"], false);
    }
    assert!(!folder.names().contains(&"out.png".to_owned()));
}

#[test]
fn a_picture_can_replace_its_own_source() {
    let folder = Folder::new("in-place");
    folder.draw("same.png", 40, 20);

    let output = folder.run(&[
        "v1/querystring",
        "--command",
        "w=10&format=png",
        "--in",
        "same.png",
        "--out",
        "same.png",
    ]);

    assert_eq!(status(&output), 0, "{}", complaint(&output));
    assert_eq!(size(&folder.read("same.png")), (10, 5));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_an_error() {
    let folder = Folder::new("full");
    folder.draw("in.png", 40, 20);

    let output =
        folder.run(&["v1/ir4", "--command", "w=9", "--in", "in.png", "--out", "/dev/full"]);

    assert_eq!(status(&output), 74);
    assert!(complaint(&output).starts_with("IoError: EncodingIoError: cannot write /dev/full: "));
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_nobody_can_take_is_an_error() {
    let folder = Folder::new("deaf");
    folder.draw("in.png", 40, 20);
    let mut command =
        folder.tool(&["v1/ir4", "--command", "w=9", "--in", "in.png", "--out", "out.png"]);
    command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());

    let output = command.output().unwrap();

    assert_eq!(status(&output), 74);
    assert!(
        complaint(&output).starts_with("IoError: EncodingIoError: cannot write to standard output")
    );
}

#[test]
fn the_version_is_one_line() {
    let folder = Folder::new("version");

    for flag in ["--version", "-V"] {
        let output = folder.run(&[flag]);
        assert_eq!(status(&output), 0);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("imageflow_tool embedded "), "{text}");
        assert_eq!(text.lines().count(), 1);
    }
}

#[test]
fn compilation_info_begins_with_the_version() {
    let folder = Folder::new("diagnose");

    let output = folder.run(&["diagnose", "--show-compilation-info"]);

    assert_eq!(status(&output), 0);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("embedded "));
    assert!(lines.clone().all(|line| line.contains('=')));
    assert!(lines.any(|line| line.starts_with("GIT_OPTIONAL_TAG=embedded-")));
}

#[test]
fn help_is_printed_only_when_asked_for() {
    let folder = Folder::new("help");

    let asked = folder.run(&["--help"]);
    let lost = folder.run(&[]);
    let wrong = folder.run(&["v1/build", "--jsonn", "x"]);

    assert_eq!(status(&asked), 0);
    assert!(asked.stdout.starts_with(b"imageflow_tool, embedded edition"));
    assert_eq!((status(&lost), &lost.stdout[..]), (2, &b""[..]));
    assert_eq!((status(&wrong), &wrong.stdout[..]), (2, &b""[..]));
    assert!(complaint(&wrong).starts_with("error: unexpected argument '--jsonn' found\n"));
}
