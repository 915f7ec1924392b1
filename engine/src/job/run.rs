//! Running the nodes: once for a still, once for each frame of an animation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::graph::Plan;
use super::{Done, Encoded, Input, Job};
use crate::decode::{self, Format, Header, gif};
use crate::encode;
use crate::encode::choose::{self, Encoding, Facts};
use crate::error::{Error, Kind, Result};
use crate::frame::{Channels, Frame, Rect};
use crate::layout;
use crate::message::{
    Blend, DecoderCommand, FramePerformance, Node, NodePerformance, Performance, Preset,
    ResampleHints, Watermark,
};
use crate::nodes::{self, Context};
use crate::query::Query;
use crate::rows::{FrameRows, Picture, Threads, ahead, of_input, whole};

/// A running job.
pub struct Runner<'a> {
    job: Job<'a>,
    plan: &'a Plan<'a>,
    context: Context<'a>,
    threads: &'a dyn Threads<'a>,
    /// What was decoded, by the node that decodes it.
    sources: BTreeMap<usize, Source<'a>>,
    /// Pictures of watermarks, by io_id: decoded once, whatever number of frames they mark.
    marks: BTreeMap<i32, Frame>,
    sinks: BTreeMap<i32, Sink>,
    /// What is known about each input that was decoded, by the node that decodes it.
    decoded: BTreeMap<usize, Decoded>,
    times: Vec<Duration>,
}

/// An input as its header describes it.
struct Decoded {
    io_id: i32,
    format: Format,
    header: Header,
}

/// What a decoding node gives on each pass.
enum Source<'a> {
    /// The same each time; kept only if the job is an animation.
    Still(Option<Frame>),
    Moving {
        reader: Box<gif::Reader<'a>>,
        last: Option<Frame>,
        /// How long the last one stays, unless the animation ended before.
        delay: Option<u16>,
    },
}

/// Where an encoding node writes.
enum Sink {
    Still(Encoded),
    Gif {
        writer: encode::gif::Writer,
        step: usize,
        /// The steps that decode the animations that lead to it, by io_id. A still has none.
        moving: Vec<usize>,
    },
}

impl<'a> Runner<'a> {
    /// A job that did nothing yet.
    pub fn new(job: Job<'a>, plan: &'a Plan<'a>, threads: &'a dyn Threads<'a>) -> Self {
        Self {
            threads,
            job,
            plan,
            context: Context { limits: job.limits, stop: job.stop },
            sources: BTreeMap::new(),
            marks: BTreeMap::new(),
            sinks: BTreeMap::new(),
            decoded: BTreeMap::new(),
            times: vec![Duration::ZERO; plan.steps.len()],
        }
    }

    /// Do everything.
    ///
    /// # Errors
    /// A node failed, or the job was asked to stop.
    pub fn run(mut self) -> Result<Done> {
        let start = Instant::now();
        self.pass(&vec![true; self.plan.steps.len()], true)?;
        while let Some(wanted) = self.later_steps() {
            self.pass(&wanted, false)?;
        }
        let encodes = std::mem::take(&mut self.sinks)
            .into_iter()
            .map(|(io_id, sink)| sink.finish(io_id))
            .collect::<Result<_>>()?;
        Ok(Done { encodes, performance: self.performance(start.elapsed()) })
    }

    /// The steps that the next frames go through, if there are any: those that lead to an
    /// animation that goes on. One that has ended gets no more, however long others are.
    fn later_steps(&self) -> Option<Vec<bool>> {
        let ends = self.sinks.values().filter_map(|sink| match sink {
            Sink::Gif { step, moving, .. } => {
                moving.iter().any(|source| self.sources[source].has_more()).then_some(*step)
            }
            Sink::Still(_) => None,
        });
        let wanted = self.plan.leading_to(ends);
        wanted.contains(&true).then_some(wanted)
    }

    /// Run the wanted steps once.
    fn pass(&mut self, wanted: &[bool], first: bool) -> Result<()> {
        let plan = self.plan;
        let mut readers = vec![0; plan.steps.len()];
        for (_, step) in plan.steps.iter().enumerate().filter(|(i, _)| wanted[*i]) {
            for parent in [step.input, step.canvas].into_iter().flatten() {
                readers[parent] += 1;
            }
        }
        let mut shelf = Shelf { pictures: BTreeMap::new(), readers, context: self.context };
        for (i, step) in plan.steps.iter().enumerate().filter(|(i, _)| wanted[*i]) {
            self.context.stop.check()?;
            let start = Instant::now();
            let input = step.input.map(|parent| shelf.take(parent, "Input")).transpose()?;
            let canvas = step.canvas.map(|parent| shelf.take(parent, "Canvas")).transpose()?;
            let made = self.step(i, step.node, input, canvas, first);
            let made = made.map_err(|error| error.of_node(step.node.name()))?;
            if let Some(picture) = made {
                shelf.put(i, picture)?;
            }
            self.times[i] += start.elapsed();
        }
        Ok(())
    }

