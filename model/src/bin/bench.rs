//! Times the scorer and the crates that implement VADER over the lines of the standard input,
//! on one thread: prints `name value` lines, microseconds a message.

use std::hint::black_box;
use std::io::BufRead;
use std::process::ExitCode;
use std::time::Instant;

use bondhu_model::Baselines;

/// Rounds over the lines, each of all systems, so that a slow moment of the machine meets
/// none of them alone; the fastest of each line counts.
const ROUNDS: usize = 20;

fn main() -> ExitCode {
    let lines: Vec<String> = std::io::stdin()
        .lock()
        .lines()
        .map_while(Result::ok)
        .collect();
    let baselines = Baselines::default();
    let bondhu = |line: &str| {
        black_box(bondhu_core::score::score(line));
    };
    let vader_sentiment = |line: &str| {
        black_box(baselines.vader_sentiment(line));
    };
    let vader_sentimental = |line: &str| {
        black_box(baselines.vader_sentimental(line));
    };
    let mut times = [(); 3].map(|()| Times::of(&lines));
    let [ours, first, second] = &mut times;
    for _ in 0..ROUNDS {
        ours.round(&lines, bondhu);
        first.round(&lines, vader_sentiment);
        second.round(&lines, vader_sentimental);
    }
    let names = ["bondhu", "vader_sentiment", "vader-sentimental"];
    for (name, times) in names.into_iter().zip(times) {
        times.report(name);
    }
    println!("model_bytes {}", bondhu_core::score::MODEL_BYTES);
    ExitCode::SUCCESS
}

/// The fastest time of each line, in microseconds.
struct Times(Vec<f64>);

impl Times {
    fn of(lines: &[String]) -> Self {
        Self(vec![f64::INFINITY; lines.len()])
    }

    fn round(&mut self, lines: &[String], score: impl Fn(&str)) {
        for (line, fastest) in lines.iter().zip(&mut self.0) {
            let started = Instant::now();
            score(black_box(line));
            *fastest = fastest.min(started.elapsed().as_secs_f64() * 1e6);
        }
    }

    fn report(mut self, name: &str) {
        self.0.sort_by(f64::total_cmp);
        let mean = self.0.iter().sum::<f64>() / self.0.len().max(1) as f64;
        let p99 = self.0.get(self.0.len() * 99 / 100).copied().unwrap_or(0.0);
        println!("{name}_us_mean {mean:.2}");
        println!("{name}_us_p99 {p99:.2}");
    }
}
