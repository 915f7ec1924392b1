//! The command line, read into a [`Command`] before anything is done.

use std::ffi::OsString;

/// What the tool is asked to do.
#[derive(Debug, PartialEq)]
pub enum Command {
    Help,
    Version,
    /// `diagnose --show-compilation-info`
    Diagnose,
    Work(Work),
}

/// A job, and where its answer goes.
#[derive(Debug, Default, PartialEq)]
pub struct Work {
    pub recipe: Recipe,
    /// The values of all `--in`, in order.
    pub inputs: Vec<String>,
    /// The values of all `--out`, in order.
    pub outputs: Vec<String>,
    /// The file for the answer, instead of standard output.
    pub response: Option<String>,
    /// No answer on standard output.
    pub quiet: bool,
    /// The values of `--exit-if-larger-than`.
    pub larger: Vec<String>,
}

/// Where the job stands.
#[derive(Debug, PartialEq)]
pub enum Recipe {
    /// In a file of JSON.
    File(String),
    /// In a query string.
    Command(String),
}

impl Default for Recipe {
    fn default() -> Self {
        Self::File(String::new())
    }
}

impl Work {
    /// Whether standard output stays free of JSON: on wish, or because a picture goes there.
    pub fn is_silent(&self) -> bool {
        self.quiet || self.outputs.iter().any(|value| value == "-")
    }
}

pub const USAGE: &str = "\
Usage: imageflow_tool v1/build --json FILE [--in VALUE...] [--out VALUE...] [OPTIONS]
       imageflow_tool v1/querystring --command TEXT --in FILE --out FILE [OPTIONS]
       imageflow_tool diagnose --show-compilation-info
       imageflow_tool --version | --help";

pub const HELP: &str = "\
imageflow_tool, embedded edition: resize, crop, convert and recompress pictures.

Usage: imageflow_tool v1/build --json FILE [--in VALUE...] [--out VALUE...] [OPTIONS]
       imageflow_tool v1/querystring --command TEXT --in FILE --out FILE [OPTIONS]
       imageflow_tool diagnose --show-compilation-info
       imageflow_tool --version | --help

v1/build (also v0.1/build) runs a job that is written in JSON.
  --json FILE    the job; - is standard input
  --in VALUE...  files for the job's inputs, in its order, or pairs of io_id and file
  --out VALUE... files for its outputs; base64: puts the bytes into the answer

v1/querystring (also v1/ir4, v0.1/ir4) runs a query string on one file.
  --command TEXT for instance \"w=400&h=300&mode=crop&format=webp\"
  --in FILE      the picture
  --out FILE     the result

Options of both:
  --response FILE  write the answer (JSON) there instead of to standard output
  --quiet          print no answer
  --exit-if-larger-than SIZE...
                   refuse larger frames: 4000w, 3000h, 4000px (both), 12mp, or disabled

As a file - is standard input or output; a picture there leaves no room for the answer.
Exit status: 0 fine; 2 wrong arguments; 64 an impossible request; 65 not JSON or not a
picture; 70 a fault of this program; 71 out of memory; 74 a file cannot be read or written.
";

/// Read the arguments that follow the program's name; an error is a text for people.
pub fn parse(arguments: &[OsString]) -> Result<Command, String> {
    let arguments: Vec<&str> = arguments
        .iter()
        .map(|a| a.to_str().ok_or_else(|| format!("{} is not UTF-8", a.display())))
        .collect::<Result<_, _>>()?;
    let Some((first, rest)) = arguments.split_first() else {
        return Err("no command was given".to_owned());
    };
    if rest.iter().any(|a| matches!(*a, "-h" | "--help")) {
        return Ok(Command::Help);
    }
    match *first {
        "-h" | "--help" | "help" => Ok(Command::Help),
        "-V" | "--version" => Ok(Command::Version),
        "diagnose" => diagnose(rest),
        "v1/build" | "v0.1/build" => build(rest),
        "v1/querystring" | "v1/ir4" | "v0.1/ir4" => querystring(rest),
        other if other.starts_with('-') => Err(unexpected(other)),
        other => Err(format!("unrecognized subcommand '{other}'")),
    }
}

fn unexpected(argument: &str) -> String {
    format!("unexpected argument '{argument}' found")
}

fn diagnose(arguments: &[&str]) -> Result<Command, String> {
    match arguments {
        ["--show-compilation-info"] => Ok(Command::Diagnose),
        [] => Err("diagnose needs --show-compilation-info".to_owned()),
        [other, ..] => Err(unexpected(other)),
    }
}

fn build(arguments: &[&str]) -> Result<Command, String> {
    let mut work = Work::default();
    let mut json = None;
    read_flags(arguments, |flag, values| match flag {
        "--json" => once(&mut json, flag, values),
        "--in" => some(&mut work.inputs, flag, values),
        "--out" => some(&mut work.outputs, flag, values),
        _ => common(&mut work, flag, values),
    })?;
    work.recipe = Recipe::File(json.ok_or("--json FILE is required")?);
    Ok(Command::Work(work))
}

