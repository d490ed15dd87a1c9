//! Pages of YouTube's, each asked for under the entity tag that it had.

use bondhu_core::retry::Failure;

use crate::providers::{Changed, Losses, ProviderError, youtube};
use crate::sync::etag::{self, KnownPage};
use crate::sync::fetched::{Fetched, Items, Onward, Tagged};
use crate::sync::outcome::SyncError;
use crate::sync::request::{PageRequest, ReadRow};
use crate::sync::session::Session;

impl PageRequest<'_> {
    /// A list of YouTube's.
    pub(super) async fn youtube(
        &self,
        path: &str,
        query: &[(&str, &str)],
        row: ReadRow,
    ) -> Result<Fetched, SyncError> {
        let limit = self.limit.to_string();
        let mut query = query.to_vec();
        query.push(("maxResults", &limit));
        self.youtube_page(path, &query, row).await
    }

    /// What YouTube has of the ids that are the part under way. One that is not in the answer is
    /// gone, if the answer's own count agrees; else nothing is known of it.
    pub(super) async fn youtube_by_id(
        &self,
        path: &str,
        query: &[(&str, &str)],
        row: ReadRow,
    ) -> Result<Fetched, SyncError> {
        let mut query = query.to_vec();
        query.push(("id", self.position.part));
        let fetched = self.youtube_page(path, &query, row).await?;
        let Items::New(rows, _) = &fetched.items else {
            return Ok(fetched);
        };
        if fetched.sight.total == Some(fetched.sight.items) && fetched.onward == Onward::End {
            return Ok(fetched);
        }
        let id = self.resource.statements.id;
        let came: Vec<&str> = rows.iter().filter_map(|row| row[id].as_str()).collect();
        Ok(Fetched {
            subset: came.join(","),
            ..fetched
        })
    }

    /// A page of YouTube's, asked for under the entity tag it had.
    pub(super) async fn youtube_page(
        &self,
        path: &str,
        query: &[(&str, &str)],
        row: ReadRow,
    ) -> Result<Fetched, SyncError> {
        let Session { api, .. } = self.session;
        let url = youtube::page_url(api, path, query, self.position.next);
        let page = etag::page_of(&url);
        let held = match self.resource.statements.touch {
            Some(_) => etag::held(self.session, self.resource, &page).await?,
            None => None,
        };
        let tag = held.as_ref().map(|held| held.etag.as_str());
        let answer = match api.get_if_changed(url.clone(), self.bearer, tag).await {
            Err(error) if tag.is_some() && may_be_of_the_tag(error.failure) => {
                tracing::warn!(resource = self.resource.name, %error, "asked for again without its tag");
                etag::forget_page(self.session, self.resource, &page).await?;
                self.session.spend().await?;
                api.get_if_changed(url, self.bearer, None).await?
            }
            answer => answer?,
        };
        let (answer, etag) = match (answer, held) {
            (Changed::Yes(answer, etag), _) => (answer, etag),
            (Changed::No, Some(held)) => return Ok(self.unchanged(page, held)),
            (Changed::No, None) => return Err(ProviderError::unasked_304().into()),
        };
        let losses = Losses::default();
        let root = answer.item(&losses);
        let onward = youtube::next_page(root).into();
        let (rows, onward, sight) = self.read(root, onward, youtube::total(root), row);
        let tagged = etag
            .filter(|_| self.resource.statements.touch.is_some())
            .map(|etag| Tagged { page, etag });
        Ok(Fetched {
            items: Items::New(rows, tagged),
            ..self.fetched(Vec::new(), onward, sight, losses)
        })
    }

    fn unchanged(&self, page: String, held: KnownPage) -> Fetched {
        let sight = held.sight(self.limit);
        let next = held.next_page.filter(|token| !token.is_empty());
        Fetched {
            items: Items::Unchanged {
                page,
                ids: held.item_ids,
            },
            ..self.fetched(Vec::new(), Ok(next).into(), sight, Losses::default())
        }
    }
}

/// Whether a refusal may be one of the condition that was made: others speak of the account, of the
/// app, or of something else of this page. Exhaustive, so that a new kind forces a decision.
const fn may_be_of_the_tag(failure: Failure) -> bool {
    match failure {
        Failure::Refused | Failure::NotOffered | Failure::Gone => true,
        Failure::Unreachable
        | Failure::TimedOut
        | Failure::ServerError
        | Failure::Malformed
        | Failure::TooLarge
        | Failure::RateLimited
        | Failure::QuotaExceeded
        | Failure::TokenExpired
        | Failure::ConsentEnded
        | Failure::ScopeMissing
        | Failure::NotAllowListed
        | Failure::NoChannel
        | Failure::AccountClosed
        | Failure::ForeignList
        | Failure::PageExpired
        | Failure::AppRefused
        | Failure::ForeignLink => false,
    }
}
