//! The endpoints and the form of their answers.

use std::sync::Arc;

use imageflow::api;
use imageflow::error::{Error, Kind, Result};
use imageflow::job::Stop;
use imageflow::session::Session;
use serde_json::{Value, json};

fn session() -> Session {
    Session::new(Stop::default())
}

fn send(session: &mut Session, method: &str, message: &Value) -> Result<Value> {
    let answer = api::send(session, method, message.to_string().as_bytes())?;
    let json: Value = serde_json::from_slice(&answer.json).expect("an answer is JSON");
    assert_eq!(json["code"], answer.status);
    Ok(json)
}

fn error_of(method: &str, message: &Value) -> Error {
    send(&mut session(), method, message).expect_err("the request is wrong")
}

fn canvas(w: u32, h: u32) -> Value {
    json!({"create_canvas": {"format": "bgr_32", "w": w, "h": h, "color": "black"}})
}

fn encode(io_id: i32) -> Value {
    json!({"encode": {"io_id": io_id, "preset": {"lodepng": {}}}})
}

fn steps(steps: &[Value]) -> Value {
    json!({"framewise": {"steps": steps}})
}

/// A black picture as base64.
fn picture(w: u32, h: u32) -> String {
    let message = json!({
        "io": [{"io_id": 1, "direction": "out", "io": "output_base_64"}],
        "framewise": {"steps": [canvas(w, h), encode(1)]},
    });
    let answer = send(&mut session(), "v1/build", &message).unwrap();
    answer["data"]["job_result"]["encodes"][0]["bytes"]["base_64"].as_str().unwrap().to_owned()
}

