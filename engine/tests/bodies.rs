//! What the fuzz targets of `fuzz/` do with bytes, and the same as tests.
//!
//! Each body is an ordinary function that must not panic, whatever it is given, and that
//! checks more than that where it can. `cargo test` feeds them damaged pictures, twisted
//! requests and random calls, the same ones each time.

#[path = "bodies/abi.rs"]
mod abi_calls;
#[cfg(test)]
#[path = "bodies/replay.rs"]
mod replay;

use std::sync::Arc;

use imageflow::api;
use imageflow::decode::{self, Commands, Format};
use imageflow::encode::choose::{Facts, choose};
use imageflow::error::Result;
use imageflow::frame::Frame;
use imageflow::job::{Limits, Stop};
use imageflow::message::{
    Execute, FrameSizeLimit, Framewise, ImageInfo, Node, PixelFormat, Preset, Security,
};
use imageflow::query::{self, Query};
use imageflow::session::Session;

pub use abi_calls::abi;

/// Small enough that no input takes long, large enough that every path is taken.
const LARGEST: FrameSizeLimit = FrameSizeLimit { w: 4096, h: 4096, megapixels: 0.065_536 };

fn tiny_limits() -> Security {
    Security {
        max_decode_size: Some(LARGEST),
        max_frame_size: Some(LARGEST),
        max_encode_size: Some(LARGEST),
        max_total_file_pixels: None,
        max_threads: None,
    }
}

/// A session in which no frame can be large.
fn session() -> Session {
    let mut session = Session::new(Stop::default());
    let nothing = execute(Vec::new());
    session.execute(&nothing).expect("an empty job");
    session
}

fn execute(steps: Vec<Node>) -> Execute {
    Execute {
        graph_recording: None,
        security: Some(tiny_limits()),
        framewise: Framewise::Steps(steps),
    }
}

/// Decodes a file and writes it without loss: as PNG, and a GIF as GIF.
///
/// What is written has the size of the header, and reads back as the same picture. Gives
/// whether it came that far.
pub fn decode(data: &[u8]) -> bool {
    let presets = if data.starts_with(b"GIF8") {
        vec![Preset::Lodepng { maximum_deflate: None }, Preset::Gif]
    } else {
        vec![Preset::Lodepng { maximum_deflate: None }, Preset::Webplossless]
    };
    for preset in presets {
        let mut session = session();
        if session.add_input(0, Arc::new(data.to_vec())).is_err() {
            return false;
        }
        let info = session.image_info(0);
        session.scaled_image_info(0).ok();
        session.add_output(1).expect("a free number");
        let nodes =
            vec![Node::Decode { io_id: 0, commands: None }, Node::Encode { io_id: 1, preset }];
        let Ok(done) = session.execute(&execute(nodes)) else {
            return false;
        };
        let info = info.expect("what can be decoded has a header");
        let size = (done.encodes[0].w, done.encodes[0].h);
        assert_eq!(size, (info.image_width, info.image_height), "header and picture differ");
        let written = session.take_output(1).expect("an output that was written");
        let again = still(&written).expect("what was written can be read");
        assert_eq!(again.size(), size, "the file has another size");
        if written.starts_with(b"\x89PNG") {
            let original = still(data).expect("a file that was decoded before");
            assert_eq!(opaque_or_not(&again), opaque_or_not(&original), "the file differs");
        }
    }
    true
}

/// The first frame of a file.
fn still(data: &[u8]) -> Result<Frame> {
    let (limits, stop) = (Limits::default(), Stop::default());
    let format = decode::sniff(data).expect("a known format");
    decode::still(format, data, &Commands::default(), &limits, &stop)?.into_frame(&limits, &stop)
}

/// Reads every picture of a file, and gives whether none was damaged.
pub fn pixels(data: &[u8]) -> bool {
    let (mut limits, stop) = (Limits::default(), Stop::default());
    limits.apply(&tiny_limits()).expect("limits");
    let Some(format) = decode::sniff(data) else {
        return false;
    };
    if format == Format::Gif {
        return decode::gif::Reader::new(data, &limits, &stop).is_ok_and(|mut reader| {
            std::iter::repeat_with(|| reader.next_shot()).find_map(|shot| match shot {
                Ok(Some(_)) => None,
                end => Some(end.is_ok()),
            }) == Some(true)
        });
    }
    let picture = decode::still(format, data, &Commands::default(), &limits, &stop);
    picture.is_ok_and(|picture| picture.into_frame(&limits, &stop).is_ok())
}

