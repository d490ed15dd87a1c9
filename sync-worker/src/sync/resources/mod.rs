//! What is pulled: a provider's resources, each described once.

mod spotify;
mod youtube;

use super::resource::Resource;
use crate::provider::Provider;

/// What a provider has, in the order in which it is walked.
pub(super) fn of(provider: Provider) -> &'static [&'static Resource] {
    match provider {
        Provider::Spotify => &spotify::RESOURCES,
        Provider::YouTube => &youtube::RESOURCES,
    }
}

/// The resource of a name.
pub(super) fn named(name: &str) -> Option<&'static Resource> {
    let all = Provider::ALL.into_iter().flat_map(of);
    all.copied().find(|resource| resource.name == name)
}

/// The scopes that the pulls of a provider need, each once.
pub(crate) fn scopes(provider: Provider) -> Vec<&'static str> {
    let mut scopes = Vec::new();
    for scope in of(provider).iter().flat_map(|resource| resource.scopes) {
        if !scopes.contains(scope) {
            scopes.push(*scope);
        }
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::{Provider, named, of};

    #[test]
    fn every_resource_is_found_by_its_name_and_belongs_to_the_provider_that_has_it() {
        for provider in Provider::ALL {
            for &resource in of(provider) {
                let found = named(resource.name).unwrap();
                assert!(
                    std::ptr::eq(found, resource),
                    "{} is there twice",
                    resource.name
                );
                assert_eq!(resource.provider, provider, "{}", resource.name);
                let prefix = format!("{provider}.");
                assert!(resource.name.starts_with(&prefix), "{}", resource.name);
            }
        }
    }
}