#[test]
fn a_job_answers_with_its_encodes_and_decodes() {
    let mut session = session();
    session.add_output(1).unwrap();

    let answer = send(&mut session, "v1/execute", &steps(&[canvas(20, 10), encode(1)])).unwrap();

    assert_eq!(answer["success"], true);
    assert_eq!(answer["message"], "OK");
    let result = &answer["data"]["job_result"];
    let encoded = json!([{
        "preferred_mime_type": "image/png", "preferred_extension": "png",
        "io_id": 1, "w": 20, "h": 10, "bytes": "elsewhere",
    }]);
    assert_eq!(result["encodes"], encoded);
    assert_eq!(result["decodes"], json!([]));
    assert!(result["performance"]["frames"].is_array());
    assert!(session.take_output(1).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn a_build_takes_bytes_in_three_spellings() {
    let base64 = picture(20, 10);
    let bytes = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(&base64).unwrap()
    };
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    for io in [json!({"base_64": base64}), json!({"bytes_hex": hex}), json!({"byte_array": bytes})]
    {
        let message = json!({
            "io": [{"io_id": 0, "direction": "in", "io": io}],
            "framewise": {"steps": []},
        });
        let answer = send(&mut session(), "v1/build", &message).unwrap();
        let decoded = json!([{
            "preferred_mime_type": "image/png", "preferred_extension": "png",
            "io_id": 0, "w": 20, "h": 10,
        }]);
        assert_eq!(answer["data"]["job_result"]["decodes"], decoded);
    }
}

#[test]
fn a_build_can_encode_to_an_output_that_was_there_before() {
    let mut session = session();
    session.add_output(1).unwrap();
    let message = json!({"io": [], "framewise": {"steps": [canvas(4, 4), encode(1)]}});

    let answer = send(&mut session, "v1/build", &message).unwrap();

    assert_eq!(answer["data"]["job_result"]["encodes"][0]["bytes"], "elsewhere");
}

#[test]
fn an_input_says_what_it_is() {
    let mut session = session();
    let message = json!({
        "io": [{"io_id": 3, "direction": "in", "io": {"base_64": picture(20, 10)}}],
        "framewise": {"steps": []},
    });
    send(&mut session, "v1/build", &message).unwrap();

    for method in [
        "v1/get_image_info",
        "v0.1/get_image_info",
        "v1/get_scaled_image_info",
        "v0.1/get_scaled_image_info",
    ] {
        let answer = send(&mut session, method, &json!({"io_id": 3})).unwrap();
        let info = &answer["data"]["image_info"];
        assert_eq!((&info["image_width"], &info["image_height"]), (&json!(20), &json!(10)));
        assert_eq!(info["preferred_mime_type"], "image/png");
    }
}

#[test]
fn a_decoder_can_be_told_something_that_does_not_concern_it() {
    let mut session = session();
    let message = json!({
        "io": [{"io_id": 0, "direction": "in", "io": {"base_64": picture(20, 10)}}],
        "framewise": {"steps": []},
    });
    send(&mut session, "v1/build", &message).unwrap();

    for method in ["v1/tell_decoder", "v0.1/tell_decoder"] {
        let message = json!({"io_id": 0, "command": {"select_frame": 0}});
        assert_eq!(send(&mut session, method, &message).unwrap()["data"], json!({}));
    }
}

#[test]
fn the_version_tells_the_edition() {
    for method in ["v1/get_version_info", "v0.1/get_version_info"] {
        let answer = send(&mut session(), method, &json!({})).unwrap();
        let info = &answer["data"]["version_info"];
        assert!(info["long_version_string"].as_str().unwrap().starts_with("embedded "));
        assert!(info["git_tag"].as_str().unwrap().starts_with("embedded-"));
        assert_eq!(info["dirty_working_tree"], false);
    }
}

#[test]
fn the_keys_of_query_strings_can_be_listed() {
    for method in ["v1/schema/riapi/latest/get", "v1/schema/riapi/latest/list_keys"] {
        let answer = send(&mut session(), method, &json!({})).unwrap();
        let names = answer["data"]["schema"]["key_names"].as_array().unwrap();
        assert_eq!(names.len(), 100);
        assert!(names.contains(&json!("srcset")));
    }
}

#[test]
fn a_query_string_can_be_validated() {
    let method = "v1/schema/riapi/latest/validate";

    let clean = send(&mut session(), method, &json!({"query_string": "w=100&h=50"})).unwrap();
    let faulty = send(&mut session(), method, &json!({"query_string": "w=1&foo=2"})).unwrap();

    assert_eq!(clean["data"]["results"], json!({"issues": []}));
    let issue = &faulty["data"]["results"]["issues"][0];
    assert_eq!(issue["key"], "foo");
    assert_eq!(issue["value"], "2");
    assert_eq!(issue["kind"], "UnrecognizedKey");
    assert!(issue["message"].is_string());
}

#[test]
fn every_listed_schema_endpoint_is_answered() {
    let answer = send(&mut session(), "v1/schema/list-schema-endpoints", &json!({})).unwrap();

    for endpoint in answer["data"]["endpoints"].as_array().unwrap() {
        let method = endpoint.as_str().unwrap().strip_prefix('/').unwrap();
        let message =
            if method.ends_with("validate") { json!({"query_string": ""}) } else { json!({}) };
        assert_eq!(send(&mut session(), method, &message).unwrap()["code"], 200, "{method}");
    }
}

#[test]
fn a_teapot_has_its_own_shape() {
    for method in ["v1/brew_coffee", "brew_coffee"] {
        let answer = send(&mut session(), method, &json!("anything")).unwrap();
        assert_eq!((&answer["code"], &answer["success"]), (&json!(418), &json!("false")));
        assert!(answer.get("data").is_none());
    }
}

#[test]
fn an_unknown_endpoint_is_named() {
    for method in ["/v1/execute", "V1/execute", "v1/estimate", ""] {
        let error = error_of(method, &json!({}));
        assert_eq!(error.kind, Kind::InvalidMessageEndpoint);
        assert!(error.text.contains(&format!("\"{method}\"")), "{}", error.text);
    }
}

#[test]
fn a_failure_has_the_word_none_for_data() {
    let error = Error::new(Kind::SizeLimitExceeded, "too wide");

    let answer = api::failure(&error).unwrap();

    let json: Value = serde_json::from_slice(&answer.json).unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(
        json,
        json!({
            "code": 400, "success": false,
            "message": "ArgumentInvalid: SizeLimitExceeded: too wide", "data": "none",
        })
    );
}

#[test]
fn answers_are_indented_with_their_keys_in_order() {
    let answer = api::send(&mut session(), "v1/tell_decoder", b"{\"io_id\":0}");
    assert_eq!(answer.unwrap_err().kind, Kind::Json);

    let text = api::failure(&Error::cancelled()).unwrap().json;
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("{\n  \"code\": 499,\n  \"success\": false,\n  \"message\": \""));
}

