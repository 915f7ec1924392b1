//! The JSON of requests and answers, as upstream's v1 endpoints spell it.
//!
//! Unknown fields and names are refused: upstream ignores unknown fields, so a misspelt
//! option there does nothing and nobody is told. Optional fields may be absent or null.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A whole job with its own list of inputs and outputs (`v1/build`, the tool's `--json`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Limits and recording.
    pub builder_config: Option<BuilderConfig>,
    /// Where the bytes come from and go.
    pub io: Vec<IoObject>,
    /// What to do.
    pub framewise: Framewise,
}

/// The settings of a [`Build`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuilderConfig {
    /// Accepted only with every flag off.
    pub graph_recording: Option<GraphRecording>,
    /// Limits that replace those in force.
    pub security: Option<Security>,
}

/// A job on inputs and outputs that were added before (`v1/execute`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execute {
    /// Accepted only with every flag off.
    pub graph_recording: Option<GraphRecording>,
    /// Limits that replace those in force.
    pub security: Option<Security>,
    /// What to do.
    pub framewise: Framewise,
}

/// Upstream's debugging aid, which writes files; this engine has none of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "accepted only when false; the names are upstream's")]
pub struct GraphRecording {
    pub record_graph_versions: Option<bool>,
    pub record_frame_images: Option<bool>,
    pub render_last_graph: Option<bool>,
    pub render_graph_versions: Option<bool>,
    pub render_animated_graph: Option<bool>,
}

impl GraphRecording {
    /// Whether anything is to be recorded.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        [
            self.record_graph_versions,
            self.record_frame_images,
            self.render_last_graph,
            self.render_graph_versions,
            self.render_animated_graph,
        ]
        .contains(&Some(true))
    }
}

/// Limits; one that is absent or null leaves the current value in force.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    /// On the size that the decoder will deliver, after its hints.
    pub max_decode_size: Option<FrameSizeLimit>,
    /// On each node's frame.
    pub max_frame_size: Option<FrameSizeLimit>,
    /// On the frame that enters an encoder.
    pub max_encode_size: Option<FrameSizeLimit>,
    /// On the pixels of all frames of an input together. (Upstream's main has this name, and
    /// the next.)
    pub max_total_file_pixels: Option<u64>,
    /// Threads for one job; 1 unless given, and more than 2 are as good as 2.
    pub max_threads: Option<u32>,
}

/// The largest frame allowed; "unlimited" is 2147483647 and a large number of megapixels.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct FrameSizeLimit {
    /// Largest width in pixels.
    pub w: u32,
    /// Largest height in pixels.
    pub h: u32,
    /// Largest area in millions of pixels.
    pub megapixels: f32,
}

/// One input or output of a [`Build`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IoObject {
    /// The number that nodes name it by; unique over inputs and outputs.
    pub io_id: i32,
    /// Matters for files only.
    pub direction: IoDirection,
    /// What it is.
    pub io: Io,
}

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum IoDirection {
    /// An input.
    In,
    /// An output.
    Out,
}

/// Where bytes come from or go to.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Io {
    /// Input bytes in hex.
    BytesHex(String),
    /// Input bytes in base64, standard alphabet with padding.
    #[serde(rename = "base_64")]
    Base64(String),
    /// Input bytes as numbers.
    ByteArray(Vec<u8>),
    /// A file, read or written as `direction` says.
    File(String),
    /// A buffer that the caller fetches through the C ABI.
    OutputBuffer,
    /// A buffer that comes back inside the answer.
    #[serde(rename = "output_base_64")]
    OutputBase64,
    /// Something that the caller has still to fill in.
    Placeholder,
}

/// What to do, as a chain or as a graph.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Framewise {
    /// Nodes one after the other.
    Steps(Vec<Node>),
    /// Nodes and edges.
    Graph(Graph),
}

/// Nodes by number, and who feeds whom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// Keys are numbers written as text.
    pub nodes: BTreeMap<String, Node>,
    /// From parent to child.
    pub edges: Vec<Edge>,
}

/// One arrow of a [`Graph`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The parent's number.
    pub from: i32,
    /// The child's number.
    pub to: i32,
    /// Which of the child's two places the parent takes.
    pub kind: EdgeKind,
}

/// A child's place for a parent.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// The picture to work on.
    Input,
    /// The picture that is drawn on.
    Canvas,
}

