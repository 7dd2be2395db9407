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
    pub(crate) fn new(method: Method, path: &str) -> Self {
        let body = Empty::new().map_err(|never| match never {}).boxed();
        Self { method, path: path.to_owned(), headers: HeaderMap::new(), body }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
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
pub(crate) struct Answer(Response<Incoming>);

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The byte stream after a 101 status.
    pub(crate) async fn upgraded(self, request: &str) -> Result<BoxedIo, DialProblem> {
        match hyper::upgrade::on(self.0).await {
            Ok(stream) => Ok(Box::new(TokioIo::new(stream))),
            Err(error) => Err(failed(request, &error)),
        }
    }

    pub(crate) fn into_body(self) -> Incoming {
        self.0.into_body()
    }

    pub(crate) async fn json<T: DeserializeOwned>(self, request: &str) -> Result<T, DialProblem> {
        let bytes = Limited::new(self.0.into_body(), MAX_ANSWER).collect().await;
        let bytes = bytes.map_err(|error| failed(request, error.as_ref()))?.to_bytes();
        serde_json::from_slice(&bytes).map_err(|error| failed(request, &error))
    }

    /// Converts an unsuccessful answer into an error. Engines send the reason as `{"message": …}`.
    pub(crate) async fn refusal(self, request: &str) -> DialProblem {
        #[derive(serde::Deserialize)]
        struct Message {
            message: String,
        }
        let status = self.status().as_u16();
        let bytes = match Limited::new(self.0.into_body(), 64 << 10).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => Bytes::new(),
        };
        let message = match serde_json::from_slice::<Message>(&bytes) {
            Ok(message) => message.message,
            Err(_) => String::from_utf8_lossy(&bytes).trim().chars().take(500).collect(),
        };
        DialProblem::Refused { request: request.to_owned(), status, message }
    }
}

pub(super) async fn send(transport: &Transport, call: Call) -> Result<Answer, DialProblem> {
    let shown = call.to_string();
    let io = TokioIo::new(transport.open().await?);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(io).await.map_err(|error| failed(&shown, &error))?;
    // The task ends when the answer's body has been read or dropped, or when the stream was upgraded.
    tokio::spawn(connection.with_upgrades());
    let mut request = Request::new(call.body);
    *request.method_mut() = call.method;
    *request.uri_mut() = call.path.parse().map_err(|error| failed(&shown, &error))?;
    *request.headers_mut() = call.headers;
    request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
    sender.send_request(request).await.map(Answer).map_err(|error| failed(&shown, &error))
}

pub(super) fn failed(request: &str, error: &(dyn std::error::Error + 'static)) -> DialProblem {
    DialProblem::Http { request: request.to_owned(), problem: chain(error) }
}
