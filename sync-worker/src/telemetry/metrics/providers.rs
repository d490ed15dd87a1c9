//! What providers are asked, and answer.

use bondhu_core::retry::Failure;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Of, family};
use crate::provider::Provider;

/// How a provider's budget stands.
#[derive(Clone, Copy, Debug)]
pub struct ProviderBudget {
    /// Requests that its present window leaves.
    pub requests_left: i64,
    /// Unix time, in seconds, until which the provider is stopped for everybody; 0 when it is not.
    pub blocked_until: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    provider: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lost {
    provider: &'static str,
    resource: &'static str,
    field: &'static str,
}

/// What providers are asked, and answer.
#[derive(Debug)]
pub struct ProviderMetrics {
    requests: Family<Answered, Counter>,
    fields_lost: Family<Lost, Counter>,
    requests_left: Family<Of, Gauge>,
    blocked_until: Family<Of, Gauge>,
}

impl ProviderMetrics {
    pub(super) fn register(to: &mut Registry) -> Self {
        Self {
            requests: family(
                to,
                "provider_requests",
                "Pages asked for, by outcome: ok or the failure's code",
            ),
            fields_lost: family(
                to,
                "provider_fields_lost",
                "Fields of items that could not be read, or items for want of them",
            ),
            requests_left: family(
                to,
                "provider_requests_left",
                "Requests that the present window of the provider's budget leaves",
            ),
            blocked_until: family(
                to,
                "provider_blocked_until_timestamp_seconds",
                "Unix time until which the provider is stopped for everybody, or 0",
            ),
        }
    }

    /// A page was asked for.
    pub fn answered(&self, provider: Provider, failure: Option<Failure>) {
        let answered = Answered {
            provider: provider.name(),
            outcome: failure.map_or("ok", Failure::code),
        };
        self.requests.get_or_create(&answered).inc();
    }

    /// A field of a resource's items could not be read so many times.
    pub fn field_lost(
        &self,
        provider: Provider,
        resource: &'static str,
        field: &'static str,
        times: u64,
    ) {
        let lost = Lost {
            provider: provider.name(),
            resource,
            field,
        };
        self.fields_lost.get_or_create(&lost).inc_by(times);
    }

    /// How a provider's budget stands now.
    pub fn budget(&self, provider: Provider, budget: ProviderBudget) {
        let of = Of::from(provider);
        let left = self.requests_left.get_or_create(&of);
        left.set(budget.requests_left);
        let until = self.blocked_until.get_or_create(&of);
        until.set(budget.blocked_until);
    }
}
