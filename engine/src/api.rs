//! The endpoints: which request goes where, and the form of every answer.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;

use crate::error::{Error, Kind, Result};
use crate::message::{Empty, GetImageInfo, TellDecoder, ValidateQueryString};
use crate::query;
use crate::session::Session;
use crate::version;

/// The longest request that [`send`] reads.
pub const LONGEST_REQUEST: usize = 64 << 20;

/// The answer to one request.
#[derive(Debug)]
pub struct Answer {
    /// HTTP-like; equal to `code` in the JSON.
    pub status: i64,
    /// Indented JSON, UTF-8.
    pub json: Vec<u8>,
}

/// The schema endpoints, as `v1/schema/list-schema-endpoints` lists them.
const SCHEMA_ENDPOINTS: [&str; 4] = [
    "/v1/schema/list-schema-endpoints",
    "/v1/schema/riapi/latest/get",
    "/v1/schema/riapi/latest/list_keys",
    "/v1/schema/riapi/latest/validate",
];

/// Answer the request *json* for the endpoint *method*, a name without a leading slash.
pub fn send(session: &mut Session, method: &str, json: &[u8]) -> Result<Answer> {
    match method {
        "v1/build" | "v0.1/build" => success(&Named("job_result", session.build(request(json)?)?)),
        "v1/execute" | "v0.1/execute" => {
            success(&Named("job_result", session.execute(&request(json)?)?))
        }
        "v1/get_image_info" | "v0.1/get_image_info" => {
            let GetImageInfo { io_id } = request(json)?;
            success(&Named("image_info", session.image_info(io_id)?))
        }
        "v1/get_scaled_image_info" | "v0.1/get_scaled_image_info" => {
            let GetImageInfo { io_id } = request(json)?;
            success(&Named("image_info", session.scaled_image_info(io_id)?))
        }
        "v1/tell_decoder" | "v0.1/tell_decoder" => {
            let TellDecoder { io_id, command } = request(json)?;
            session.tell_decoder(io_id, command)?;
            success(&Nothing {})
        }
        _ => send_static(method, json),
    }
}

/// The endpoints that need nothing of the session.
fn send_static(method: &str, json: &[u8]) -> Result<Answer> {
    match method {
        "v1/get_version_info" | "v0.1/get_version_info" => {
            let Empty {} = request(json)?;
            success(&Named("version_info", version::info()))
        }
        "v1/schema/riapi/latest/get" | "v1/schema/riapi/latest/list_keys" => {
            let Empty {} = request(json)?;
            success(&Named("schema", Named("key_names", &query::KEYS[..])))
        }
        "v1/schema/riapi/latest/validate" => {
            let ValidateQueryString { query_string } = request(json)?;
            success(&Named("results", Named("issues", query::issues(&query_string))))
        }
        "v1/schema/list-schema-endpoints" => {
            let Empty {} = request(json)?;
            success(&Named("endpoints", SCHEMA_ENDPOINTS))
        }
        "v1/brew_coffee" | "brew_coffee" => teapot(),
        _ => Err(Error::new(
            Kind::InvalidMessageEndpoint,
            format!("there is no endpoint \"{method}\"; one is \"v1/execute\""),
        )),
    }
}

fn request<T: DeserializeOwned>(json: &[u8]) -> Result<T> {
    if json.len() > LONGEST_REQUEST {
        return Err(Error::new(
            Kind::InvalidArgument,
            format!(
                "the request has {} bytes, more than the {LONGEST_REQUEST} allowed; \
                 add pictures as buffers instead",
                json.len()
            ),
        ));
    }
    parse(json)
}

/// Read *json* as a request of one type. Unknown fields and names are errors.
pub fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|e| Error::new(Kind::Json, e.to_string()))
}

/// The answer of a request that went well.
pub fn success(data: &impl Serialize) -> Result<Answer> {
    answer(200, &Envelope { code: 200, success: true, message: "OK", data })
}

/// The answer of a request that failed.
pub fn failure(error: &Error) -> Result<Answer> {
    let code = error.category().http_status();
    let message = &error.to_string();
    // Upstream's answer has this word where a success has an object.
    answer(code, &Envelope { code, success: false, message, data: &"none" })
}

/// Upstream's joke, which has a shape of its own.
fn teapot() -> Result<Answer> {
    #[derive(Serialize)]
    struct Teapot {
        success: &'static str,
        code: i32,
        message: &'static str,
    }
    answer(418, &Teapot { success: "false", code: 418, message: "I am a teapot" })
}

fn answer(status: i32, body: &impl Serialize) -> Result<Answer> {
    let json = serde_json::to_vec_pretty(body).map_err(|e| {
        Error::new(Kind::InternalError, format!("the answer cannot be written as JSON: {e}"))
    })?;
    Ok(Answer { status: status.into(), json })
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    code: i32,
    success: bool,
    message: &'a str,
    data: &'a T,
}

/// `{}`.
#[derive(Serialize)]
struct Nothing {}

/// An object with one member: its name and its value.
pub struct Named<T>(pub &'static str, pub T);

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}