#[test]
fn unknown_fields_and_names_are_refused_by_name() {
    let flip = json!("flip_v");
    for (message, name) in [
        (json!({"framewise": {"steps": []}, "securty": {}}), "securty"),
        (json!({"framewise": {"steps": []}, "security": {"max_size": null}}), "max_size"),
        (json!({"framewise": {"steps": [], "graph": {}}}), "framewise"),
        (json!({"framewise": {"step": []}}), "step"),
        (steps(&[json!({"decode": {"io_id": 0, "command": []}})]), "command"),
        (steps(&[json!({"blur": {}})]), "blur"),
        (steps(&[json!({"encode": {"io_id": 1, "preset": {"mozjpeg": {"qualty": 9}}}})]), "qualty"),
        (steps(&[json!({"constrain": {"mode": "witin", "w": 9}})]), "witin"),
        (json!({"framewise": {"graph": {"nodes": {"0": flip}, "edges": [], "node": 1}}}), "node"),
    ] {
        let error = error_of("v1/execute", &message);
        assert_eq!(error.kind, Kind::Json, "{message}");
        assert!(
            error.text.contains(&format!("`{name}`")) || name == "framewise",
            "{name}: {}",
            error.text
        );
    }
}

#[test]
fn graph_recording_is_taken_only_when_it_is_off() {
    let off = json!({"record_graph_versions": false, "render_last_graph": null});
    let on = json!({"record_frame_images": true});
    let execute =
        |recording: &Value| json!({"graph_recording": recording, "framewise": {"steps": []}});
    let build = |recording: &Value| json!({"builder_config": {"graph_recording": recording}, "io": [], "framewise": {"steps": []}});

    send(&mut session(), "v1/execute", &execute(&off)).unwrap();
    send(&mut session(), "v1/build", &build(&off)).unwrap();

    for (method, message) in [("v1/execute", execute(&on)), ("v1/build", build(&on))] {
        let error = error_of(method, &message);
        assert_eq!(error.kind, Kind::InvalidArgument);
        assert!(error.text.contains("graph_recording"));
    }
}

#[test]
fn io_entries_that_make_no_sense_are_refused() {
    let entry = |io_id: i32, direction: &str, io: Value| json!({"io_id": io_id, "direction": direction, "io": io});
    for (entries, kind) in [
        (json!([entry(0, "in", json!("placeholder"))]), Kind::GraphInvalid),
        (json!([entry(0, "in", json!({"base_64": "?"}))]), Kind::InvalidArgument),
        (json!([entry(0, "in", json!({"bytes_hex": "zz"}))]), Kind::InvalidArgument),
        (json!([entry(0, "in", json!({"byte_array": [256]}))]), Kind::Json),
        (json!([entry(0, "in", json!({"url": "http://example.org"}))]), Kind::Json),
        (json!([entry(0, "in", json!({"file": "no/such.png"}))]), Kind::DecodingIoError),
        (
            json!([entry(0, "out", json!({"file": "no/such/folder/out.png"}))]),
            Kind::EncodingIoError,
        ),
        (json!([entry(0, "inout", json!("output_buffer"))]), Kind::Json),
        (json!([entry(0, "in", json!({"byte_array": [1, 2, 3, 4]}))]), Kind::NoEnabledDecoderFound),
        (
            json!([
                entry(7, "out", json!("output_buffer")),
                entry(7, "out", json!("output_buffer"))
            ]),
            Kind::DuplicateIoId,
        ),
    ] {
        let message = json!({"io": entries, "framewise": {"steps": []}});
        assert_eq!(error_of("v1/build", &message).kind, kind, "{message}");
    }
}

#[test]
fn an_output_is_written_by_one_request_only() {
    let mut session = session();
    session.add_output(1).unwrap();
    let message = steps(&[canvas(4, 4), encode(1)]);
    send(&mut session, "v1/execute", &message).unwrap();

    let error = send(&mut session, "v1/execute", &message).unwrap_err();

    assert_eq!(error.kind, Kind::InvalidArgument);
    assert!(error.text.contains("output 1"), "{}", error.text);
}

#[test]
fn inputs_and_outputs_are_not_taken_for_each_other() {
    let mut session = session();
    session.add_output(1).unwrap();
    session.add_input(0, Arc::new(b"\x89PNG\r\n\x1a\n0123".to_vec())).unwrap();

    let info = |io_id: i32| json!({"io_id": io_id});
    for (method, io_id, kind) in [
        ("v1/get_image_info", 1, Kind::InvalidArgument),
        ("v1/get_image_info", 2, Kind::IoIdNotFound),
    ] {
        assert_eq!(send(&mut session, method, &info(io_id)).unwrap_err().kind, kind);
    }
    assert_eq!(session.lend_output(0).unwrap_err().kind, Kind::InvalidArgument);
    assert_eq!(session.take_output(2).unwrap_err().kind, Kind::IoIdNotFound);
}

