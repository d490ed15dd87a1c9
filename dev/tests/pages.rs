//! The pages: their links, their sizes, the output that they show, and whether they name all there is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bondhu_core::cache::Document;
use bondhu_dev::figures;
use bondhu_stack::paths;
use bondhu_stack::testing::{Database, Role};

/// Every page that people read, wherever it is.
fn pages() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "*.md",
        ])
        .current_dir(paths::checkout())
        .output()
        .unwrap();
    let mut pages: Vec<_> = String::from_utf8(listed.stdout)
        .unwrap()
        .lines()
        .map(|page| paths::checkout().join(page))
        .filter(|page| page.exists())
        .collect();
    // A checkout without git has these.
    pages.extend(figures::pages().unwrap());
    pages.sort();
    pages.dedup();
    pages
}

/// What a page says outside of its blocks of code.
fn prose(page: &Path) -> String {
    let text = fs::read_to_string(page).unwrap();
    let mut in_code = false;
    text.lines()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            in_code ^= fence;
            !fence && !in_code
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &Path) -> Vec<String> {
    let mut seen = BTreeMap::new();
    prose(page)
        .lines()
        .filter_map(|line| {
            line.trim_start_matches('#')
                .strip_prefix(' ')
                .filter(|_| line.starts_with('#'))
        })
        .map(|heading| {
            let anchor: String = heading
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect();
            let count = seen.entry(anchor.clone()).or_insert(0);
            *count += 1;
            match *count {
                1 => anchor,
                again => format!("{anchor}-{}", again - 1),
            }
        })
        .collect()
}

/// Targets of a page's links, other sites left out.
fn links(page: &Path) -> Vec<String> {
    prose(page)
        .split("](")
        .skip(1)
        .filter_map(|after| Some(after.split_once(')')?.0.to_owned()))
        .filter(|target| !target.contains("://"))
        .collect()
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut broken = Vec::new();
    let mut followed = 0;
    for page in pages() {
        for link in links(&page) {
            followed += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(file)
            };
            let leads = target.exists()
                && (anchor.is_empty() || anchors(&target).iter().any(|there| there == anchor));
            if !leads {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(followed > 20, "{followed} links");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_readme_names_every_page_of_docs_and_is_read_in_one_go() {
    let readme = paths::checkout().join("README.md");
    let linked = links(&readme);
    for page in figures::pages().unwrap() {
        let page = page.strip_prefix(paths::checkout()).unwrap().to_owned();
        assert!(
            page == Path::new("README.md") || linked.iter().any(|link| Path::new(link) == page),
            "the README names no {}",
            page.display()
        );
    }
    let bytes = fs::metadata(&readme).unwrap().len();
    assert!(
        bytes <= 10_000,
        "the README has {bytes} bytes: move what is reference to docs/"
    );
}

#[test]
fn the_commands_that_the_pages_show_are_those_of_make_help() {
    let help = Command::new("make")
        .args(["--no-print-directory", "help"])
        .current_dir(paths::checkout())
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .output()
        .unwrap();
    figures::same("make help", &String::from_utf8(help.stdout).unwrap()).unwrap();
}

/// Names that a page does not have between backquotes, alone or with brackets after them.
fn unnamed(page: &str, names: &[String]) -> Vec<String> {
    let text = fs::read_to_string(paths::checkout().join(page)).unwrap();
    assert!(names.len() > 3, "{names:?}");
    names
        .iter()
        .filter(|name| !text.contains(&format!("`{name}`")) && !text.contains(&format!("`{name}(")))
        .cloned()
        .collect()
}

async fn names(query: &str) -> Vec<String> {
    let database = Database::create().await;
    let mut owner = database.connect(Role::Owner).await;
    sqlx::query_scalar(query)
        .fetch_all(&mut owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_page_for_frontends_names_every_table_and_rpc() {
    const CALLERS: [(&str, &str); 2] = [
        ("docs/frontend.md", "authenticated"),
        ("docs/companion.md", "service_role"),
    ];
    for (page, caller) in CALLERS {
        let public = names(&format!(
            "select split_part(name, '(', 1) from bondhu.public_objects()
             where kind = 'table' and '{caller}' = 'authenticated'
                or kind = 'function' and has_function_privilege('{caller}', 'public.' || name, 'execute')"
        ))
        .await;
        assert_eq!(unnamed(page, &public), [""; 0], "{page}");
    }
}

#[tokio::test]
async fn the_page_for_operators_names_every_scheduled_job() {
    let jobs = names("select name from bondhu.cron_plan()").await;
    assert_eq!(unnamed("docs/operating.md", &jobs), [""; 0]);
}

#[test]
fn the_page_about_the_mirror_names_every_document() {
    let documents = Document::ALL.map(|document| document.name().to_owned());
    assert_eq!(unnamed("docs/mirror.md", &documents), [""; 0]);
}
