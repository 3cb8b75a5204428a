//! Bytes as they are.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::api::hub::Hub;

/// Sends bytes; gives all that comes back.
pub(crate) fn raw(hub: &Hub, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(hub.api).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}