fn querystring(arguments: &[&str]) -> Result<Command, String> {
    let mut work = Work::default();
    let mut command = None;
    read_flags(arguments, |flag, values| match flag {
        "--command" => once(&mut command, flag, values),
        "--in" => some(&mut work.inputs, flag, values),
        "--out" => some(&mut work.outputs, flag, values),
        _ => common(&mut work, flag, values),
    })?;
    work.recipe = Recipe::Command(command.ok_or("--command TEXT is required")?);
    if work.inputs.is_empty() || work.outputs.is_empty() {
        return Err("--in FILE and --out FILE are required".to_owned());
    }
    Ok(Command::Work(work))
}

/// The flags of both commands. *Gives* how many of the values it took.
fn common(work: &mut Work, flag: &str, values: &[&str]) -> Result<usize, String> {
    match flag {
        "--response" => once(&mut work.response, flag, values),
        "--exit-if-larger-than" => some(&mut work.larger, flag, values),
        "--quiet" => {
            work.quiet = true;
            Ok(0)
        }
        _ => Err(unexpected(flag)),
    }
}

/// Hand each flag with the values that follow it to *take*, which says how many it took.
fn read_flags(
    arguments: &[&str],
    mut take: impl FnMut(&str, &[&str]) -> Result<usize, String>,
) -> Result<(), String> {
    let mut rest = arguments;
    while let Some((argument, after)) = rest.split_first() {
        if !is_flag(argument) {
            return Err(unexpected(argument));
        }
        if let Some((flag, value)) = argument.split_once('=') {
            let taken = take(flag, &[value])?;
            if taken == 0 {
                return Err(format!("'{flag}' takes no value"));
            }
            rest = after;
            continue;
        }
        let end = after.iter().position(|a| is_flag(a)).unwrap_or(after.len());
        let taken = take(argument, &after[..end])?;
        rest = &after[taken..];
    }
    Ok(())
}

/// A lone `-` is a value: standard input or output.
fn is_flag(argument: &str) -> bool {
    argument.len() > 1 && argument.starts_with('-')
}

fn once(place: &mut Option<String>, flag: &str, values: &[&str]) -> Result<usize, String> {
    let value = values.first().ok_or_else(|| missing_value(flag))?;
    if place.replace((*value).to_owned()).is_some() {
        return Err(format!("'{flag}' was given more than once"));
    }
    Ok(1)
}

fn some(list: &mut Vec<String>, flag: &str, values: &[&str]) -> Result<usize, String> {
    if values.is_empty() {
        return Err(missing_value(flag));
    }
    list.extend(values.iter().map(|value| (*value).to_owned()));
    Ok(values.len())
}

fn missing_value(flag: &str) -> String {
    format!("'{flag}' needs a value; one that begins with - is written ./-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    fn work(line: &str) -> Work {
        match parsed(line) {
            Ok(Command::Work(work)) => work,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_of_a_repeated_flag_are_one_list() {
        for command in ["v1/build --json j", "v1/querystring --command j"] {
            let work = work(&format!("{command} --in a b --out c --in d"));

            assert_eq!(work.inputs, ["a", "b", "d"]);
            assert_eq!(work.outputs, ["c"]);
        }
    }

    #[test]
    fn a_value_can_stand_behind_an_equals_sign() {
        assert_eq!(work("v1/build --json=j --in=-x.jpg").inputs, ["-x.jpg"]);
    }

    #[test]
    fn a_lone_dash_is_a_value_and_keeps_the_answer_off_standard_output() {
        let work = work("v1/querystring --command w=9 --in - --out -");

        assert_eq!((&work.inputs[0][..], &work.outputs[0][..]), ("-", "-"));
        assert!(work.is_silent());
    }

    #[test]
    fn the_names_of_older_releases_work() {
        for name in ["v1/querystring", "v1/ir4", "v0.1/ir4"] {
            let work = work(&format!("{name} --command w=9 --in a --out b --quiet"));
            assert_eq!(work.recipe, Recipe::Command("w=9".to_owned()));
            assert!(work.quiet);
        }
        work("v0.1/build --json j");
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (line, part) in [
            ("", "no command"),
            ("v1/execute", "'v1/execute'"),
            ("v1/build", "--json FILE is required"),
            ("v1/build --json", "'--json' needs a value"),
            ("v1/build --json a b", "'b'"),
            ("v1/build --json a --json b", "more than once"),
            ("v1/build --json a --quiet=yes", "'--quiet' takes no value"),
            ("v1/build --json a --in -x.jpg", "'--in' needs a value"),
            ("v1/build --jsonn a", "unexpected argument '--jsonn' found"),
            ("v1/querystring --command w=9 --in a", "--out FILE are required"),
            ("diagnose", "--show-compilation-info"),
            ("diagnose --self-test", "'--self-test'"),
        ] {
            let text = parsed(line).unwrap_err();
            assert!(text.contains(part), "{line}: {text}");
        }
    }

    #[test]
    fn help_can_be_asked_for_anywhere() {
        for line in ["--help", "-h", "v1/build --help", "v1/build --json a -h"] {
            assert_eq!(parsed(line), Ok(Command::Help));
        }
    }
}