#[test]
fn a_region_beyond_all_measure_is_refused() {
    let far = json!({"region_percent": {
        "x1": -1e38, "y1": -1e38, "x2": 1e38, "y2": 1e38, "background_color": "black",
    }});
    let mut session = session();
    session.add_output(1).unwrap();

    let error = send(&mut session, "v1/execute", &steps(&[canvas(4, 4), far, encode(1)]));

    assert_eq!(error.unwrap_err().kind, Kind::SizeLimitExceeded);
}

#[test]
fn a_node_without_its_parents_is_the_callers_mistake() {
    let onto = json!({"copy_rect_to_canvas":
        {"from_x": 0, "from_y": 0, "w": 1, "h": 1, "x": 0, "y": 0}});
    for wrong in [
        steps(&[json!("rotate_90")]),
        steps(&[encode(1)]),
        json!({"framewise": {"graph": {
            "nodes": {"0": canvas(2, 2), "1": onto},
            "edges": [{"from": 0, "to": 1, "kind": "input"}],
        }}}),
    ] {
        let error = error_of("v1/execute", &wrong);

        assert_eq!(error.kind, Kind::InvalidNodeConnections, "{error}");
        assert!(error.text.contains("parent"), "{error}");
    }
}

#[test]
fn a_stopped_session_gives_nothing() {
    let stop = Stop::default();
    let mut session = Session::new(stop.clone());
    session.add_output(1).unwrap();
    stop.request();

    let error = send(&mut session, "v1/execute", &steps(&[canvas(4, 4), encode(1)])).unwrap_err();

    assert_eq!(error.kind, Kind::OperationCancelled);
}

#[test]
fn a_build_writes_its_files_only_when_all_went_well() {
    let path = std::env::temp_dir().join(format!("imageflow-api-{}.png", std::process::id()));
    let name = path.to_str().unwrap();
    let message = |steps: &[Value]| {
        json!({
            "io": [{"io_id": 1, "direction": "out", "io": {"file": name}}],
            "framewise": {"steps": steps},
        })
    };

    let wrong = [canvas(4, 4), json!({"crop": {"x1": 0, "y1": 0, "x2": 9, "y2": 9}}), encode(1)];
    assert_eq!(error_of("v1/build", &message(&wrong)).kind, Kind::InvalidNodeParams);
    assert!(!path.exists());

    let right = message(&[canvas(4, 4), encode(1)]);
    let answer = send(&mut session(), "v1/build", &right).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(bytes.starts_with(b"\x89PNG"));
    let encoded = &answer["data"]["job_result"]["encodes"][0];
    assert_eq!(encoded["bytes"], json!({"physical_file": name}));
}

/// Two black frames of one pixel.
const ANIMATION: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xFF\xFF\xFF\
    \x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\
    \x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3B";

/// The extensions that two decoders, each with an encoder of its own, come to.
fn extensions(inputs: [&[u8]; 2], presets: [Value; 2]) -> Vec<String> {
    side_by_side(&mut session(), inputs, presets)
}

/// The same; the files are the outputs 10 and 11.
fn side_by_side(session: &mut Session, inputs: [&[u8]; 2], presets: [Value; 2]) -> Vec<String> {
    for (io_id, bytes) in (0..).zip(inputs) {
        session.add_input(io_id, Arc::new(bytes.to_vec())).unwrap();
        session.add_output(10 + io_id).unwrap();
    }
    let [one, other] = presets;
    let message = json!({"framewise": {"graph": {
        "nodes": {
            "0": {"decode": {"io_id": 0}}, "1": {"encode": {"io_id": 10, "preset": one}},
            "2": {"decode": {"io_id": 1}}, "3": {"encode": {"io_id": 11, "preset": other}},
        },
        "edges": [
            {"from": 0, "to": 1, "kind": "input"}, {"from": 2, "to": 3, "kind": "input"},
        ],
    }}});
    let answer = send(session, "v1/execute", &message).unwrap();
    let encodes = answer["data"]["job_result"]["encodes"].as_array().unwrap();
    let extension = |each: &Value| each["preferred_extension"].as_str().unwrap().to_owned();
    encodes.iter().map(extension).collect()
}

fn a_png() -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(picture(2, 2)).unwrap()
}

