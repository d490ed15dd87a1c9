-- YouTube's public chart of a region: nobody's own, and fetched once for everybody in it.

create table bondhu.video_charts (
  region text primary key,
  videos jsonb not null default '[]',
  fetched_at timestamptz,
  ask_again_at timestamptz not null,

  constraint region_is_two_letters check (region ~ '^[A-Z]{2}$'),
  constraint videos_are_one_page check (case jsonb_typeof(videos) when 'array' then jsonb_array_length(videos) <= 50 else false end)
);
comment on table bondhu.video_charts is
  'YouTube''s most popular videos by region (ISO 3166-1 alpha-2), one page each, kept at most settings.video_retention_days.';
comment on column bondhu.video_charts.videos is
  'By rank: rank, video_id, title, channel_id, channel_title, category_id, published_at. Empty where YouTube has none of the region.';
comment on column bondhu.video_charts.fetched_at is 'When YouTube sent these videos, or said first that it has none; null: it has not answered yet.';
comment on column bondhu.video_charts.ask_again_at is
  'Nobody asks YouTube before: 6 hours after its answer, 5 minutes after a pull has begun to ask, so that of many one does.';

revoke all on bondhu.video_charts from public, anon, authenticated, service_role;
grant select, insert, update, delete on bondhu.video_charts to bondhu_worker;
