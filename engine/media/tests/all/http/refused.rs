//! What is not played, and why.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::http::server::{Server, hold, open, open_with, refusal, send, tone};

#[test]
fn nothing_in_the_house_is_connected_to_unless_it_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in
        ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001"]
    {
        let said = refusal(open(&format!("http://{host}:{port}/"), &["nas.local"]));
        assert!(said.contains("this machine itself") || said.contains("no address of a host"), "{host}: {said}");
    }
    for (host, what) in [
        ("192.168.1.1", "a private address"),
        ("169.254.169.254", "a link-local address"),
        ("100.64.0.1", "a provider's network"),
        ("224.0.0.251", "a multicast address"),
        ("[fd00::1]", "a private address"),
        ("[fe80::1]", "a link-local address"),
    ] {
        let said = refusal(open(&format!("http://{host}/"), &[]));
        assert!(said.contains(what) && said.contains("radio_hosts"), "{host}: {said}");
    }
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn a_redirect_into_the_house_is_not_followed() {
    let inner = Server::start(|_, _, mut stream| send(&mut stream, "HTTP/1.1 200 OK\r\n\r\nsecret"));
    let inside = inner.address.port();
    let outer = Server::start(move |_, _, mut stream| {
        let head = format!("HTTP/1.1 302 Found\r\nlocation: http://localhost:{inside}/\r\ncontent-length: 0\r\n\r\n");
        send(&mut stream, head);
    });
    let said = refusal(outer.open("/"));
    assert!(said.contains("localhost is this machine itself"), "{said}");
    assert_eq!(inner.asked(), 0);
    let metadata = Server::start(|_, _, mut stream| {
        let to = "http://169.254.169.254/latest/meta-data/";
        send(&mut stream, format!("HTTP/1.1 307 Moved\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"));
    });
    assert!(refusal(metadata.open("/")).contains("a link-local address"));
}

#[test]
fn a_name_is_judged_by_every_address_it_has_and_asked_for_once_a_connection() {
    let inner = Server::start(|_, _, mut stream| send(&mut stream, "HTTP/1.1 200 OK\r\n\r\nsecret"));
    let inside = inner.address;
    let outer = Server::start(move |_, _, mut stream| {
        let head = format!(
            "HTTP/1.1 302 Found\r\nlocation: http://rebinds.test:{}/\r\ncontent-length: 0\r\n\r\n",
            inside.port()
        );
        send(&mut stream, head);
    });
    let outside = outer.address;
    // The name is another machine for everybody else, and ours for us; and it is both at once.
    let lookup = Arc::new(move |host: &str, port: u16| {
        let public = SocketAddr::from(([1, 1, 1, 1], port));
        Ok(if host == "radio.test" { vec![outside] } else { vec![public, SocketAddr::new(inside.ip(), port)] })
    });
    let said = refusal(open_with(&format!("http://radio.test:{}/", outside.port()), &["radio.test"], lookup));
    assert!(said.contains("rebinds.test is this machine itself (127.0.0.1)"), "{said}");
    assert_eq!((outer.asked(), inner.asked()), (1, 0));
}

#[test]
fn redirects_come_to_an_end() {
    let server = Server::start(|_, _, mut stream| {
        send(&mut stream, "HTTP/1.1 302 Found\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n");
    });
    assert!(refusal(server.open("/")).contains("from one address to the next"));
    assert!(server.asked() <= 7, "{} times", server.asked());
}

#[test]
fn a_server_that_says_nothing_or_never_comes_to_the_point_is_given_up() {
    let silent = Server::start(|_, _, stream| hold(stream));
    let endless = Server::start(|_, _, mut stream| {
        send(&mut stream, "HTTP/1.1 200 OK\r\n");
        let line = format!("x-header: {}\r\n", "y".repeat(200));
        for _ in 0..10_000 {
            send(&mut stream, &line);
        }
    });
    let dripping = Server::start(|_, _, mut stream| {
        send(&mut stream, "HTTP/1.1 200 OK\r\n");
        for i in 0..600 {
            send(&mut stream, format!("x{i}: y\r\n"));
            thread::sleep(Duration::from_millis(100));
        }
    });
    thread::scope(|scope| {
        for (server, expected) in [
            (&silent, "does not answer in time"),
            (&endless, "begins with more than any station's"),
            (&dripping, "does not answer in time"),
        ] {
            scope.spawn(move || {
                let began = Instant::now();
                let said = refusal(server.open("/"));
                assert!(said.contains(expected), "{said}");
                assert!(began.elapsed() < Duration::from_secs(40));
            });
        }
    });
}

#[test]
fn what_cannot_be_decoded_is_named() {
    let he = tone("he.aac", 1_000, 2, &["-c:a", "aac", "-ar", "22050", "-ac", "2", "-f", "adts"]);
    let page = b"<html><body>Listen live</body></html>".to_vec();
    for (kind, body, expected) in [
        (
            "audio/aacp",
            he,
            "it is HE-AAC (its host calls it audio/aacp, over a core of 22050 Hz), which is not supported",
        ),
        ("text/html; charset=utf-8", page.clone(), "it is a page of the web"),
        ("audio/x-unknown", page, "it is not recognised as sound"),
    ] {
        let server = Server::start(move |_, _, mut stream| {
            send(&mut stream, format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n"));
            send(&mut stream, &body);
        });
        let said = refusal(server.open("/"));
        assert!(said.contains(expected), "{kind}: {said}");
    }
    assert!(refusal(open("file:///etc/passwd", &[])).contains("it has to begin with http:// or https://"));
}

#[test]
fn what_is_secret_in_an_address_is_not_said() {
    let said = refusal(open("http://me:secret@127.0.0.1/stream", &[]));
    assert!(!said.contains("secret") && said.starts_with("http://127.0.0.1/stream cannot be played: "), "{said}");
}

#[test]
fn a_rate_that_is_none_of_sound_is_refused_before_anything_is_made_for_it() {
    for rate in [0_u32, 1, 7_999, 192_001, 9_999_991, 4_000_000_007] {
        let server = Server::start(move |_, _, mut stream| {
            let block = [&[1, 0, 2, 0][..], &rate.to_le_bytes(), &rate.wrapping_mul(4).to_le_bytes(), &[4, 0, 16, 0]];
            let body = [b"WAVEfmt \x10\0\0\0", &block.concat()[..], b"data\0\0\x10\0", &[1; 100_000]].concat();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\n\r\n";
            send(&mut stream, head);
            send(&mut stream, [b"RIFF\xff\xff\xff\xff", &body[..]].concat());
        });
        let said = refusal(server.open("/"));
        assert!(said.contains("no rate of sound") || said.contains("cannot be decoded"), "{rate}: {said}");
    }
}
