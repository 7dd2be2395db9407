//! Connects over TCP, with TLS if the address has TLS settings. Certificates are read once, when the transport is created.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use buildkit_proto::Digest;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::{BoxedIo, DialProblem};
use crate::address::TcpAddress;

/// The Engine's own clients use the same interval. It keeps NATs and firewalls from dropping an idle connection.
const KEEPALIVE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(crate) struct TcpTransport {
    host: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// The digest of the certificate that the peer presented first.
    peer: Arc<OnceLock<Digest>>,
}

impl TcpTransport {
    pub(super) fn new(address: &TcpAddress, protocols: &[&[u8]]) -> Result<Self, DialProblem> {
        let tls = match &address.tls {
            Some(files) => Some((Arc::new(files.client_config(protocols)?), files.server_name(&address.host)?)),
            None => None,
        };
        Ok(Self { host: address.host.clone(), port: address.port, tls, peer: Arc::default() })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The digest of the peer's certificate, if the peer presented one.
    pub(super) fn peer(&self) -> Option<Digest> {
        self.peer.get().copied()
    }

    pub(super) async fn open(&self) -> Result<BoxedIo, DialProblem> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(DialProblem::Connect)?;
        stream.set_nodelay(true).map_err(DialProblem::Connect)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
        SockRef::from(&stream).set_tcp_keepalive(&keepalive).map_err(DialProblem::Connect)?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector.connect(name.clone(), stream).await.map_err(DialProblem::Handshake)?;
                let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
                if let Some(certificate) = certificates.first() {
                    self.peer.get_or_init(|| Digest::from_content(certificate));
                }
                Ok(Box::new(stream))
            }
        }
    }
}
