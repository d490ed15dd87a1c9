//! `bondhu-wasm-pack MODULE DIRECTORY`: makes the npm package of the compiled module.
//!
//! What people write is in `../npm`; beside it go the glue and the module of wasm-bindgen, the types of
//! names that `core` has lists of, and the module once more as text.

mod embedded;
mod names;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use wasm_bindgen_cli_support::Bindgen;

/// What the glue and the module are called: `bondhu.js`, `bondhu_bg.wasm`.
const NAME: &str = "bondhu";

/// What stands in `package.json` for the workspace's version.
const VERSION: &str = "\"version\": \"0.0.0\"";

/// What the package brings besides: from the checkout, and under which name.
const BESIDE: [(&str, &str); 3] = [
    ("wasm/README.md", "README.md"),
    ("LICENSE", "LICENSE"),
    // The model has learnt from its lexicon.
    ("model/data/vader.LICENSE.txt", "LICENSE.vader.txt"),
];

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(module), Some(package), None) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        bail!("usage: bondhu-wasm-pack MODULE DIRECTORY");
    };
    if package.exists() {
        fs::remove_dir_all(&package)?;
    }
    fs::create_dir_all(&package)?;
    bind(&module, &package).context("wasm-bindgen")?;
    for entry in fs::read_dir(checkout().join("wasm/npm"))? {
        let file = entry?.path();
        fs::copy(&file, package.join(file.file_name().unwrap_or_default()))?;
    }
    for (from, to) in BESIDE {
        fs::copy(checkout().join(from), package.join(to)).with_context(|| from)?;
    }
    state_version(&package.join("package.json"))?;
    fs::write(package.join("names.d.ts"), names::types())?;
    let module = fs::read(package.join(format!("{NAME}_bg.wasm")))?;
    for (file, text) in embedded::modules(&module)? {
        fs::write(package.join(file), text)?;
    }
    Ok(())
}

fn bind(module: &Path, package: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .web(true)?
        // Each entry says where the module is; a default would make bundlers emit it twice.
        .omit_default_module_path(true)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .out_name(NAME)
        .generate(package)
}

fn state_version(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file)?;
    ensure!(
        text.contains(VERSION),
        "wasm/npm/package.json has no {VERSION}"
    );
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    Ok(fs::write(file, text.replace(VERSION, &version))?)
}

fn checkout() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