    /// Run one step; what comes out is for its readers.
    fn step(
        &mut self,
        i: usize,
        node: &'a Node,
        input: Option<Picture<'a>>,
        canvas: Option<Picture<'a>>,
        first: bool,
    ) -> Result<Option<Picture<'a>>> {
        let context = self.context;
        let draws = matches!(node, Node::CopyRectToCanvas { .. } | Node::DrawImageExact { .. });
        let creates = matches!(node, Node::Decode { .. } | Node::CreateCanvas { .. });
        if canvas.is_some() && !draws || input.is_some() && creates {
            let text = format!("The node {} takes no such parent", node.name());
            return Err(Error::new(Kind::InvalidNodeConnections, text));
        }
        match node {
            Node::Decode { io_id, commands } => {
                let commands = commands.as_deref().unwrap_or_default();
                self.decode(i, *io_id, commands).map(Some)
            }
            Node::CreateCanvas { .. } => {
                nodes::create(node, &context).map(Picture::Frame).map(Some)
            }
            Node::Encode { io_id, preset } => {
                let input = input.ok_or_else(|| orphan("Input"))?;
                self.encode(i, *io_id, preset, input, first).map(|()| None)
            }
            Node::CommandString { value, decode, encode, watermarks, .. } => {
                let marks = watermarks.as_deref().unwrap_or_default();
                self.command_string(i, value, *decode, *encode, marks, input, first)
            }
            _ if draws => {
                let input = input.ok_or_else(|| orphan("Input"))?;
                let canvas = context.frame(canvas.ok_or_else(|| orphan("Canvas"))?)?;
                nodes::draw(node, input, canvas, &context).map(Picture::Frame).map(Some)
            }
            _ => self.apply(node, input.ok_or_else(|| orphan("Input"))?).map(Some),
        }
    }

    /// Apply a node with one input.
    fn apply(&mut self, node: &Node, picture: Picture<'a>) -> Result<Picture<'a>> {
        match node {
            Node::Watermark(mark) => self.watermark(picture, mark),
            _ => nodes::apply(node, picture, &self.context),
        }
    }

    fn decode(&mut self, i: usize, io_id: i32, commands: &[DecoderCommand]) -> Result<Picture<'a>> {
        let picture = self.input(io_id).and_then(|input| self.next_of(i, io_id, input, commands));
        let node = self.plan.steps[i].node.name();
        picture.map(|picture| of_input(picture, io_id, node)).map_err(|error| error.of_input(io_id))
    }

    fn input(&self, io_id: i32) -> Result<&'a Input> {
        let missing = || Error::new(Kind::IoIdNotFound, "There is no such input");
        self.job.inputs.get(&io_id).ok_or_else(missing)
    }

    fn next_of(
        &mut self,
        i: usize,
        io_id: i32,
        input: &'a Input,
        commands: &[DecoderCommand],
    ) -> Result<Picture<'a>> {
        if let Some(source) = self.sources.get_mut(&i) {
            return again(source, self.context.stop);
        }
        let header = input.header()?;
        self.decoded.insert(i, Decoded { io_id, format: input.format(), header });
        let commands = input.told(commands);
        let (limits, stop) = (self.job.limits, self.context.stop);
        if header.animated && input.format() == Format::Gif && commands.frame.is_none() {
            let reader = Box::new(gif::Reader::new(input.bytes(), limits, stop)?);
            let source =
                self.sources.entry(i).or_insert(Source::Moving { reader, last: None, delay: None });
            return again(source, self.context.stop);
        }
        let picture = decode::still(input.format(), input.bytes(), &commands, limits, stop)?;
        if !self.is_animation() {
            return Ok(if limits.threads > 1 { ahead(picture, self.threads) } else { picture });
        }
        let frame = self.context.frame(picture)?;
        self.sources.insert(i, Source::Still(Some(frame.try_clone(stop)?)));
        Ok(Picture::Frame(frame))
    }

    /// Whether any node decodes an animation, so that what is still must be kept.
    fn is_animation(&self) -> bool {
        self.job.inputs.values().any(|input| {
            input.format() == Format::Gif && input.header().is_ok_and(|header| header.animated)
        })
    }

    fn encode(
        &mut self,
        i: usize,
        io_id: i32,
        preset: &Preset,
        picture: Picture<'a>,
        first: bool,
    ) -> Result<()> {
        let (w, h) = picture.size();
        self.job.limits.check_encode(w, h)?;
        if !first {
            return self.add_frame(io_id, picture);
        }
        if !self.job.outputs.contains(&io_id) {
            return Err(Error::new(Kind::IoIdNotFound, format!("There is no output {io_id}")));
        }
        if self.sinks.contains_key(&io_id) {
            let text = format!("The output {io_id} was written already");
            return Err(Error::new(Kind::InvalidState, text));
        }
        let choice = choose::choose(preset, &self.facts(i, &picture))?;
        if choice.encoding == Encoding::Gif {
            let leading = self.plan.leading_to([i]);
            let sources = self.sources.iter();
            let moving = sources.filter(|(step, source)| leading[**step] && moves(source));
            let mut moving: Vec<_> = moving.map(|(&step, _)| step).collect();
            moving.sort_by_key(|step| self.decoded[step].io_id);
            let writer = encode::gif::Writer::new((w, h), !moving.is_empty())?;
            self.sinks.insert(io_id, Sink::Gif { writer, step: i, moving });
            return self.add_frame(io_id, picture);
        }
        let format = encode::format(&choice.encoding);
        let bytes = encode::still(picture, &choice, self.job.limits, self.job.stop)?;
        self.sinks.insert(io_id, Sink::Still(Encoded { io_id, format, w, h, bytes }));
        Ok(())
    }

    fn add_frame(&mut self, io_id: i32, picture: Picture<'a>) -> Result<()> {
        let frame = self.context.frame(picture)?;
        match self.sinks.get_mut(&io_id) {
            Some(Sink::Gif { writer, moving, .. }) => {
                // Of those that have not ended the lowest io_id decides, as upstream has it.
                let delay = moving.iter().find_map(|step| self.sources[step].delay());
                writer.write(&frame, delay.unwrap_or(0), self.context.stop)
            }
            _ => Ok(()),
        }
    }

    /// The input that a step's picture counts as: of those that lead to it the one with
    /// the lowest io_id, as upstream has it.
    fn source(&self, step: usize) -> Option<(&usize, &Decoded)> {
        let leading = self.plan.leading_to([step]);
        let sources = self.decoded.iter().filter(|(i, _)| leading[**i]);
        sources.min_by_key(|(_, decoded)| decoded.io_id)
    }

    /// What the choice of an encoder goes by.
    fn facts(&self, step: usize, picture: &Picture<'_>) -> Facts {
        let source = self.source(step);
        Facts {
            source: source.map(|(_, decoded)| decoded.format),
            source_lossless: source.is_some_and(|(_, decoded)| decoded.header.lossless),
            animated: source.is_some_and(|(i, _)| self.sources.get(i).is_some_and(moves)),
            alpha: picture.channels() == Channels::Rgba,
        }
    }

    #[allow(clippy::too_many_arguments, reason = "they are the fields of one node")]
    fn command_string(
        &mut self,
        i: usize,
        value: &str,
        decode: Option<i32>,
        encode: Option<i32>,
        marks: &[Watermark],
        input: Option<Picture<'a>>,
        first: bool,
    ) -> Result<Option<Picture<'a>>> {
        let query = Query::parse(value);
        let (mut picture, source) = match (decode, input) {
            (Some(io_id), None) => {
                let info = self.input(io_id).and_then(Input::info);
                let info = info.map_err(|error| error.of_input(io_id))?;
                let commands = query.decoder_commands(&info);
                let picture = self.decode(i, io_id, &commands)?;
                (picture, (info.image_width, info.image_height))
            }
            (None, Some(picture)) => {
                let source = self.source(i);
                let size = source.map(|(_, decoded)| (decoded.header.w, decoded.header.h));
                let size = size.unwrap_or_else(|| picture.size());
                (picture, size)
            }
            _ => {
                let text = "A command_string either decodes or has a parent";
                return Err(Error::new(Kind::InvalidNodeParams, text));
            }
        };
        if let Some(trim) = query.trim() {
            picture = self.apply(&trim, picture)?;
        }
        for node in query.nodes(picture.size(), source, marks)? {
            self.context.stop.check()?;
            picture = self.apply(&node, picture)?;
        }
        match encode {
            None => Ok(Some(picture)),
            Some(io_id) => self.encode(i, io_id, &query.preset(), picture, first).map(|()| None),
        }
    }

    fn watermark(&mut self, picture: Picture<'a>, mark: &Watermark) -> Result<Picture<'a>> {
        if !layout::has_room_for(mark, picture.size()) {
            return Ok(picture); // and whatever is wrong with the mark, nobody looks
        }
        let context = self.context;
        if !self.marks.contains_key(&mark.io_id) {
            let frame = self.input(mark.io_id).and_then(|input| {
                let (limits, stop, commands) = (context.limits, context.stop, input.told(&[]));
                let still = decode::still(input.format(), input.bytes(), &commands, limits, stop)?;
                context.frame(still)
            });
            let frame = frame.map_err(|error| error.of_input(mark.io_id))?;
            self.marks.insert(mark.io_id, frame);
        }
        let frame = &self.marks[&mark.io_id];
        let Some(place) = layout::place_watermark(mark, picture.size(), frame.size())? else {
            return Ok(picture);
        };
        let thin = match mark.opacity {
            Some(opacity) if opacity < 1.0 => Some(nodes::colour::fade(frame, opacity, &context)?),
            _ => None,
        };
        let frame = thin.as_ref().unwrap_or(frame);
        let rect = |[x1, y1, x2, y2]: [u32; 4]| Rect { x1, y1, x2, y2 };
        let part = place.crop.map_or(whole(frame.size()), rect);
        let rows = Box::new(FrameRows::new(frame, part));
        let to = rect([place.x, place.y, place.x + place.w, place.y + place.h]);
        let hints = ResampleHints::default();
        let canvas = context.frame(picture)?;
        nodes::scale::paint(rows, canvas, to, Blend::Compose, &hints, &context).map(Picture::Frame)
    }

    fn performance(&self, wall: Duration) -> Performance {
        let times = self.plan.steps.iter().zip(&self.times);
        let mut nodes: Vec<_> = times
            .map(|(step, time)| NodePerformance {
                wall_microseconds: time.as_micros() as u64,
                name: step.node.name().to_string(),
            })
            .collect();
        nodes.sort_by_key(|node| std::cmp::Reverse(node.wall_microseconds));
        let in_nodes: Duration = self.times.iter().sum();
        let overhead = wall.saturating_sub(in_nodes).as_micros() as i64;
        let wall_microseconds = wall.as_micros() as u64;
        let frame = FramePerformance { nodes, wall_microseconds, overhead_microseconds: overhead };
        Performance { frames: vec![frame] }
    }
}

