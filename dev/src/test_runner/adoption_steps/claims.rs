//! What holds of an adopted database: the queries of `claims.sql`, and that no token is in clear.

use anyhow::{Context, Result, ensure};

use super::app::{App, fixture};

/// How many contradictions a failed claim shows.
const SHOWN: usize = 5;

/// How a claim begins in `claims.sql`.
const CLAIM: &str = "-- claim: ";

/// How each token of the app begins, as text and as Postgres writes bytes.
const IN_CLEAR: &str = "not-sealed-|6e6f742d7365616c65642d";

/// Holds every claim of `claims.sql` against the database.
pub(super) async fn hold(app: &mut App) -> Result<()> {
    let file = fixture("claims.sql")?;
    let claims: Vec<_> = file
        .text
        .split(CLAIM)
        .skip(1)
        .filter_map(|claim| claim.split_once('\n'))
        .collect();
    ensure!(claims.len() > 10, "claims.sql has {} claims", claims.len());
    for (claim, contradictions) in claims {
        let found: Vec<String> = sqlx::query_scalar(contradictions)
            .fetch_all(&mut app.database)
            .await
            .with_context(|| claim.to_owned())?;
        ensure!(
            found.is_empty(),
            "it does not hold that {claim}: {} contradict it\n  {}",
            found.len(),
            found[..found.len().min(SHOWN)].join("\n  ")
        );
        app.passed += 1;
    }
    no_token_in_clear(app).await
}

/// No table of Bondhu's has a token that can be read; `profiles` and `before_bondhu` are the app's.
async fn no_token_in_clear(app: &mut App) -> Result<()> {
    let relations: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', n.nspname, c.relname) \
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
         where c.relkind = 'r' and n.nspname in ('public', 'bondhu', 'bondhu_portable') \
           and c.oid <> 'public.profiles'::regclass order by 1",
    )
    .fetch_all(&mut app.database)
    .await?;
    ensure!(
        relations.len() > 20,
        "only {relations:?} are looked through"
    );
    for relation in relations {
        let found = app
            .count(&format!(
                "select count(*) from {relation} t where t::text ~ '{IN_CLEAR}'"
            ))
            .await?;
        ensure!(found == 0, "{relation}: {found} rows have a token in clear");
    }
    app.passed += 1;
    Ok(())
}
