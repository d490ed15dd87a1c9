//! Accounts of twenty pages each.

use anyhow::{Context, Result, ensure};

use crate::rig::sync::{Rig, settled};
use bondhu_standin::catalogue::music::{MusicTaste, TimeRange};

const PAGES: usize = 20;
const ITEMS_PER_PAGE: usize = 50;

/// Makes the account of every person so large that a pull asks for twenty pages. How many lists
/// there are is the worker's to know: one pull is counted, and the saved tracks make up for it.
pub(super) async fn give_everybody(rig: &Rig, people: u64) -> Result<()> {
    for person in 1..=people {
        rig.standin
            .with_account(person, |account| one_page_each(&mut account.music));
    }
    let pages = count(rig).await?;
    let more = PAGES.checked_sub(pages).with_context(|| {
        format!("a pull of one page from each list asks for {pages} pages already")
    })?;
    for person in 1..=people {
        rig.standin
            .with_account(person, |account| save_tracks(&mut account.music, more));
    }
    let pages = count(rig).await?;
    ensure!(pages == PAGES, "a pull asks for {pages} pages");
    Ok(())
}

fn one_page_each(music: &mut MusicTaste) {
    for range in [TimeRange::Short, TimeRange::Medium, TimeRange::Long] {
        music.top_artists(range).truncate(ITEMS_PER_PAGE);
        music.top_tracks(range).truncate(ITEMS_PER_PAGE);
    }
    music.followed.truncate(ITEMS_PER_PAGE);
    music.saved_albums.truncate(ITEMS_PER_PAGE);
    music.saved_tracks.truncate(ITEMS_PER_PAGE);
    music.playlists.clear();
}

fn save_tracks(music: &mut MusicTaste, pages: usize) {
    let more = music
        .saved_tracks
        .iter()
        .cycle()
        .take(pages * ITEMS_PER_PAGE);
    let more: Vec<_> = more
        .cloned()
        .zip(0..)
        .map(|(mut saved, number)| {
            saved.item.id = Some(format!("{number:022}"));
            saved
        })
        .collect();
    music.saved_tracks.extend(more);
}

/// How many pages a pull of the first person asks for.
async fn count(rig: &Rig) -> Result<usize> {
    const NAME: &str = "counted";
    let database = rig.database(NAME, 1).await?;
    let begun = rig.standin.calls();
    let mut worker = rig.worker(NAME, &[]).await?;
    settled(&database, &mut worker).await?;
    worker.stop();
    database.close().await;
    rig.remove(NAME).await?;
    Ok(usize::try_from(rig.standin.calls() - begun)?)
}