/// The next picture of a source that gave one before.
fn again<'a>(source: &mut Source<'_>, stop: &dyn enough::Stop) -> Result<Picture<'a>> {
    match source {
        Source::Still(frame) => {
            let frame = frame.as_ref().ok_or_else(|| orphan("Input"))?;
            frame.try_clone(stop).map(Picture::Frame)
        }
        Source::Moving { reader, last, delay } => {
            let shot = reader.next_shot()?;
            *delay = shot.as_ref().map(|shot| shot.delay);
            if let Some(shot) = shot {
                *last = Some(shot.frame);
            }
            let frame = last.as_ref().ok_or_else(|| orphan("Input"))?;
            frame.try_clone(stop).map(Picture::Frame)
        }
    }
}

fn moves(source: &Source<'_>) -> bool {
    matches!(source, Source::Moving { .. })
}

fn orphan(place: &str) -> Error {
    Error::new(Kind::InvalidNodeConnections, format!("A node lacks its parent: {place}"))
}

impl Source<'_> {
    fn has_more(&self) -> bool {
        matches!(self, Self::Moving { reader, .. } if reader.has_more())
    }

    /// How long the picture of this pass stays, unless it is that of the pass before.
    fn delay(&self) -> Option<u16> {
        match self {
            Self::Still(_) => None,
            Self::Moving { delay, .. } => *delay,
        }
    }
}

