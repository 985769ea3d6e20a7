// SPDX-License-Identifier: Apache-2.0
// rayon::join per fork; wide nodes split down to one task per child (with_max_len(1)).
use rayon::prelude::*;
use std::time::Instant;

fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (x, y) = rayon::join(|| fib(n - 1), || fib(n - 2));
    x + y
}

type Board = [i8; 16];

fn fits(b: &Board, row: usize, col: i8) -> bool {
    (0..row).all(|r| {
        let d = (row - r) as i8;
        let c = b[r];
        col != c && col != c - d && col != c + d
    })
}

fn nqueens(n: usize, row: usize, b: &Board) -> u64 {
    if row == n {
        return 1;
    }
    let mut cols = [0i8; 16];
    let mut count = 0;
    for col in 0..n as i8 {
        if fits(b, row, col) {
            cols[count] = col;
            count += 1;
        }
    }
    cols[..count]
        .par_iter()
        .with_max_len(1)
        .map(|&col| {
            let mut child = *b;
            child[row] = col;
            nqueens(n, row + 1, &child)
        })
        .sum()
}

fn skynet(base: u64, step: u64, depth: u32) -> u64 {
    if depth == 0 {
        return base;
    }
    (0..10u32).into_par_iter().with_max_len(1).map(|i| skynet(base + step * i as u64, step / 10, depth - 1)).sum()
}

struct Node {
    value: i64,
    left: *const Node,
    right: *const Node,
}
unsafe impl Sync for Node {}

fn build(nodes: &mut Vec<Node>, from: i64, to: i64) -> *const Node {
    let mid = from + (to - from) / 2;
    let at = nodes.len();
    nodes.push(Node { value: mid, left: std::ptr::null(), right: std::ptr::null() });
    if mid > from {
        nodes[at].left = build(nodes, from, mid - 1);
    }
    if mid < to {
        nodes[at].right = build(nodes, mid + 1, to);
    }
    &nodes[at]
}

fn sum(n: &Node) -> i64 {
    match unsafe { (n.left.as_ref(), n.right.as_ref()) } {
        (Some(l), Some(r)) => {
            let (a, b) = rayon::join(|| sum(l), || sum(r));
            n.value + a + b
        }
        (Some(l), None) => n.value + sum(l),
        (None, Some(r)) => n.value + sum(r),
        (None, None) => n.value,
    }
}

fn timed(work: &(dyn Fn() -> u64 + Sync)) {
    work();
    let start = Instant::now();
    let result = work();
    let us = start.elapsed().as_micros();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let rss = status.lines().find(|l| l.starts_with("VmHWM")).unwrap().split_whitespace().nth(1).unwrap();
    println!("result: {result}\nduration: {us} us\nmax_rss: {rss} KiB");
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let size: u64 = args[2].parse().unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args[3].parse().unwrap()).build().unwrap();
    pool.install(|| match args[1].as_str() {
        "fib" => timed(&|| fib(size)),
        "nqueens" => timed(&|| nqueens(size as usize, 0, &[0; 16])),
        "skynet" => timed(&|| skynet(0, 10u64.pow(size as u32 - 1), size as u32)),
        _ => {
            let mut nodes = Vec::with_capacity(size as usize);
            build(&mut nodes, 1, size as i64);
            let repeats = if size < 100_000 { 20_000_000 / size } else { 1 };
            timed(&|| (0..repeats).map(|_| sum(&nodes[0]) as u64).fold(0, u64::wrapping_add))
        }
    });
}
