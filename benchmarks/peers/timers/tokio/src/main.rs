// SPDX-License-Identifier: Apache-2.0
//! peer-timers-tokio COUNT WORKERS: so many tasks that each sleep for a random time of up to a second. Prints one line of JSON:
//! seconds of wall and CPU time, and the 99th percentile of how much later than asked a task ran again.
use std::time::{Duration, Instant};

/// The minimal standard generator of the C++ library (minstd_rand), so that all programs take the same naps.
struct Minstd(u64);
impl Minstd {
    fn next(&mut self) -> u64 {
        self.0 = self.0 * 48271 % 2147483647;
        self.0
    }
}

fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("/proc/self/stat");
    let fields: Vec<&str> = text[text.rfind(')').expect("a name") + 2..].split(' ').collect();
    let ticks = |i: usize| fields[i].parse::<f64>().expect("ticks");
    (ticks(11) + ticks(12)) / 100.0 // user and system time, in hundredths
}

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    if arguments.len() != 2 {
        eprintln!("usage: peer-timers-tokio COUNT WORKERS");
        std::process::exit(2);
    }
    let (count, workers) = (arguments[0], arguments[1]);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_time()
        .build()
        .expect("a runtime");
    let cpu = cpu_seconds();
    let start = Instant::now();
    let mut late = runtime.block_on(async move {
        let mut random = Minstd(1);
        let mut tasks = Vec::with_capacity(count);
        for _ in 0..count {
            let nap = Duration::from_nanos(random.next() % 1_000_000_000);
            tasks.push(tokio::spawn(async move {
                let asleep = Instant::now();
                tokio::time::sleep(nap).await;
                asleep.elapsed().checked_sub(nap).expect("a sleep was too short")
            }));
        }
        let mut late = Vec::with_capacity(count);
        for task in tasks {
            late.push(task.await.expect("a task ended by itself"));
        }
        late
    });
    let wall = start.elapsed().as_secs_f64();
    let used = cpu_seconds() - cpu;
    late.sort_unstable();
    let p99 = late[count * 99 / 100].as_secs_f64();
    println!("{{\"wall\": {wall:.3}, \"cpu\": {used:.3}, \"late_p99\": {p99:.6}}}");
}