impl Sink {
    fn finish(self, io_id: i32) -> Result<Encoded> {
        match self {
            Self::Still(encoded) => Ok(encoded),
            Self::Gif { writer, .. } => {
                let (w, h) = writer.size();
                Ok(Encoded { io_id, format: Format::Gif, w, h, bytes: writer.finish()? })
            }
        }
    }
}

/// Pictures between the nodes that made them and those that have still to read them.
struct Shelf<'a> {
    pictures: BTreeMap<usize, Picture<'a>>,
    readers: Vec<usize>,
    context: Context<'a>,
}

impl<'a> Shelf<'a> {
    /// The picture itself for its last reader, a copy for the others. So no node can
    /// change what another one reads.
    fn take(&mut self, i: usize, place: &str) -> Result<Picture<'a>> {
        let picture = self.pictures.remove(&i).ok_or_else(|| orphan(place))?;
        self.readers[i] -= 1;
        if self.readers[i] == 0 {
            return Ok(picture);
        }
        let frame = self.context.frame(picture)?;
        let copy = frame.try_clone(self.context.stop)?;
        self.pictures.insert(i, Picture::Frame(frame));
        Ok(Picture::Frame(copy))
    }

    /// Keep a picture for its readers. One that nobody reads is made all the same, so
    /// that whatever is wrong with it comes to light.
    fn put(&mut self, i: usize, picture: Picture<'a>) -> Result<()> {
        if self.readers[i] > 0 {
            self.pictures.insert(i, picture);
        } else if let Picture::Rows(mut rows) = picture {
            for _ in 0..rows.size().1 {
                self.context.stop.check()?;
                rows.next_row()?;
            }
        }
        Ok(())
    }
}