/// One operation. Lengths and coordinates are pixels from the top left; `x2` and `y2`
/// are exclusive.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the names and fields are upstream's, described in its manual")]
pub enum Node {
    FlipV,
    FlipH,
    Transpose,
    #[serde(rename = "rotate_90")]
    Rotate90,
    #[serde(rename = "rotate_180")]
    Rotate180,
    #[serde(rename = "rotate_270")]
    Rotate270,
    ApplyOrientation {
        flag: i32,
    },
    Decode {
        io_id: i32,
        commands: Option<Vec<DecoderCommand>>,
    },
    Encode {
        io_id: i32,
        preset: Preset,
    },
    Constrain(Constraint),
    #[serde(rename = "resample_2d")]
    Resample2d {
        w: u32,
        h: u32,
        hints: Option<ResampleHints>,
    },
    Crop {
        x1: u32,
        y1: u32,
        x2: u32,
        y2: u32,
    },
    CropWhitespace {
        threshold: u32,
        percent_padding: f32,
    },
    Region {
        x1: i32,
        y1: i32,
        x2: i32,
        y2: i32,
        background_color: Color,
    },
    RegionPercent {
        x1: f32,
        y1: f32,
        x2: f32,
        y2: f32,
        background_color: Color,
    },
    ExpandCanvas {
        left: u32,
        top: u32,
        right: u32,
        bottom: u32,
        color: Color,
    },
    FillRect {
        x1: u32,
        y1: u32,
        x2: u32,
        y2: u32,
        color: Color,
    },
    CreateCanvas {
        format: PixelFormat,
        w: u32,
        h: u32,
        color: Color,
    },
    CopyRectToCanvas {
        from_x: u32,
        from_y: u32,
        w: u32,
        h: u32,
        x: u32,
        y: u32,
    },
    DrawImageExact {
        x: u32,
        y: u32,
        w: u32,
        h: u32,
        blend: Option<Blend>,
        hints: Option<ResampleHints>,
    },
    RoundImageCorners {
        radius: Radius,
        background_color: Color,
    },
    ColorFilterSrgb(ColorFilter),
    ColorMatrixSrgb {
        matrix: [[f32; 5]; 5],
    },
    WhiteBalanceHistogramAreaThresholdSrgb {
        threshold: Option<f32>,
    },
    Watermark(Watermark),
    WatermarkRedDot,
    CommandString {
        kind: CommandStringKind,
        value: String,
        decode: Option<i32>,
        encode: Option<i32>,
        watermarks: Option<Vec<Watermark>>,
    },
}

impl Node {
    /// The name that the JSON gives this node.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::FlipV => "flip_v",
            Self::FlipH => "flip_h",
            Self::Transpose => "transpose",
            Self::Rotate90 => "rotate_90",
            Self::Rotate180 => "rotate_180",
            Self::Rotate270 => "rotate_270",
            Self::ApplyOrientation { .. } => "apply_orientation",
            Self::Decode { .. } => "decode",
            Self::Encode { .. } => "encode",
            Self::Constrain(_) => "constrain",
            Self::Resample2d { .. } => "resample_2d",
            Self::Crop { .. } => "crop",
            Self::CropWhitespace { .. } => "crop_whitespace",
            Self::Region { .. } => "region",
            Self::RegionPercent { .. } => "region_percent",
            Self::ExpandCanvas { .. } => "expand_canvas",
            Self::FillRect { .. } => "fill_rect",
            Self::CreateCanvas { .. } => "create_canvas",
            Self::CopyRectToCanvas { .. } => "copy_rect_to_canvas",
            Self::DrawImageExact { .. } => "draw_image_exact",
            Self::RoundImageCorners { .. } => "round_image_corners",
            Self::ColorFilterSrgb(_) => "color_filter_srgb",
            Self::ColorMatrixSrgb { .. } => "color_matrix_srgb",
            Self::WhiteBalanceHistogramAreaThresholdSrgb { .. } => {
                "white_balance_histogram_area_threshold_srgb"
            }
            Self::Watermark(_) => "watermark",
            Self::WatermarkRedDot => "watermark_red_dot",
            Self::CommandString { .. } => "command_string",
        }
    }
}

/// What a decoder is told. One that does not fit the format is ignored.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the names and fields are upstream's, described in its manual")]
pub enum DecoderCommand {
    JpegDownscaleHints {
        width: i64,
        height: i64,
        scale_luma_spatially: Option<bool>,
        gamma_correct_for_srgb_during_spatial_luma_scaling: Option<bool>,
    },
    WebpDecoderHints {
        width: i32,
        height: i32,
    },
    DiscardColorProfile,
    IgnoreColorProfileErrors,
    SelectFrame(i32),
}

