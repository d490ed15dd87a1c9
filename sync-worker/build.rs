//! Takes the migrations of `supabase/migrations` into the program: `adopt apply` applies them, wherever it runs.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let variable = |name| PathBuf::from(env::var_os(name).unwrap_or_default());
    let directory = variable("CARGO_MANIFEST_DIR").join("../supabase/migrations");
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut files = fs::read_dir(&directory)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    let mut list = String::from("[\n");
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        // Writing to a String cannot fail.
        let _ = writeln!(
            list,
            "    ({stem:?}, include_str!({:?})),",
            file.canonicalize()?
        );
    }
    list.push_str("]\n");
    fs::write(variable("OUT_DIR").join("migrations.rs"), list)
}
