//! Pages of Spotify's lists.

use bondhu_core::retry::Failure;

use crate::providers::{Losses, spotify};
use crate::sync::fetched::{Fetched, Onward};
use crate::sync::outcome::SyncError;
use crate::sync::request::{PageRequest, ReadRow};
use crate::sync::session::Session;
use crate::sync::trail::Sight;

impl PageRequest<'_> {
    /// A list of Spotify's; `within`: what field holds its page.
    pub(super) async fn spotify(
        &self,
        path: &str,
        query: &[(&str, &str)],
        within: Option<&'static str>,
        row: ReadRow,
    ) -> Result<Fetched, SyncError> {
        let Session { api, .. } = self.session;
        let url = spotify::page_url(api, path, query, self.position.next, self.changed_limit())?;
        let asked = spotify::offset(&url).unwrap_or(self.position.seen);
        let answer = api.get(url, self.bearer).await?;
        let losses = Losses::default();
        let root = answer.item(&losses);
        let page = within.map_or(Ok(Some(root)), |name| root.holder(name));
        let (rows, onward, sight) = match page {
            Ok(Some(page)) => {
                // Places are counted here: one that the page claims could be another page's.
                page.agrees("offset", &[asked, self.position.seen]);
                let onward = spotify::next_page(api, page).into();
                self.read(page, onward, page.count("total"), row)
            }
            Ok(None) => (Vec::new(), Onward::End, Sight::default()),
            Err(_) => (
                Vec::new(),
                Onward::Broken(Failure::Malformed),
                Sight::default(),
            ),
        };
        Ok(self.fetched(rows, onward, sight, losses))
    }
}
