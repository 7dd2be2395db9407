//! Records the Status stream of a finished build from a daemon's history, for use as a test vector:
//!
//! ```sh
//! buildctl build … --ref-file ref; buildctl debug logs --progress rawjson $(cat ref) > build.rawjson
//! cargo run -p buildkit-client --example record_status -- $BUILDKIT_HOST $(cat ref) build.status
//! ```
//!
//! The file contains the messages of the stream, each after its length. Go's output of the same stream is in the file next to
//! it, so that a test can compare the two.

use std::error::Error;

use buildkit_client::address::Address;
use buildkit_client::dial::{DialOptions, dial};
use buildkit_proto::rpc::control::StatusRequest;
use prost::Message as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(address), Some(reference), Some(path)) = (args.next(), args.next(), args.next()) else {
        return Err("usage: record_status ADDRESS REFERENCE FILE".into());
    };
    let address: Address = address.parse()?;
    let connection = dial(&address, &DialOptions::default()).await?;
    let mut stream = connection.control().status(StatusRequest { r#ref: reference }).await?.into_inner();
    let mut recorded = Vec::new();
    while let Some(response) = stream.message().await? {
        response.encode_length_delimited(&mut recorded)?;
    }
    std::fs::write(path, recorded)?;
    Ok(())
}
