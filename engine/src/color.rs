//! Colours: sRGB with alpha, from hex digits or from the names of CSS.

use crate::error::{Error, Kind, Result};
use crate::message;

/// An sRGB colour, alpha not multiplied in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are what they are called")]
pub struct Rgba {
    pub r: u8,
    pub g: u8,
    pub b: u8,
    pub a: u8,
}

impl Rgba {
    /// Nothing at all.
    pub const TRANSPARENT: Self = Self { r: 0, g: 0, b: 0, a: 0 };
    /// Opaque black.
    pub const BLACK: Self = Self::opaque(0);
    /// Opaque white.
    pub const WHITE: Self = Self::opaque(0xFF_FF_FF);

    /// The opaque colour `0xRRGGBB`.
    const fn opaque(rgb: u32) -> Self {
        let [_, r, g, b] = rgb.to_be_bytes();
        Self { r, g, b, a: 255 }
    }

    /// Whether nothing shows through it.
    #[must_use]
    pub fn is_opaque(self) -> bool {
        self.a == 255
    }

    /// The colour as a request writes it.
    #[must_use]
    pub fn to_message(self) -> message::Color {
        let Self { r, g, b, a } = self;
        message::Color::Srgb(message::ColorSrgb::Hex(format!("{r:02X}{g:02X}{b:02X}{a:02X}")))
    }
}

/// The colour of `RGB`, `RGBA`, `RRGGBB` or `RRGGBBAA`, with or without `#`, alpha last.
pub fn parse_hex(text: &str) -> Result<Rgba> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    channels(digits).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Error::new(
            Kind::InvalidArgument,
            format!("\"{shown}\" is not a colour of 3, 4, 6 or 8 hexadecimal digits"),
        )
    })
}

fn channels(digits: &str) -> Option<Rgba> {
    let nibbles: Vec<u8> =
        digits.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    match *nibbles {
        [r, g, b] => Some(Rgba { r: r * 17, g: g * 17, b: b * 17, a: 255 }),
        [r, g, b, a] => Some(Rgba { r: r * 17, g: g * 17, b: b * 17, a: a * 17 }),
        [_, _, _, _, _, _] | [_, _, _, _, _, _, _, _] => {
            let pair = |i: usize| nibbles[i] * 16 + nibbles[i + 1];
            let a = if nibbles.len() == 8 { pair(6) } else { 255 };
            Some(Rgba { r: pair(0), g: pair(2), b: pair(4), a })
        }
        _ => None,
    }
}

/// The colour that a request means.
pub fn resolve(color: &message::Color) -> Result<Rgba> {
    match color {
        message::Color::Transparent => Ok(Rgba::TRANSPARENT),
        message::Color::Black => Ok(Rgba::BLACK),
        message::Color::Srgb(message::ColorSrgb::Hex(hex)) => parse_hex(hex),
    }
}

/// The colour that CSS gives this name, in any case.
#[must_use]
pub fn by_name(name: &str) -> Option<Rgba> {
    let name = name.to_ascii_lowercase();
    if name == "transparent" {
        return Some(Rgba::TRANSPARENT);
    }
    let row = NAMES.binary_search_by_key(&name.as_str(), |&(row, _)| row).ok()?;
    Some(Rgba::opaque(NAMES[row].1))
}