/// How a picture is fitted to a box.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// How box and picture are reconciled.
    pub mode: ConstraintMode,
    /// Width of the box; absent or 0: follows the aspect ratio.
    pub w: Option<u32>,
    /// Height of the box; absent or 0: follows the aspect ratio.
    pub h: Option<u32>,
    /// How it is resampled.
    pub hints: Option<ResampleHints>,
    /// Which part is kept by a crop, where the picture sits in a pad; the centre unless given.
    pub gravity: Option<Gravity>,
    /// Colour of the padding; transparent unless given.
    pub canvas_color: Option<Color>,
}

/// The nine ways to fit a box.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are upstream's, described in its manual")]
pub enum ConstraintMode {
    Distort,
    Within,
    Fit,
    LargerThan,
    WithinCrop,
    FitCrop,
    AspectCrop,
    WithinPad,
    FitPad,
}

/// A place inside a box.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Gravity {
    /// The middle.
    Center,
    /// 0 is left or top, 100 right or bottom.
    Percentage {
        /// Percent of the free width.
        x: f32,
        /// Percent of the free height.
        y: f32,
    },
}

/// How a picture is resampled.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ResampleHints {
    /// 0–100; 0 unless given.
    pub sharpen_percent: Option<f32>,
    /// Used when neither side grows; robidoux unless given.
    pub down_filter: Option<Filter>,
    /// Used when a side grows; ginseng unless given.
    pub up_filter: Option<Filter>,
    /// Linear unless given.
    pub scaling_colorspace: Option<Colorspace>,
    /// What shows through a transparent picture; transparent unless given.
    pub background_color: Option<Color>,
    /// When to resample at all.
    pub resample_when: Option<ResampleWhen>,
    /// When to sharpen; always unless given.
    pub sharpen_when: Option<SharpenWhen>,
}

/// The resampling filters.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are upstream's")]
pub enum Filter {
    RobidouxFast,
    Robidoux,
    RobidouxSharp,
    Ginseng,
    GinsengSharp,
    Lanczos,
    LanczosSharp,
    #[serde(rename = "lanczos_2")]
    Lanczos2,
    #[serde(rename = "lanczos_2_sharp")]
    Lanczos2Sharp,
    Cubic,
    CubicSharp,
    CatmullRom,
    Mitchell,
    CubicBSpline,
    Hermite,
    Jinc,
    Triangle,
    Linear,
    Box,
    Fastest,
    NCubic,
    NCubicSharp,
}

/// The light in which pixels are averaged.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are upstream's")]
pub enum Colorspace {
    Linear,
    Srgb,
}

/// When a resize resamples.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are upstream's")]
pub enum ResampleWhen {
    SizeDiffers,
    SizeDiffersOrSharpeningRequested,
    Always,
}

/// When a resize sharpens.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are upstream's")]
pub enum SharpenWhen {
    Downscaling,
    Upscaling,
    SizeDiffers,
    Always,
}

/// A colour as a request writes it; `frame::Rgba` is the colour itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Color {
    /// Nothing at all.
    Transparent,
    /// Opaque black.
    Black,
    /// An sRGB colour.
    Srgb(ColorSrgb),
}

/// The sRGB form of a [`Color`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ColorSrgb {
    /// `RGB`, `RGBA`, `RRGGBB` or `RRGGBBAA`, with or without `#`, alpha last.
    Hex(String),
}

/// Upstream's names of pixel layouts; a canvas can be one of the first two.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are upstream's")]
pub enum PixelFormat {
    #[serde(rename = "bgra_32")]
    Bgra32,
    #[serde(rename = "bgr_32")]
    Bgr32,
    #[serde(rename = "bgr_24")]
    Bgr24,
    #[serde(rename = "gray_8")]
    Gray8,
}

/// How a drawn picture meets the canvas.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Blend {
    /// Over it, by its alpha.
    Compose,
    /// In its place.
    Overwrite,
}

/// How far corners are rounded.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the names and fields are upstream's, described in its manual")]
pub enum Radius {
    Percentage(f32),
    Pixels(f32),
    Circle,
    PercentageCustom { top_left: f32, top_right: f32, bottom_right: f32, bottom_left: f32 },
    PixelsCustom { top_left: f32, top_right: f32, bottom_right: f32, bottom_left: f32 },
}

/// A change of colour, in sRGB.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are upstream's")]
pub enum ColorFilter {
    GrayscaleNtsc,
    GrayscaleFlat,
    GrayscaleBt709,
    GrayscaleRy,
    Sepia,
    Invert,
    Alpha(f32),
    Contrast(f32),
    Brightness(f32),
    Saturation(f32),
}