#[test]
fn keep_means_the_format_of_the_input_that_feeds_the_encoder() {
    let keep = || json!({"format": {"format": "keep"}});

    assert_eq!(extensions([ANIMATION, &a_png()], [keep(), keep()]), ["gif", "png"]);
    assert_eq!(extensions([&a_png(), ANIMATION], [keep(), keep()]), ["png", "gif"]);
}

#[test]
fn a_job_ends_although_an_animation_that_no_animation_is_made_of_has_frames_left() {
    let presets = [json!({"lodepng": {}}), json!("gif")];

    assert_eq!(extensions([ANIMATION, &a_png()], presets), ["png", "gif"]);
}

#[test]
fn an_animation_repeats_for_ever_and_a_still_does_not() {
    let mut session = session();

    side_by_side(&mut session, [ANIMATION, &a_png()], [json!("gif"), json!("gif")]);

    let [moving, still] = [10, 11].map(|io_id| session.take_output(io_id).unwrap());
    let repeats = b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0";
    let at = moving.windows(repeats.len()).position(|bytes| bytes == repeats);
    // Behind a frame it is not looked for.
    assert!(at.is_some_and(|at| !moving[..at].contains(&0x2C)));
    assert!(!still.windows(8).any(|bytes| bytes == b"NETSCAPE"));
}

/// An animation of one colour, with as many frames as there are delays.
fn moving(color: [u8; 3], delays: &[u16]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, 4, 4, &color).unwrap();
    for &delay in delays {
        let frame = gif::Frame { width: 4, height: 4, delay, ..gif::Frame::default() };
        encoder.write_frame(&gif::Frame { buffer: vec![0; 16].into(), ..frame }).unwrap();
    }
    drop(encoder);
    bytes
}

/// The delays of a GIF's frames.
fn delays(file: &[u8]) -> Vec<u16> {
    let mut reader = gif::DecodeOptions::new().read_info(file).unwrap();
    let mut delays = Vec::new();
    while let Some(frame) = reader.read_next_frame().unwrap() {
        delays.push(frame.delay);
    }
    delays
}

/// The GIFs that a graph makes of two inputs, 0 and 1.
fn gifs<const N: usize>(inputs: [&[u8]; 2], nodes: &Value, edges: &Value) -> [Vec<u8>; N] {
    let mut session = session();
    for (io_id, bytes) in (0..).zip(inputs) {
        session.add_input(io_id, Arc::new(bytes.to_vec())).unwrap();
    }
    let outputs: [i32; N] = std::array::from_fn(|i| 10 + i as i32);
    outputs.iter().for_each(|&io_id| session.add_output(io_id).unwrap());
    let message = json!({"framewise": {"graph": {"nodes": nodes, "edges": edges}}});
    send(&mut session, "v1/execute", &message).unwrap();
    outputs.map(|io_id| session.take_output(io_id).unwrap())
}

#[test]
fn animations_beside_each_other_are_as_each_would_be_alone() {
    let (short, long) = (moving([255, 0, 0], &[10, 20]), moving([0, 0, 255], &[50; 5]));
    let alone = |bytes: &[u8]| {
        let nodes = json!({
            "0": {"decode": {"io_id": 0}}, "1": {"encode": {"io_id": 10, "preset": "gif"}},
        });
        let [file] = gifs([bytes; 2], &nodes, &json!([{"from": 0, "to": 1, "kind": "input"}]));
        file
    };

    for inputs in [[&short[..], &long], [&long, &short]] {
        let mut session = session();
        side_by_side(&mut session, inputs, [json!("gif"), json!("gif")]);
        for (io_id, input) in (10..).zip(inputs) {
            assert_eq!(session.take_output(io_id).unwrap(), alone(input));
        }
    }
}

#[test]
fn a_still_beside_an_animation_stays_one_frame() {
    let (short, long) = (moving([255, 0, 0], &[10, 20]), moving([0, 0, 255], &[50; 5]));
    let nodes = json!({
        "0": {"decode": {"io_id": 0}}, "1": {"encode": {"io_id": 10, "preset": "gif"}},
        "2": {"decode": {"io_id": 1}}, "3": {"encode": {"io_id": 11, "preset": "gif"}},
        "4": {"decode": {"io_id": 1, "commands": [{"select_frame": 1}]}},
        "5": {"encode": {"io_id": 12, "preset": "gif"}},
    });
    let edge = |from: i32| json!({"from": from, "to": from + 1, "kind": "input"});

    let made = gifs([&short, &long], &nodes, &json!([edge(0), edge(2), edge(4)]));

    assert_eq!(made.map(|file| delays(&file)), [vec![10, 20], vec![50; 5], vec![0]]);
}