/// The named colours of CSS Color 4 as `0xRRGGBB`, sorted by name.
#[rustfmt::skip]
const NAMES: [(&str, u32); 148] = [
    ("aliceblue", 0xF0F8FF),
    ("antiquewhite", 0xFAEBD7),
    ("aqua", 0x00FFFF),
    ("aquamarine", 0x7FFFD4),
    ("azure", 0xF0FFFF),
    ("beige", 0xF5F5DC),
    ("bisque", 0xFFE4C4),
    ("black", 0x000000),
    ("blanchedalmond", 0xFFEBCD),
    ("blue", 0x0000FF),
    ("blueviolet", 0x8A2BE2),
    ("brown", 0xA52A2A),
    ("burlywood", 0xDEB887),
    ("cadetblue", 0x5F9EA0),
    ("chartreuse", 0x7FFF00),
    ("chocolate", 0xD2691E),
    ("coral", 0xFF7F50),
    ("cornflowerblue", 0x6495ED),
    ("cornsilk", 0xFFF8DC),
    ("crimson", 0xDC143C),
    ("cyan", 0x00FFFF),
    ("darkblue", 0x00008B),
    ("darkcyan", 0x008B8B),
    ("darkgoldenrod", 0xB8860B),
    ("darkgray", 0xA9A9A9),
    ("darkgreen", 0x006400),
    ("darkgrey", 0xA9A9A9),
    ("darkkhaki", 0xBDB76B),
    ("darkmagenta", 0x8B008B),
    ("darkolivegreen", 0x556B2F),
    ("darkorange", 0xFF8C00),
    ("darkorchid", 0x9932CC),
    ("darkred", 0x8B0000),
    ("darksalmon", 0xE9967A),
    ("darkseagreen", 0x8FBC8F),
    ("darkslateblue", 0x483D8B),
    ("darkslategray", 0x2F4F4F),
    ("darkslategrey", 0x2F4F4F),
    ("darkturquoise", 0x00CED1),
    ("darkviolet", 0x9400D3),
    ("deeppink", 0xFF1493),
    ("deepskyblue", 0x00BFFF),
    ("dimgray", 0x696969),
    ("dimgrey", 0x696969),
    ("dodgerblue", 0x1E90FF),
    ("firebrick", 0xB22222),
    ("floralwhite", 0xFFFAF0),
    ("forestgreen", 0x228B22),
    ("fuchsia", 0xFF00FF),
    ("gainsboro", 0xDCDCDC),
    ("ghostwhite", 0xF8F8FF),
    ("gold", 0xFFD700),
    ("goldenrod", 0xDAA520),
    ("gray", 0x808080),
    ("green", 0x008000),
    ("greenyellow", 0xADFF2F),
    ("grey", 0x808080),
    ("honeydew", 0xF0FFF0),
    ("hotpink", 0xFF69B4),
    ("indianred", 0xCD5C5C),
    ("indigo", 0x4B0082),
    ("ivory", 0xFFFFF0),
    ("khaki", 0xF0E68C),
    ("lavender", 0xE6E6FA),
    ("lavenderblush", 0xFFF0F5),
    ("lawngreen", 0x7CFC00),
    ("lemonchiffon", 0xFFFACD),
    ("lightblue", 0xADD8E6),
    ("lightcoral", 0xF08080),
    ("lightcyan", 0xE0FFFF),
    ("lightgoldenrodyellow", 0xFAFAD2),
    ("lightgray", 0xD3D3D3),
    ("lightgreen", 0x90EE90),
    ("lightgrey", 0xD3D3D3),
    ("lightpink", 0xFFB6C1),
    ("lightsalmon", 0xFFA07A),
    ("lightseagreen", 0x20B2AA),
    ("lightskyblue", 0x87CEFA),
    ("lightslategray", 0x778899),
    ("lightslategrey", 0x778899),
    ("lightsteelblue", 0xB0C4DE),
    ("lightyellow", 0xFFFFE0),
    ("lime", 0x00FF00),
    ("limegreen", 0x32CD32),
    ("linen", 0xFAF0E6),
    ("magenta", 0xFF00FF),
    ("maroon", 0x800000),
    ("mediumaquamarine", 0x66CDAA),
    ("mediumblue", 0x0000CD),
    ("mediumorchid", 0xBA55D3),
    ("mediumpurple", 0x9370DB),
    ("mediumseagreen", 0x3CB371),
    ("mediumslateblue", 0x7B68EE),
    ("mediumspringgreen", 0x00FA9A),
    ("mediumturquoise", 0x48D1CC),
    ("mediumvioletred", 0xC71585),
    ("midnightblue", 0x191970),
    ("mintcream", 0xF5FFFA),
    ("mistyrose", 0xFFE4E1),
    ("moccasin", 0xFFE4B5),
    ("navajowhite", 0xFFDEAD),
    ("navy", 0x000080),
    ("oldlace", 0xFDF5E6),
    ("olive", 0x808000),
    ("olivedrab", 0x6B8E23),
    ("orange", 0xFFA500),
    ("orangered", 0xFF4500),
    ("orchid", 0xDA70D6),
    ("palegoldenrod", 0xEEE8AA),
    ("palegreen", 0x98FB98),
    ("paleturquoise", 0xAFEEEE),
    ("palevioletred", 0xDB7093),
    ("papayawhip", 0xFFEFD5),
    ("peachpuff", 0xFFDAB9),
    ("peru", 0xCD853F),
    ("pink", 0xFFC0CB),
    ("plum", 0xDDA0DD),
    ("powderblue", 0xB0E0E6),
    ("purple", 0x800080),
    ("rebeccapurple", 0x663399),
    ("red", 0xFF0000),
    ("rosybrown", 0xBC8F8F),
    ("royalblue", 0x4169E1),
    ("saddlebrown", 0x8B4513),
    ("salmon", 0xFA8072),
    ("sandybrown", 0xF4A460),
    ("seagreen", 0x2E8B57),
    ("seashell", 0xFFF5EE),
    ("sienna", 0xA0522D),
    ("silver", 0xC0C0C0),
    ("skyblue", 0x87CEEB),
    ("slateblue", 0x6A5ACD),
    ("slategray", 0x708090),
    ("slategrey", 0x708090),
    ("snow", 0xFFFAFA),
    ("springgreen", 0x00FF7F),
    ("steelblue", 0x4682B4),
    ("tan", 0xD2B48C),
    ("teal", 0x008080),
    ("thistle", 0xD8BFD8),
    ("tomato", 0xFF6347),
    ("turquoise", 0x40E0D0),
    ("violet", 0xEE82EE),
    ("wheat", 0xF5DEB3),
    ("white", 0xFFFFFF),
    ("whitesmoke", 0xF5F5F5),
    ("yellow", 0xFFFF00),
    ("yellowgreen", 0x9ACD32),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_may_be_short_or_long_with_or_without_alpha_and_hash() {
        for (text, [r, g, b, a]) in [
            ("f80", [255, 136, 0, 255]),
            ("#F80c", [255, 136, 0, 204]),
            ("8fbc8f", [143, 188, 143, 255]),
            ("#8FBC8F10", [143, 188, 143, 16]),
        ] {
            assert_eq!(parse_hex(text), Ok(Rgba { r, g, b, a }), "{text}");
        }
    }

    #[test]
    fn anything_else_is_an_invalid_argument_that_shows_the_text() {
        for text in ["", "#", "+ff", "+ffffff", "ff", "12345", "1234567", "XYZXYZ", "ééé", "##fff"]
        {
            let error = parse_hex(text).expect_err(text);
            assert_eq!(error.kind, Kind::InvalidArgument);
            assert!(error.text.contains(text), "{error}");
        }
    }

    #[test]
    fn a_colour_survives_being_written_into_a_request() {
        let color = Rgba { r: 1, g: 20, b: 255, a: 128 };
        assert_eq!(resolve(&color.to_message()), Ok(color));
    }

    #[test]
    fn names_are_those_of_css_in_any_case() {
        assert_eq!(by_name("Tomato"), Some(Rgba { r: 255, g: 99, b: 71, a: 255 }));
        assert_eq!(by_name("transparent"), Some(Rgba::TRANSPARENT));
        assert_eq!(by_name("zzz"), None);
    }

    #[test]
    fn the_names_are_sorted_and_none_could_be_taken_for_hex() {
        assert!(NAMES.is_sorted());
        assert!(NAMES.iter().all(|(name, _)| parse_hex(name).is_err()));
    }
}
