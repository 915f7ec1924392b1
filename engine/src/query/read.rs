//! From text to pairs, and from pairs to typed values.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::KEYS;
use super::issues::{Issue, IssueKind};

/// The pairs that have not been used yet, and what was wrong so far.
pub(super) struct Reader {
    pairs: BTreeMap<String, String>,
    issues: Vec<Issue>,
}

/// What a value is worth.
pub(super) enum Value<T> {
    /// Understood.
    Good(T),
    /// Understood and used, but worth an issue.
    Doubtful(T),
    /// Used as far as it goes, though not what the key takes.
    Bent(T),
    /// Not understood.
    Bad,
}

impl<T> From<Option<T>> for Value<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Bad, Self::Good)
    }
}

impl Reader {
    /// Takes a query string apart. The first of equal keys counts.
    pub(super) fn new(text: &str) -> Self {
        let mut reader = Self { pairs: BTreeMap::new(), issues: Vec::new() };
        for (key, value) in split(text) {
            if !KEYS.contains(&key.as_str()) {
                reader.issue(IssueKind::UnrecognizedKey, &key, &value);
            } else if let Entry::Vacant(entry) = reader.pairs.entry(key.clone()) {
                entry.insert(value);
            } else {
                reader.issue(IssueKind::DuplicateKeyError, &key, &value);
            }
        }
        reader
    }

    pub(super) fn issue(&mut self, kind: IssueKind, key: &str, value: &str) {
        self.issues.push(Issue::new(kind, key, value));
    }

    /// The value of a key, if there is one that is understood. A bad one stays behind.
    pub(super) fn read<T, V: Into<Value<T>>>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> V,
    ) -> Option<T> {
        let text = self.pairs.get(key)?.trim().to_owned();
        if text.is_empty() {
            self.pairs.remove(key);
            return None;
        }
        let value = parse(&text).into();
        if !matches!(value, Value::Good(_)) {
            self.issue(IssueKind::InvalidValueError, key, &text);
        }
        if matches!(value, Value::Good(_) | Value::Doubtful(_)) {
            self.pairs.remove(key);
        }
        match value {
            Value::Good(value) | Value::Doubtful(value) | Value::Bent(value) => Some(value),
            Value::Bad => None,
        }
    }

    /// The value of the first of several names that has one; those after it stay behind.
    pub(super) fn first<T, V: Into<Value<T>>>(
        &mut self,
        keys: &[&str],
        parse: impl Fn(&str) -> V,
    ) -> Option<T> {
        keys.iter().find_map(|key| self.read(key, &parse))
    }

    /// Whether a key has exactly this value; any other value stays behind.
    pub(super) fn says(&mut self, key: &str, word: &str) -> bool {
        let said = self.pairs.get(key).is_some_and(|text| text.trim().eq_ignore_ascii_case(word));
        if said || self.pairs.get(key).is_some_and(|text| text.trim().is_empty()) {
            self.pairs.remove(key);
        }
        said
    }

    /// Takes out the raw text of a key.
    pub(super) fn take(&mut self, key: &str) -> Option<String> {
        self.pairs.remove(key).map(|text| text.trim().to_owned())
    }

    /// All issues, once everything has been read: what is left over had no effect.
    pub(super) fn into_issues(mut self) -> Vec<Issue> {
        for (key, value) in std::mem::take(&mut self.pairs) {
            self.issue(IssueKind::IgnoredKey, &key, &value);
        }
        self.issues
    }
}

/// The pairs of a URL's query, decoded, keys in lower case. A `#` ends it.
fn split(text: &str) -> impl Iterator<Item = (String, String)> {
    let query = text.split('#').next().unwrap_or_default();
    let query = query.trim_end_matches(|c: char| c <= ' ');
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key).to_lowercase(), decoded(value))
    })
}

/// Percent signs and plus signs undone; line breaks and tabs are no part of a URL.
fn decoded(text: &str) -> String {
    let mut bytes = text.bytes().filter(|b| !b"\t\n\r".contains(b));
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let mut rest = bytes.clone();
        let pair = (byte == b'%').then(|| Some((hex(rest.next()?)?, hex(rest.next()?)?))).flatten();
        match (byte, pair) {
            (_, Some((high, low))) => {
                bytes = rest;
                out.push(high * 16 + low);
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}
