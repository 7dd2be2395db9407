//! Progress for programs: one JSON object per report, byte for byte what BuildKit's Go clients write
//! (moby/buildkit: `client/graph.go` encoded by `encoding/json`).

use std::io::{self, Write};

use super::Renderer;
use super::event::Update;
use super::stamp::Stamp;

/// Writes a line per update.
///
/// ```
/// use buildkit_client::progress::{RawJson, Renderer as _, Stamp, Update, Vertex};
///
/// # fn main() -> std::io::Result<()> {
/// let mut vertex = Vertex::default();
/// vertex.digest = "sha256:1".to_owned();
/// vertex.name = "[apt] install".to_owned();
/// vertex.started = Some(Stamp::default());
/// let mut update = Update::default();
/// update.vertexes.push(vertex);
/// let mut out = Vec::new();
/// RawJson::new(&mut out).update(&update, Stamp::default())?;
/// assert!(String::from_utf8_lossy(&out).contains(r#""name":"[apt] install""#));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RawJson<W> {
    out: W,
}

impl<W: Write> RawJson<W> {
    /// Creates a renderer that writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write> Renderer for RawJson<W> {
    fn update(&mut self, update: &Update, _now: Stamp) -> io::Result<()> {
        let line = serde_json::to_string(update)?;
        writeln!(self.out, "{}", escape_as_go(&line))?;
        self.out.flush()
    }

    fn finish(&mut self, _now: Stamp) -> io::Result<()> {
        self.out.flush()
    }
}

/// Escapes characters for HTML, like Go's encoder. They only occur in strings.
fn escape_as_go(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            other => out.push(other),
        }
    }
    out
}
