//! One HTTP/1.1 exchange over a transport.

use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;

use super::ApiVersion;
use crate::error::chain;
use crate::transport::{BoxedIo, DialProblem, Transport};

/// Limit for answers that are read into memory. An Engine's answers are much smaller.
const MAX_ANSWER: usize = 8 << 20;

pub(crate) type Body = BoxBody<Bytes, std::io::Error>;

/// A request that is being built.
pub(crate) struct Call {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Body,
}

impl Call {
    fn new(method: Method, path: &str) -> Self {
        let body = Empty::new().map_err(|never| match never {}).boxed();
        Self { method, path: path.to_owned(), headers: HeaderMap::new(), body }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn with_json(mut self, value: &serde_json::Value) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Full::from(value.to_string()).map_err(|never| match never {}).boxed();
        self
    }

    pub(crate) fn with_body(mut self, content_type: &'static str, body: Body) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = body;
        self
    }

    pub(super) fn under_version(mut self, version: ApiVersion) -> Self {
        self.path = format!("/v{version}{}", self.path);
        self
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Leave out the query, which may be long.
        write!(f, "{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }
}

/// An answer whose body has not been read yet.
pub(crate) struct Answer {
    /// The request, for messages.
    request: String,
    response: Response<Incoming>,
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The byte stream after a 101 status; an error after any other status.
    pub(crate) async fn upgraded(self) -> Result<BoxedIo, DialProblem> {
        if self.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(self.refusal().await);
        }
        match hyper::upgrade::on(self.response).await {
            Ok(stream) => Ok(Box::new(TokioIo::new(stream))),
            Err(error) => Err(failed(&self.request, &error)),
        }
    }

    pub(crate) fn into_body(self) -> Incoming {
        self.response.into_body()
    }

    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, DialProblem> {
        let bytes = Limited::new(self.response.into_body(), MAX_ANSWER).collect().await;
        let bytes = bytes.map_err(|error| failed(&self.request, error.as_ref()))?.to_bytes();
        serde_json::from_slice(&bytes).map_err(|error| failed(&self.request, &error))
    }

    /// Converts an unsuccessful answer into an error. Engines send the reason as `{"message": …}`.
    pub(crate) async fn refusal(self) -> DialProblem {
        #[derive(serde::Deserialize)]
        struct Message {
            message: String,
        }
        let status = self.status().as_u16();
        let bytes = match Limited::new(self.response.into_body(), 64 << 10).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => Bytes::new(),
        };
        let message = match serde_json::from_slice::<Message>(&bytes) {
            Ok(message) => message.message,
            Err(_) => String::from_utf8_lossy(&bytes).trim().chars().take(500).collect(),
        };
        DialProblem::Refused { request: self.request, status, message }
    }
}

pub(super) async fn send(transport: &Transport, call: Call) -> Result<Answer, DialProblem> {
    let name = call.to_string();
    let io = TokioIo::new(transport.open().await?);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(io).await.map_err(|error| failed(&name, &error))?;
    // The task ends when the answer's body has been read or dropped, or when the stream was upgraded.
    tokio::spawn(connection.with_upgrades());
    let mut request = Request::new(call.body);
    *request.method_mut() = call.method;
    *request.uri_mut() = call.path.parse().map_err(|error| failed(&name, &error))?;
    *request.headers_mut() = call.headers;
    request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
    match sender.send_request(request).await {
        Ok(response) => Ok(Answer { request: name, response }),
        Err(error) => Err(failed(&name, &error)),
    }
}

pub(super) fn failed(request: &str, error: &(dyn std::error::Error + 'static)) -> DialProblem {
    DialProblem::Http { request: request.to_owned(), problem: chain(error) }
}
