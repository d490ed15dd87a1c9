//! Times the scorer and the crates that implement VADER over the lines of the standard input, on one thread: prints
//! `name value` lines, microseconds a message.

use std::hint::black_box;
use std::io::BufRead;
use std::process::ExitCode;
use std::time::Instant;

use bondhu_model::Baselines;

/// Rounds over the lines; the fastest of each line counts.
const ROUNDS: usize = 5;

fn main() -> ExitCode {
    let lines: Vec<String> = std::io::stdin()
        .lock()
        .lines()
        .map_while(Result::ok)
        .collect();
    let baselines = Baselines::default();
    report("bondhu", &lines, |line| {
        black_box(bondhu_core::score::score(line));
    });
    report("vader_sentiment", &lines, |line| {
        black_box(baselines.vader_sentiment(line));
    });
    report("vader-sentimental", &lines, |line| {
        black_box(baselines.vader_sentimental(line));
    });
    println!("model_bytes {}", bondhu_core::score::MODEL_BYTES);
    ExitCode::SUCCESS
}

fn report(name: &str, lines: &[String], mut score: impl FnMut(&str)) {
    let mut fastest = vec![f64::INFINITY; lines.len()];
    for _ in 0..ROUNDS {
        for (line, fastest) in lines.iter().zip(&mut fastest) {
            let started = Instant::now();
            score(black_box(line));
            *fastest = fastest.min(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    fastest.sort_by(f64::total_cmp);
    let mean = fastest.iter().sum::<f64>() / fastest.len().max(1) as f64;
    let p99 = fastest
        .get(fastest.len() * 99 / 100)
        .copied()
        .unwrap_or(0.0);
    println!("{name}_us_mean {mean:.2}");
    println!("{name}_us_p99 {p99:.2}");
}
