// SPDX-License-Identifier: Apache-2.0
//! peer-hyper: weft-serve's /plain, /compute?ms=N and /block?ms=N on hyper and tokio, a worker on each core.
//!
//!     peer-hyper --port N [--compute inline|offload]
//!
//! Computations run in the task of their connection, or through spawn_blocking. Blocking calls always go there: in the task
//! they would take tokio's workers away for as long as they last.
use hyper::service::{make_service_fn, service_fn};
use hyper::{Body, Request, Response, Server, StatusCode};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

const UNIT_ARGUMENT: u32 = 20; // as weft-serve's: some tens of microseconds

/// Hides a value from the optimizer (std::hint::black_box is newer than Debian's rustc).
fn opaque<T: Copy>(value: T) -> T {
    unsafe { std::ptr::read_volatile(&value) }
}

#[inline(never)]
fn fibonacci(n: u32) -> u64 {
    if n < 2 {
        u64::from(n)
    } else {
        fibonacci(n - 1) + fibonacci(n - 2)
    }
}

fn do_unit() {
    opaque(fibonacci(opaque(UNIT_ARGUMENT)));
}

/// The cheapest of many, so a busy neighbour does not make the unit look dearer.
fn measure_unit() -> Duration {
    let once = |_| {
        let start = Instant::now();
        do_unit();
        start.elapsed()
    };
    (0..2000).map(once).min().unwrap_or(Duration::from_micros(20))
}

fn spend(time: Duration, unit: Duration) {
    for _ in 0..time.as_nanos() / unit.as_nanos().max(1) {
        do_unit();
    }
}

#[derive(Clone, Copy)]
struct Settings {
    address: SocketAddr,
    offload: bool,
    unit: Duration,
}

fn settings() -> Result<Settings, String> {
    let mut found = Settings { address: ([127, 0, 0, 1], 8080).into(), offload: false, unit: measure_unit() };
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or(format!("{option} wants a value"))?;
        match (option.as_str(), value.as_str()) {
            ("--port", port) => found.address.set_port(port.parse().map_err(|e| format!("--port {port}: {e}"))?),
            ("--compute", "inline") => found.offload = false,
            ("--compute", "offload") => found.offload = true,
            _ => return Err(format!("unknown: {option} {value}")),
        }
    }
    Ok(found)
}

fn time_asked(request: &Request<Body>) -> Option<Duration> {
    let ms: f64 = request.uri().query()?.strip_prefix("ms=")?.parse().ok()?;
    (0.0..=60_000.0).contains(&ms).then(|| Duration::from_secs_f64(ms / 1e3))
}

fn refusal(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

async fn answer(request: Request<Body>, with: Settings) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    if !["/plain", "/compute", "/block"].contains(&path) {
        return Ok(refusal(StatusCode::NOT_FOUND));
    }
    if path != "/plain" {
        let time = match time_asked(&request) {
            Some(time) => time,
            None => return Ok(refusal(StatusCode::BAD_REQUEST)),
        };
        let done = match path {
            "/block" => spawn_blocking(move || std::thread::sleep(time)).await,
            _ if with.offload => spawn_blocking(move || spend(time, with.unit)).await,
            _ => Ok(spend(time, with.unit)),
        };
        if done.is_err() {
            return Ok(refusal(StatusCode::INTERNAL_SERVER_ERROR));
        }
    }
    let mut response = Response::new(Body::from("Hello, World!"));
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("text/plain"));
    Ok(response)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let with = settings()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let service = make_service_fn(move |_| async move {
            Ok::<_, Infallible>(service_fn(move |request| answer(request, with)))
        });
        let server = Server::try_bind(&with.address)?.tcp_nodelay(true).serve(service);
        tokio::spawn(server).await??;
        Ok(())
    })
}
