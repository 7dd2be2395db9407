//! A daemon that records the bytes of every call and answers from a script: for what goes over the wire, not for how
//! BuildKit behaves.
#![expect(clippy::unwrap_used, reason = "test code: a broken assumption should end the test here")]
#![allow(dead_code, reason = "no test target uses all of it")]

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};

/// One recorded call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// `Solve` and so on.
    pub(crate) method: String,
    /// The header that names the build, if it was there.
    pub(crate) build: Option<String>,
    /// The request message.
    pub(crate) message: Vec<u8>,
}

/// What to say to one call.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    /// A message.
    Message(Vec<u8>),
    /// A failure: code, message, and the bytes of a `google.rpc.Status`.
    Failure(i32, String, Vec<u8>),
    /// Nothing, ever.
    Nothing,
    /// Something after a while.
    Later(Duration, Box<Say>),
}

impl Say {
    pub(crate) fn message(message: &impl Message) -> Self {
        Self::Message(message.encode_to_vec())
    }
}

/// Answers by method.
type Script = BTreeMap<String, VecDeque<Say>>;

/// Answers calls by their content: method and message.
type Responder = dyn Fn(&str, &[u8]) -> Option<Say> + Send + Sync;

/// The daemon; answers are taken in order per method, and a method whose script is used up gets an empty message. A responder is
/// asked before the script.
#[derive(Clone, Default)]
pub(crate) struct Daemon {
    calls: Arc<Mutex<Vec<Call>>>,
    script: Arc<Mutex<Script>>,
    responder: Option<Arc<Responder>>,
    /// Calls that the client gave up.
    dropped: Arc<Mutex<Vec<Call>>>,
}

/// Notes a call that ends without an answer.
struct Unanswered {
    call: Option<Call>,
    dropped: Arc<Mutex<Vec<Call>>>,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.dropped.lock().unwrap().extend(self.call.take());
    }
}

impl Daemon {
    pub(crate) fn say(self, method: &str, answers: impl IntoIterator<Item = Say>) -> Self {
        self.script.lock().unwrap().insert(method.to_owned(), answers.into_iter().collect());
        self
    }

    pub(crate) fn respond(self, responder: impl Fn(&str, &[u8]) -> Option<Say> + Send + Sync + 'static) -> Self {
        Self { responder: Some(Arc::new(responder)), ..self }
    }

    /// Calls that the client gave up before they were answered.
    pub(crate) fn dropped(&self) -> Vec<Call> {
        self.dropped.lock().unwrap().clone()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The requests of one method, decoded.
    pub(crate) fn requests<M: Message + Default>(&self, method: &str) -> Vec<M> {
        let calls = self.calls();
        calls.iter().filter(|call| call.method == method).map(|call| M::decode(&*call.message).unwrap()).collect()
    }

    /// Serves one connection until its end.
    pub(crate) async fn serve(self, io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = service_fn(move |request| {
            let daemon = self.clone();
            async move { Ok::<_, Infallible>(daemon.answer(request).await) }
        });
        // An error is how a frontend that goes away looks from here.
        let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service).await;
    }

    async fn answer(&self, request: http::Request<Incoming>) -> http::Response<AnswerBody> {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let build = request.headers().get("buildkit-controlapi-buildid").map(|id| id.to_str().unwrap().to_owned());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        // A gRPC frame: a flag, a length, the message.
        let call = Call { method: method.clone(), build, message: body[5..].to_vec() };
        self.calls.lock().unwrap().push(call.clone());
        let responded = self.responder.as_ref().and_then(|respond| respond(&method, &call.message));
        let scripted = || self.script.lock().unwrap().get_mut(&method).and_then(VecDeque::pop_front);
        let mut say = responded.or_else(scripted).unwrap_or(Say::Message(Vec::new()));
        let mut unanswered = Unanswered { call: Some(call), dropped: Arc::clone(&self.dropped) };
        while let Say::Later(time, then) = say {
            tokio::time::sleep(time).await;
            say = *then;
        }
        if !matches!(say, Say::Nothing) {
            unanswered.call = None;
        }
        let response = http::Response::builder().header("content-type", "application/grpc");
        let (data, trailers) = match say {
            Say::Message(message) => {
                let mut frame = vec![0];
                frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
                frame.extend(message);
                (Some(Bytes::from(frame)), vec![("grpc-status", "0".to_owned())])
            }
            Say::Failure(code, message, details) => (
                None,
                vec![
                    ("grpc-status", code.to_string()),
                    ("grpc-message", message),
                    ("grpc-status-details-bin", base64_unpadded(&details)),
                ],
            ),
            Say::Nothing | Say::Later(..) => std::future::pending().await,
        };
        let trailers =
            trailers.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let frames: Vec<_> = data.map(Frame::data).into_iter().chain([Frame::trailers(trailers)]).map(Ok).collect();
        response.body(StreamBody::new(tokio_stream::iter(frames))).unwrap()
    }
}

type AnswerBody = StreamBody<tokio_stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

/// As Go's gRPC writes binary headers.
fn base64_unpadded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
}

/// An answer to `Ping` with these capabilities.
pub(crate) fn pong(gateway: &[&str], llb: &[&str]) -> Say {
    use buildkit_proto::rpc::{apicaps::ApiCap, gateway::PongResponse, llb::Platform, worker::WorkerRecord};
    let caps = |ids: &[&str]| {
        let cap = |id: &&str| ApiCap { id: (*id).to_owned(), enabled: true, ..ApiCap::default() };
        ids.iter().map(cap).collect()
    };
    Say::message(&PongResponse {
        frontend_api_caps: caps(gateway),
        llb_caps: caps(llb),
        workers: vec![WorkerRecord {
            id: "w".to_owned(),
            platforms: vec![Platform {
                os: "linux".to_owned(),
                architecture: "amd64".to_owned(),
                ..Platform::default()
            }],
            ..WorkerRecord::default()
        }],
    })
}

/// The gateway capabilities of a current daemon, as far as they matter here.
pub(crate) const MODERN: &[&str] = &[
    "solve.base",
    "resolveimage",
    "readfile",
    "readdir",
    "statfile",
    "return",
    "returnmap",
    "importcaches",
    "frontend.inputs",
    "reference.output",
    "proto.refarray",
    "gateway.solve.evaluate",
    "gateway.evaluate",
    "gateway.warnings",
    "reference.attestations",
    "source.metaresolver",
];
