//! From the command line to a job: the recipe, with the files that `--in` and `--out` name.

use std::path::Path;

use imageflow::api;
use imageflow::error::{Error, Kind, Result};
use imageflow::files;
use imageflow::message::{
    Build, BuilderConfig, CommandStringKind, FrameSizeLimit, Framewise, Io, IoDirection, IoObject,
    Node, Security,
};

use super::arguments::{Recipe, Work};

/// Read the recipe and put everything into it that the command line says.
pub fn load(work: &Work) -> Result<Build> {
    let mut build = match &work.recipe {
        Recipe::File(path) => api::parse(&read_recipe(path)?)?,
        Recipe::Command(text) => querystring(text),
    };
    assign(&mut build.io, IoDirection::In, &work.inputs)?;
    assign(&mut build.io, IoDirection::Out, &work.outputs)?;
    if !work.larger.is_empty() {
        let config = build.builder_config.get_or_insert_default();
        config.security = Some(limits(&work.larger)?);
    }
    Ok(build)
}

fn read_recipe(path: &str) -> Result<Vec<u8>> {
    files::read(Path::new(if path == "-" { files::STDIN } else { path }))
}

fn querystring(text: &str) -> Build {
    let entry = |io_id, direction| IoObject { io_id, direction, io: Io::Placeholder };
    Build {
        builder_config: Some(BuilderConfig::default()),
        io: vec![entry(0, IoDirection::In), entry(1, IoDirection::Out)],
        framewise: Framewise::Steps(vec![Node::CommandString {
            kind: CommandStringKind::Ir4,
            value: text.to_owned(),
            decode: Some(0),
            encode: Some(1),
            watermarks: None,
        }]),
    }
}

/// Replace the recipe's entries of one direction: by number if any value is one, else in order.
fn assign(entries: &mut [IoObject], direction: IoDirection, values: &[String]) -> Result<()> {
    let mut places: Vec<&mut IoObject> =
        entries.iter_mut().filter(|entry| entry.direction == direction).collect();
    if values.iter().any(|value| value.parse::<i32>().is_ok()) {
        return assign_by_number(&mut places, values);
    }
    if values.len() > places.len() {
        let (given, had, flag) = (values.len(), places.len(), flag(direction));
        return Err(Error::new(
            Kind::InvalidArgument,
            format!("{flag} has {given} values, but the recipe has {had} places for them"),
        ));
    }
    for (place, value) in places.iter_mut().zip(values) {
        place.io = io(value, direction)?;
    }
    Ok(())
}

fn flag(direction: IoDirection) -> &'static str {
    match direction {
        IoDirection::In => "--in",
        IoDirection::Out => "--out",
    }
}

fn assign_by_number(places: &mut [&mut IoObject], values: &[String]) -> Result<()> {
    let (pairs, rest) = values.as_chunks::<2>();
    if let [value] = rest {
        return Err(mixed(value));
    }
    let mut seen = Vec::new();
    for [number, value] in pairs {
        let io_id: i32 = number.parse().map_err(|_| mixed(number))?;
        if seen.contains(&io_id) {
            return Err(Error::new(
                Kind::InvalidArgument,
                format!("io_id {io_id} was given more than once"),
            ));
        }
        seen.push(io_id);
        let place = places.iter_mut().find(|place| place.io_id == io_id).ok_or_else(|| {
            Error::new(
                Kind::IoIdNotFound,
                format!("the recipe has no io_id {io_id} of that direction"),
            )
        })?;
        place.io = io(value, place.direction)?;
    }
    Ok(())
}

fn mixed(value: &str) -> Error {
    Error::new(
        Kind::InvalidArgument,
        format!(
            "with one number among the values all are read as pairs of io_id and file, \
             which \"{value}\" does not fit; a file with a number for a name is written ./5"
        ),
    )
}

fn io(value: &str, direction: IoDirection) -> Result<Io> {
    if value.starts_with("http://") || value.starts_with("https://") {
        return Err(Error::new(
            Kind::InvalidArgument,
            format!("{value} is a URL; only files are read and written"),
        ));
    }
    Ok(match (value, direction) {
        ("base64:", _) => Io::OutputBase64,
        ("-", IoDirection::In) => Io::File(files::STDIN.to_owned()),
        ("-", IoDirection::Out) => Io::File(files::STDOUT.to_owned()),
        (path, _) => Io::File(path.to_owned()),
    })
}