#[test]
fn an_animation_drawn_upon_another_goes_on_as_long_as_either() {
    let (short, long) = (moving([255, 0, 0], &[10, 20]), moving([0, 0, 255], &[50, 60, 70, 80]));
    let nodes = json!({
        "0": {"decode": {"io_id": 0}}, "1": {"decode": {"io_id": 1}},
        "2": {"draw_image_exact": {"x": 0, "y": 0, "w": 2, "h": 2}},
        "3": {"encode": {"io_id": 10, "preset": "gif"}},
        "4": {"encode": {"io_id": 11, "preset": "gif"}},
    });
    let edge = |from: i32, to: i32, kind: &str| json!({"from": from, "to": to, "kind": kind});
    for (drawn, upon) in [(0, 1), (1, 0)] {
        let edges = [
            edge(drawn, 2, "input"),
            edge(upon, 2, "canvas"),
            edge(2, 3, "input"),
            edge(0, 4, "input"),
        ];

        // The lowest io_id decides on the delay, until it has ended.
        let made = gifs([&short, &long], &nodes, &json!(edges)).map(|file| delays(&file));
        assert_eq!(made, [vec![10, 20, 70, 80], vec![10, 20]]);
        let made = gifs([&long, &short], &nodes, &json!(edges)).map(|file| delays(&file));
        assert_eq!(made, [vec![50, 60, 70, 80], vec![50, 60, 70, 80]]);
    }
}

/// Stripes and grain, as a PNG.
fn grainy(w: u32, h: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, w, h);
    encoder.set_color(png::ColorType::Rgb);
    let level = |i: u32| (i / 7 + (i.wrapping_mul(2_654_435_761) >> 28)) as u8;
    let pixels: Vec<u8> = (0..w * h * 3).map(level).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// What a query makes of a file with so many threads.
fn queried(file: &[u8], query: &str, threads: u32) -> Result<Vec<u8>> {
    let mut session = session();
    session.add_input(0, Arc::new(file.to_vec())).unwrap();
    session.add_output(1).unwrap();
    let step = json!({"command_string": {"kind": "ir4", "value": query, "decode": 0, "encode": 1}});
    let message = json!({"security": {"max_threads": threads}, "framewise": {"steps": [step]}});
    send(&mut session, "v1/execute", &message)?;
    session.take_output(1)
}

#[test]
fn a_second_thread_changes_no_byte_and_no_error() {
    let png = grainy(700, 500);
    let jpeg = queried(&png, "format=jpg&quality=90", 1).unwrap();
    let cut = &png[..png.len() / 2];
    let queries = ["w=300", "w=600&format=webp", "crop=10,10,690,150&format=png", "rotate=90", ""];
    for file in [&png, &jpeg, cut] {
        for query in queries {
            let (one, two) = (queried(file, query, 1), queried(file, query, 2));
            assert!(one == two, "{query}: {:?} {:?}", one.err(), two.err());
        }
    }
    assert!(queries.iter().all(|query| queried(cut, query, 2).is_err()));
}

#[test]
fn an_error_of_a_picture_names_its_input() {
    let png = grainy(60, 50);
    let cut = &png[..png.len() / 2];
    let commands = |input: &[u8], mark: &[u8]| {
        let mut session = session();
        session.add_input(7, Arc::new(input.to_vec()))?;
        session.add_input(8, Arc::new(mark.to_vec()))?;
        session.add_output(1)?;
        session.image_info(7)?;
        let steps = steps(&[
            json!({"decode": {"io_id": 7}}),
            json!({"watermark": {"io_id": 8}}),
            encode(1),
        ]);
        send(&mut session, "v1/execute", &steps)
    };
    let text = |input: &[u8], mark: &[u8]| commands(input, mark).expect_err("it is damaged").text;

    assert!(text(cut, &png).starts_with("io_id 7: The PNG cannot be decoded: "));
    assert!(text(&png, cut).starts_with("io_id 8: The PNG cannot be decoded: "));
    assert!(text(b"\xFF\xD8\xFF\xE0", &png).starts_with("io_id 7: The JPEG cannot be decoded: "));
    assert!(text(&png, b"no picture").starts_with("io_id 8: No decoder is known"));
}
