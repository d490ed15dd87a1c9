//! Directories that are removed with the run that made them, even when it is killed.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

use crate::paths;

/// A directory of one run, removed when dropped. Those of killed runs are removed by the next run:
/// a run holds a lock in its directory, which the kernel releases with the process.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    _lock: File,
}

impl RunDirectory {
    /// Makes a directory for a run of the given kind.
    ///
    /// # Errors
    /// The state directory is not writable.
    pub fn create(kind: &str) -> Result<Self> {
        let runs = paths::state_directory()?.join("runs");
        fs::create_dir_all(&runs).with_context(|| format!("cannot make {}", runs.display()))?;
        // Held while directories are made and removed: of one run at a time.
        let guard = lock_file(&runs.join("lock"))?;
        guard.lock()?;
        remove_abandoned(&runs)?;
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let path = runs.join(format!(
            "{kind}-{}-{}",
            std::process::id(),
            COUNTER.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let lock = lock_file(&path.join("lock"))?;
        lock.lock()?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Writes a new file that only its owner can read.
///
/// # Errors
/// It is there already, or cannot be written.
pub fn write_secret(file: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    let mut out = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(out.write_all(text.as_bytes())?)
}

/// Locks a directory, so that no second process uses it.
///
/// # Errors
/// Another process uses it, or it is not writable.
pub fn lock(directory: &Path) -> Result<File> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let lock = lock_file(&directory.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "{} is in use: the stack already runs; end it first (Ctrl-C where it runs)",
                directory.display()
            )
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", directory.display()))
        }
    }
}

fn lock_file(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn remove_abandoned(runs: &Path) -> Result<()> {
    for entry in fs::read_dir(runs)? {
        let path = entry?.path();
        let Ok(lock) = File::options().write(true).open(path.join("lock")) else {
            continue;
        };
        // Its servers may still be ending: they got their signal when it was killed.
        if lock.try_lock().is_ok() {
            fs::remove_dir_all(&path).ok();
        }
    }
    Ok(())
}