/// Four channels to a pixel; where nothing is to be seen, the colour does not matter.
fn opaque_or_not(frame: &Frame) -> Vec<[u8; 4]> {
    let px = frame.px();
    if frame.has_alpha() {
        let seen = |&[r, g, b, a]: &[u8; 4]| if a == 0 { [0; 4] } else { [r, g, b, a] };
        px.as_chunks::<4>().0.iter().map(seen).collect()
    } else {
        px.as_chunks::<3>().0.iter().map(|&[r, g, b]| [r, g, b, 255]).collect()
    }
}

/// Runs a job in JSON on three inputs (0, 2, 3) and four outputs (1, 4, 5, 6).
///
/// Its limits are replaced by small ones; whatever it wrote can be read. Gives whether the
/// job went well.
pub fn request(data: &[u8]) -> bool {
    let Ok(mut request) = api::parse::<Execute>(data) else {
        return false;
    };
    request.security = Some(tiny_limits());
    let mut session = session();
    for (io_id, file) in [(0, PNG), (2, JPEG), (3, GIF)] {
        session.add_input(io_id, Arc::new(file)).expect("a sound file");
    }
    for io_id in OUTPUTS {
        session.add_output(io_id).expect("a free number");
    }
    let Ok(done) = session.execute(&request) else {
        return false;
    };
    for encode in done.encodes {
        let file = session.take_output(encode.io_id).expect("an output that was written");
        let frame = still(&file).expect("what was written can be read");
        let size = if file.starts_with(b"GIF8") { last_frame(&file) } else { frame.size() };
        assert_eq!(size, (encode.w, encode.h), "the answer gives another size");
    }
    true
}

/// Width and height of the last frame of a GIF, which may be others than the file's.
fn last_frame(file: &[u8]) -> (u32, u32) {
    let mut reader = gif::DecodeOptions::new().read_info(file).expect("a GIF");
    let mut size = (0, 0);
    while let Some(frame) = reader.next_frame_info().expect("a whole frame") {
        size = (frame.width.into(), frame.height.into());
    }
    size
}

/// Inputs of [`request`]: with alpha, with EXIF orientation, and animated.
const PNG: &[u8] = include_bytes!("../../tests/conformance/inputs/logo.png");
const JPEG: &[u8] = include_bytes!("../../tests/conformance/inputs/arrow-6.jpg");
const GIF: &[u8] = include_bytes!("../../tests/conformance/inputs/walk-clear.gif");

const OUTPUTS: [i32; 4] = [1, 4, 5, 6];

/// Expands a query string for a picture whose sizes are the first eight bytes.
///
/// Every crop lies inside its frame, and no frame vanishes. Gives whether it could be laid
/// out.
pub fn query(data: &[u8]) -> bool {
    let Some((head, text)) = data.split_first_chunk::<8>() else {
        return false;
    };
    let side = |i: usize| 1 + u32::from(u16::from_le_bytes([head[i], head[i + 1]]));
    let (frame, source) = ((side(0), side(2)), (side(4), side(6)));
    let text = String::from_utf8_lossy(text);
    let query = Query::parse(&text);
    for issue in query::issues(&text) {
        assert!(!issue.message.is_empty());
    }
    let _ = query.decoder_commands(&info(source));
    for alpha in [false, true] {
        let source = Some(Format::Jpeg);
        let facts = Facts { source, source_lossless: false, animated: false, alpha };
        choose(&query.preset(), &facts).expect("a query allows at least the web-safe formats");
    }
    let nodes = query.nodes(frame, source, &[]);
    nodes.is_ok_and(|nodes| {
        nodes.iter().fold(frame, after);
        true
    })
}

fn info((image_width, image_height): (u32, u32)) -> ImageInfo {
    ImageInfo {
        preferred_mime_type: "image/jpeg",
        preferred_extension: "jpg",
        image_width,
        image_height,
        frame_decodes_into: PixelFormat::Bgr32,
        lossless: false,
        multiple_frames: false,
    }
}

/// The size of a frame after a node.
fn after((w, h): (u32, u32), node: &Node) -> (u32, u32) {
    match *node {
        Node::Rotate90 | Node::Rotate270 => (h, w),
        Node::Crop { x1, y1, x2, y2 } => {
            assert!(x1 < x2 && y1 < y2 && x2 <= w && y2 <= h, "{node:?} of {w}x{h}");
            (x2 - x1, y2 - y1)
        }
        Node::Resample2d { w, h, .. } => {
            assert!(w > 0 && h > 0, "{node:?}");
            (w, h)
        }
        Node::ExpandCanvas { left, top, right, bottom, .. } => (left + w + right, top + h + bottom),
        _ => (w, h),
    }
}