/// A picture drawn on another.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Watermark {
    /// The input that holds it.
    pub io_id: i32,
    /// Where it may be; the whole picture unless given.
    pub fit_box: Option<FitBox>,
    /// How it meets that box; within unless given.
    pub fit_mode: Option<WatermarkMode>,
    /// Its place inside the box; the centre unless given.
    pub gravity: Option<Gravity>,
    /// Drawn only on pictures wider than this.
    pub min_canvas_width: Option<u32>,
    /// Drawn only on pictures higher than this.
    pub min_canvas_height: Option<u32>,
    /// 0–1; 1 unless given.
    pub opacity: Option<f32>,
    /// How it is resampled.
    pub hints: Option<ResampleHints>,
}

/// The part of a picture that a watermark may use.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the names and fields are upstream's, described in its manual")]
pub enum FitBox {
    ImagePercentage { x1: f32, y1: f32, x2: f32, y2: f32 },
    CanvasPercentage { x1: f32, y1: f32, x2: f32, y2: f32 },
    ImageMargins { left: u32, top: u32, right: u32, bottom: u32 },
    CanvasMargins { left: u32, top: u32, right: u32, bottom: u32 },
}

/// How a watermark meets its box.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are upstream's, described in its manual")]
pub enum WatermarkMode {
    Distort,
    Within,
    Fit,
    WithinCrop,
    FitCrop,
}

/// The language of a command string; there is one.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum CommandStringKind {
    /// ImageResizer 4's query strings.
    Ir4,
}

/// How a picture is encoded.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the names and fields are upstream's, described in its manual")]
pub enum Preset {
    Mozjpeg {
        quality: Option<u8>,
        progressive: Option<bool>,
        matte: Option<Color>,
    },
    Libjpegturbo {
        quality: Option<i32>,
        progressive: Option<bool>,
        optimize_huffman_coding: Option<bool>,
        matte: Option<Color>,
    },
    Libpng {
        depth: Option<PngDepth>,
        matte: Option<Color>,
        zlib_compression: Option<i32>,
    },
    Lodepng {
        maximum_deflate: Option<bool>,
    },
    Pngquant {
        quality: Option<u8>,
        minimum_quality: Option<u8>,
        speed: Option<u8>,
        maximum_deflate: Option<bool>,
    },
    Webplossy {
        quality: f32,
    },
    Webplossless,
    Gif,
    Auto {
        quality_profile: QualityProfile,
        quality_profile_dpr: Option<f32>,
        matte: Option<Color>,
        lossless: Option<BoolKeep>,
        allow: Option<Allow>,
    },
    Format {
        format: OutputFormat,
        quality_profile: Option<QualityProfile>,
        quality_profile_dpr: Option<f32>,
        matte: Option<Color>,
        lossless: Option<BoolKeep>,
        allow: Option<Allow>,
        encoder_hints: Option<EncoderHints>,
    },
}

/// Channels of a PNG.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum PngDepth {
    /// With alpha.
    #[serde(rename = "png_32")]
    Png32,
    /// Without alpha.
    #[serde(rename = "png_24")]
    Png24,
}

/// A quality by name, or as a percentage.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are upstream's")]
pub enum QualityProfile {
    Lowest,
    Low,
    Mediumlow,
    Medium,
    Good,
    High,
    Highest,
    Lossless,
    Percent(f32),
}

/// Yes, no, or as the source is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are upstream's")]
pub enum BoolKeep {
    Keep,
    True,
    False,
}

/// The formats that a request can name. AVIF and JXL fall back to what is implemented.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are upstream's")]
pub enum OutputFormat {
    Keep,
    Jpeg,
    Jpg,
    Png,
    Gif,
    Webp,
    Avif,
    Jxl,
}

/// The formats that automatic selection may use.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are upstream's")]
pub struct Allow {
    pub webp: Option<bool>,
    pub jxl: Option<bool>,
    pub avif: Option<bool>,
    pub jpeg: Option<bool>,
    pub jpeg_progressive: Option<bool>,
    pub jpeg_xyb: Option<bool>,
    pub png: Option<bool>,
    pub gif: Option<bool>,
    pub color_profiles: Option<bool>,
    pub all: Option<bool>,
    pub web_safe: Option<bool>,
    pub modern_web_safe: Option<bool>,
}