/// The limits of `--exit-if-larger-than`, which replace all those of the recipe.
fn limits(values: &[String]) -> Result<Security> {
    let unlimited = FrameSizeLimit { w: i32::MAX as u32, h: i32::MAX as u32, megapixels: f32::MAX };
    if values.iter().any(|value| value.eq_ignore_ascii_case("disabled")) {
        let off = Some(unlimited);
        return Ok(Security {
            max_decode_size: off,
            max_frame_size: off,
            max_encode_size: off,
            ..Security::default()
        });
    }
    let mut frame = unlimited;
    for value in values {
        limit(&mut frame, &value.to_ascii_lowercase()).ok_or_else(|| {
            Error::new(
                Kind::InvalidArgument,
                format!(
                    "--exit-if-larger-than does not know \"{value}\"; \
                     it knows 4000w, 3000h, 4000px, 12mp and disabled"
                ),
            )
        })?;
    }
    Ok(Security { max_frame_size: Some(frame), ..Security::default() })
}

fn limit(frame: &mut FrameSizeLimit, value: &str) -> Option<()> {
    if let Some(number) = value.strip_suffix("mp") {
        frame.megapixels = number.parse().ok().filter(|n: &f32| n.is_finite() && *n >= 0.0)?;
    } else if let Some(number) = value.strip_suffix('w') {
        frame.w = number.parse().ok()?;
    } else if let Some(number) = value.strip_suffix('h') {
        frame.h = number.parse().ok()?;
    } else {
        let both = value.strip_suffix("px").unwrap_or(value).parse().ok()?;
        (frame.w, frame.h) = (both, both);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<IoObject> {
        let entry = |io_id, direction| IoObject { io_id, direction, io: Io::Placeholder };
        vec![entry(4, IoDirection::In), entry(7, IoDirection::Out), entry(5, IoDirection::In)]
    }

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn assigned(values: &[&str]) -> Result<Vec<String>> {
        let mut entries = entries();
        assign(&mut entries, IoDirection::In, &texts(values))?;
        Ok(entries.iter().map(|entry| format!("{:?}", entry.io)).collect())
    }

    #[test]
    fn values_go_to_the_entries_of_their_direction_in_order() {
        let io = assigned(&["a", "b"]).unwrap();

        assert_eq!(io, ["File(\"a\")", "Placeholder", "File(\"b\")"]);
    }

    #[test]
    fn fewer_values_leave_the_rest_as_it_is() {
        assert_eq!(assigned(&["a"]).unwrap(), ["File(\"a\")", "Placeholder", "Placeholder"]);
        assert_eq!(assigned(&[]).unwrap(), ["Placeholder"; 3]);
    }

    #[test]
    fn one_number_makes_pairs_of_all_values() {
        let io = assigned(&["5", "b", "4", "./6"]).unwrap();

        assert_eq!(io, ["File(\"./6\")", "Placeholder", "File(\"b\")"]);
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        for (values, kind) in [
            (&["a", "b", "c"][..], Kind::InvalidArgument),
            (&["4", "a", "5"], Kind::InvalidArgument),
            (&["4", "a", "b", "5"], Kind::InvalidArgument),
            (&["4", "a", "4", "b"], Kind::InvalidArgument),
            (&["7", "a"], Kind::IoIdNotFound),
            (&["9", "a"], Kind::IoIdNotFound),
            (&["http://example.org/a.png"], Kind::InvalidArgument),
        ] {
            assert_eq!(assigned(values).unwrap_err().kind, kind, "{values:?}");
        }
    }

    #[test]
    fn only_base64_with_its_colon_means_the_answer() {
        assert!(matches!(io("base64:", IoDirection::Out), Ok(Io::OutputBase64)));
        assert!(matches!(io("base64", IoDirection::Out), Ok(Io::File(_))));
    }

    #[test]
    fn sizes_are_read_in_any_case_and_combined() {
        let security = limits(&texts(&["4000W", "300h", "1.5MP"])).unwrap();

        let frame = security.max_frame_size.unwrap();
        assert_eq!(frame, FrameSizeLimit { w: 4000, h: 300, megapixels: 1.5 });
        assert_eq!((security.max_decode_size, security.max_encode_size), (None, None));
    }

    #[test]
    fn a_bare_number_limits_both_sides() {
        for value in ["640", "640px"] {
            let frame = limits(&texts(&[value])).unwrap().max_frame_size.unwrap();
            assert_eq!((frame.w, frame.h), (640, 640));
        }
    }

    #[test]
    fn disabled_lifts_every_limit() {
        let security = limits(&texts(&["disabled"])).unwrap();

        let width = |limit: Option<FrameSizeLimit>| limit.map(|limit| limit.w);
        assert_eq!(width(security.max_decode_size), Some(2_147_483_647));
        assert_eq!(width(security.max_frame_size), Some(2_147_483_647));
        assert_eq!(width(security.max_encode_size), Some(2_147_483_647));
    }

    #[test]
    fn sizes_that_are_none_are_refused() {
        for value in ["", "w", "-5", "nanmp", "5k", "99999999999"] {
            assert!(limits(&texts(&[value])).is_err(), "{value}");
        }
    }
}