/// Settings for each format that `format` may turn out to be.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are upstream's")]
pub struct EncoderHints {
    pub jpeg: Option<JpegHints>,
    pub png: Option<PngHints>,
    pub webp: Option<WebpHints>,
    pub gif: Option<GifHints>,
}

/// Settings of a JPEG.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are upstream's")]
pub struct JpegHints {
    pub quality: Option<f32>,
    pub progressive: Option<bool>,
    pub mimic: Option<JpegStyle>,
}

/// Whose JPEG encoder to imitate; `jpegli` and `default` are `mozjpeg`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are upstream's")]
pub enum JpegStyle {
    Jpegli,
    Libjpegturbo,
    Mozjpeg,
    Default,
}

/// Settings of a PNG.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are upstream's")]
pub struct PngHints {
    pub quality: Option<f32>,
    pub min_quality: Option<f32>,
    pub quantization_speed: Option<u8>,
    pub mimic: Option<PngStyle>,
    pub hint_max_deflate: Option<bool>,
    pub lossless: Option<BoolKeep>,
}

/// Whose PNG encoder to imitate.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are upstream's")]
pub enum PngStyle {
    Libpng,
    Lodepng,
    Pngquant,
    Default,
}

/// Settings of a WebP.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are upstream's")]
pub struct WebpHints {
    pub quality: Option<f32>,
    pub lossless: Option<BoolKeep>,
}

/// Settings of a GIF; there are none.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct GifHints {}

/// A request about one input.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetImageInfo {
    /// The input.
    pub io_id: i32,
}

/// A command for one input's decoder, ahead of the job.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TellDecoder {
    /// The input.
    pub io_id: i32,
    /// What its decoder is told.
    pub command: DecoderCommand,
}

/// A query string to be checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidateQueryString {
    /// Without a leading question mark.
    pub query_string: String,
}

/// A request without parameters.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// What a picture's header says.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct ImageInfo {
    /// For instance `image/jpeg`.
    pub preferred_mime_type: &'static str,
    /// Without a dot, for instance `jpg`.
    pub preferred_extension: &'static str,
    /// After EXIF orientation.
    pub image_width: u32,
    /// After EXIF orientation.
    pub image_height: u32,
    /// `bgra_32` when the source may have alpha.
    pub frame_decodes_into: PixelFormat,
    /// Whether the file's coding lost nothing.
    pub lossless: bool,
    /// Whether it is an animation.
    pub multiple_frames: bool,
}

/// What a job did.
#[derive(Clone, Debug, Serialize)]
pub struct JobResult {
    /// One for each output that was encoded.
    pub encodes: Vec<EncodeResult>,
    /// One for each input whose header can be read.
    pub decodes: Vec<DecodeResult>,
    /// How long the nodes took.
    pub performance: Performance,
}

/// One output.
#[derive(Clone, Debug, Serialize)]
pub struct EncodeResult {
    /// For instance `image/webp`.
    pub preferred_mime_type: &'static str,
    /// Without a dot, for instance `webp`.
    pub preferred_extension: &'static str,
    /// Which output.
    pub io_id: i32,
    /// Width in pixels.
    pub w: u32,
    /// Height in pixels.
    pub h: u32,
    /// Where the bytes are.
    pub bytes: ResultBytes,
}

/// Where an output's bytes are.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultBytes {
    /// Here.
    #[serde(rename = "base_64")]
    Base64(String),
    /// In this file.
    PhysicalFile(String),
    /// In a buffer that the caller fetches.
    Elsewhere,
}

/// One input.
#[derive(Clone, Debug, Serialize)]
pub struct DecodeResult {
    /// For instance `image/jpeg`.
    pub preferred_mime_type: &'static str,
    /// Without a dot, for instance `jpg`.
    pub preferred_extension: &'static str,
    /// Which input.
    pub io_id: i32,
    /// Width after EXIF orientation, before any hint.
    pub w: u32,
    /// Height after EXIF orientation, before any hint.
    pub h: u32,
}

/// How long a job took, frame by frame.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Performance {
    /// One entry here: nodes are timed over all frames of an animation.
    pub frames: Vec<FramePerformance>,
}

/// How long one frame took.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FramePerformance {
    /// The slowest first.
    pub nodes: Vec<NodePerformance>,
    /// The whole job.
    pub wall_microseconds: u64,
    /// The whole less the nodes.
    pub overhead_microseconds: i64,
}

/// How long one node took.
#[derive(Clone, Debug, Serialize)]
pub struct NodePerformance {
    /// Wall time.
    pub wall_microseconds: u64,
    /// The node's JSON name.
    pub name: String,
}
