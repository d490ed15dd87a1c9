
export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

export type Database = {
  
  "public": {
          Tables: {
            "assessments": {
                  Row: {
                    "agreeableness": number | null,"answers": NonNullable<Json>,"completed_at": string | null,"conscientiousness": number | null,"extraversion": number | null,"form": string,"id": string,"neuroticism": number | null,"openness": number | null,"started_at": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "agreeableness"?: number | null,"answers"?: NonNullable<Json>,"completed_at"?: string | null,"conscientiousness"?: number | null,"extraversion"?: number | null,"form": string,"id"?: string,"neuroticism"?: number | null,"openness"?: number | null,"started_at"?: string,"user_id": string
                  }
                  Update: {
                    "agreeableness"?: number | null,"answers"?: NonNullable<Json>,"completed_at"?: string | null,"conscientiousness"?: number | null,"extraversion"?: number | null,"form"?: string,"id"?: string,"neuroticism"?: number | null,"openness"?: number | null,"started_at"?: string,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"chat_messages": {
                  Row: {
                    "corrected_mood": string | null,"corrected_sentiment": number | null,"counts": boolean,"created_at": string,"engine_version": number | null,"id": string,"message_text": string,"mood_detected": string | null,"sender_type": string,"sentiment_score": number | null,"seq": number,"session_id": string | null,"support_level": string | null,"updated_at": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "corrected_mood"?: string | null,"corrected_sentiment"?: number | null,"counts"?: boolean,"created_at"?: string,"engine_version"?: number | null,"id"?: string,"message_text": string,"mood_detected"?: string | null,"sender_type"?: string,"sentiment_score"?: number | null,"seq"?: never,"session_id"?: string | null,"support_level"?: string | null,"updated_at"?: string,"user_id"?: string
                  }
                  Update: {
                    "corrected_mood"?: string | null,"corrected_sentiment"?: number | null,"counts"?: boolean,"created_at"?: string,"engine_version"?: number | null,"id"?: string,"message_text"?: string,"mood_detected"?: string | null,"sender_type"?: string,"sentiment_score"?: number | null,"seq"?: never,"session_id"?: string | null,"support_level"?: string | null,"updated_at"?: string,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"companion_profiles": {
                  Row: {
                    "chat_retention_days": number | null,"created_at": string,"display_name": string | null,"locale": string | null,"onboarding_state": string,"time_zone": string,"updated_at": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "chat_retention_days"?: number | null,"created_at"?: string,"display_name"?: string | null,"locale"?: string | null,"onboarding_state"?: string,"time_zone"?: string,"updated_at"?: string,"user_id"?: string
                  }
                  Update: {
                    "chat_retention_days"?: number | null,"created_at"?: string,"display_name"?: string | null,"locale"?: string | null,"onboarding_state"?: string,"time_zone"?: string,"updated_at"?: string,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"consents": {
                  Row: {
                    "decided_at": string,"is_given": boolean,"purpose": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "decided_at"?: string,"is_given": boolean,"purpose": string,"user_id": string
                  }
                  Update: {
                    "decided_at"?: string,"is_given"?: boolean,"purpose"?: string,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"erasures": {
                  Row: {
                    "finished_at": string | null,"id": string,"remains": NonNullable<Json>,"requested_at": string,"rows_erased": NonNullable<Json>,"up_to_seq": number,"user_id": string,"with_account": boolean
                  }
                  ComputedFields: never
                  Insert: {
                    "finished_at"?: string | null,"id"?: string,"remains"?: NonNullable<Json>,"requested_at"?: string,"rows_erased": NonNullable<Json>,"up_to_seq": number,"user_id": string,"with_account": boolean
                  }
                  Update: {
                    "finished_at"?: string | null,"id"?: string,"remains"?: NonNullable<Json>,"requested_at"?: string,"rows_erased"?: NonNullable<Json>,"up_to_seq"?: number,"user_id"?: string,"with_account"?: boolean
                  }
                  Relationships: [
                    
                  ]
                },"listening_gaps": {
                  Row: {
                    "after_play": string,"before_play": string,"found_at": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "after_play": string,"before_play": string,"found_at"?: string,"user_id": string
                  }
                  Update: {
                    "after_play"?: string,"before_play"?: string,"found_at"?: string,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"listening_history": {
                  Row: {
                    "artist_names": (string)[],"context_uri": string | null,"duration_ms": number | null,"fetched_at": string,"isrc": string | null,"played_at": string,"track_id": string,"track_name": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "artist_names"?: (string)[],"context_uri"?: string | null,"duration_ms"?: number | null,"fetched_at"?: string,"isrc"?: string | null,"played_at": string,"track_id": string,"track_name": string,"user_id": string
                  }
                  Update: {
                    "artist_names"?: (string)[],"context_uri"?: string | null,"duration_ms"?: number | null,"fetched_at"?: string,"isrc"?: string | null,"played_at"?: string,"track_id"?: string,"track_name"?: string,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"memories": {
                  Row: {
                    "category": string,"confidence": number,"corrected_at": string | null,"created_at": string,"holds_from": string | null,"holds_until": string | null,"id": string,"memory_text": string,"replaces": string | null,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "category": string,"confidence": number,"corrected_at"?: string | null,"created_at"?: string,"holds_from"?: string | null,"holds_until"?: string | null,"id"?: string,"memory_text": string,"replaces"?: string | null,"user_id": string
                  }
                  Update: {
                    "category"?: string,"confidence"?: number,"corrected_at"?: string | null,"created_at"?: string,"holds_from"?: string | null,"holds_until"?: string | null,"id"?: string,"memory_text"?: string,"replaces"?: string | null,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"memory_evidence": {
                  Row: {
                    "memory_id": string,"message_id": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "memory_id": string,"message_id": string,"user_id": string
                  }
                  Update: {
                    "memory_id"?: string,"message_id"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "memory_evidence_memory_fkey"
      columns: ["user_id","memory_id"]
isOneToOne: false
      referencedRelation: "memories"
      referencedColumns: ["user_id","id"]
    }
                  ]
                },"music_library": {
                  Row: {
                    "added_at": string | null,"artist_names": (string)[],"fetched_at": string,"genres": (string)[] | null,"isrc": string | null,"item_id": string,"kind": string,"name": string,"user_id": string,"walk_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "added_at"?: string | null,"artist_names"?: (string)[],"fetched_at"?: string,"genres"?: (string)[] | null,"isrc"?: string | null,"item_id": string,"kind": string,"name": string,"user_id": string,"walk_id": string
                  }
                  Update: {
                    "added_at"?: string | null,"artist_names"?: (string)[],"fetched_at"?: string,"genres"?: (string)[] | null,"isrc"?: string | null,"item_id"?: string,"kind"?: string,"name"?: string,"user_id"?: string,"walk_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"music_playlist_items": {
                  Row: {
                    "added_at": string | null,"artist_names": (string)[],"fetched_at": string,"isrc": string | null,"name": string,"playlist_id": string,"position": number,"track_id": string,"user_id": string,"walk_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "added_at"?: string | null,"artist_names"?: (string)[],"fetched_at"?: string,"isrc"?: string | null,"name": string,"playlist_id": string,"position": number,"track_id": string,"user_id": string,"walk_id": string
                  }
                  Update: {
                    "added_at"?: string | null,"artist_names"?: (string)[],"fetched_at"?: string,"isrc"?: string | null,"name"?: string,"playlist_id"?: string,"position"?: number,"track_id"?: string,"user_id"?: string,"walk_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "music_playlist_items_playlist_fkey"
      columns: ["user_id","playlist_id"]
isOneToOne: false
      referencedRelation: "music_playlists"
      referencedColumns: ["user_id","playlist_id"]
    }
                  ]
                },"music_playlists": {
                  Row: {
                    "collaborative": boolean,"fetched_at": string,"item_count": number | null,"items_snapshot_id": string | null,"name": string | null,"owner_id": string | null,"playlist_id": string,"snapshot_id": string | null,"user_id": string,"walk_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "collaborative"?: boolean,"fetched_at"?: string,"item_count"?: number | null,"items_snapshot_id"?: string | null,"name"?: string | null,"owner_id"?: string | null,"playlist_id": string,"snapshot_id"?: string | null,"user_id": string,"walk_id": string
                  }
                  Update: {
                    "collaborative"?: boolean,"fetched_at"?: string,"item_count"?: number | null,"items_snapshot_id"?: string | null,"name"?: string | null,"owner_id"?: string | null,"playlist_id"?: string,"snapshot_id"?: string | null,"user_id"?: string,"walk_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"music_preferences": {
                  Row: {
                    "computed_at": string,"diversity": number | null,"mood_profile": Json | null,"play_count": number,"plays_by_hour": (number)[],"plays_by_weekday": (number)[],"provider": string,"recently_played": NonNullable<Json>,"top_artists": NonNullable<Json>,"top_genres": NonNullable<Json>,"trait_evidence": Json | null,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "computed_at": string,"diversity"?: number | null,"mood_profile"?: Json | null,"play_count": number,"plays_by_hour": (number)[],"plays_by_weekday": (number)[],"provider": string,"recently_played": NonNullable<Json>,"top_artists": NonNullable<Json>,"top_genres": NonNullable<Json>,"trait_evidence"?: Json | null,"user_id": string
                  }
                  Update: {
                    "computed_at"?: string,"diversity"?: number | null,"mood_profile"?: Json | null,"play_count"?: number,"plays_by_hour"?: (number)[],"plays_by_weekday"?: (number)[],"provider"?: string,"recently_played"?: NonNullable<Json>,"top_artists"?: NonNullable<Json>,"top_genres"?: NonNullable<Json>,"trait_evidence"?: Json | null,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"music_top_items": {
                  Row: {
                    "artist_names": (string)[],"fetched_at": string,"genres": (string)[] | null,"isrc": string | null,"item_id": string,"kind": string,"name": string,"rank": number,"time_range": string,"user_id": string,"walk_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "artist_names"?: (string)[],"fetched_at"?: string,"genres"?: (string)[] | null,"isrc"?: string | null,"item_id": string,"kind": string,"name": string,"rank": number,"time_range": string,"user_id": string,"walk_id": string
                  }
                  Update: {
                    "artist_names"?: (string)[],"fetched_at"?: string,"genres"?: (string)[] | null,"isrc"?: string | null,"item_id"?: string,"kind"?: string,"name"?: string,"rank"?: number,"time_range"?: string,"user_id"?: string,"walk_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"personality_history": {
                  Row: {
                    "after": NonNullable<Json>,"before": NonNullable<Json>,"changed_at": string,"id": string,"message_count": number,"user_id": string,"window_end": string,"window_start": string
                  }
                  ComputedFields: never
                  Insert: {
                    "after": NonNullable<Json>,"before": NonNullable<Json>,"changed_at": string,"id"?: string,"message_count": number,"user_id": string,"window_end": string,"window_start": string
                  }
                  Update: {
                    "after"?: NonNullable<Json>,"before"?: NonNullable<Json>,"changed_at"?: string,"id"?: string,"message_count"?: number,"user_id"?: string,"window_end"?: string,"window_start"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "personality_history_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "personality_profiles"
      referencedColumns: ["user_id"]
    }
                  ]
                },"personality_history_evidence": {
                  Row: {
                    "history_id": string,"message_id": string,"user_id": string,"weight": number
                  }
                  ComputedFields: never
                  Insert: {
                    "history_id": string,"message_id": string,"user_id": string,"weight": number
                  }
                  Update: {
                    "history_id"?: string,"message_id"?: string,"user_id"?: string,"weight"?: number
                  }
                  Relationships: [
                    {
      foreignKeyName: "evidence_history_fkey"
      columns: ["user_id","history_id"]
isOneToOne: false
      referencedRelation: "personality_history"
      referencedColumns: ["user_id","id"]
    }
                  ]
                },"personality_profiles": {
                  Row: {
                    "agreeableness": number,"as_of": string,"baseline_traits": (number)[],"communication_style": string,"conscientiousness": number,"data_status": string,"dominant_mood": string | null,"emotional_stability": string | null,"extraversion": number,"landmark_style": string,"landmark_traits": (number)[],"last_crisis_at": string | null,"mean_sentiment": number | null,"message_count": number,"needs_support": boolean,"neuroticism": number,"openness": number,"previous_count": number,"previous_oldest": string | null,"previous_sum": number,"sentiment_trend": string | null,"sentiment_volatility": number | null,"settings_version": number,"trait_confidence": number,"trait_count": number,"trait_moods": (number)[],"trait_sum": number,"trait_sum_squares": number,"user_id": string,"window_hours": number,"window_latest": (string)[],"window_moods": (number)[],"window_oldest": string | null,"window_sum": number,"window_sum_squares": number
                  }
                  ComputedFields: never
                  Insert: {
                    "agreeableness"?: number,"as_of": string,"baseline_traits"?: (number)[],"communication_style"?: string,"conscientiousness"?: number,"data_status"?: string,"dominant_mood"?: string | null,"emotional_stability"?: string | null,"extraversion"?: number,"landmark_style"?: string,"landmark_traits"?: (number)[],"last_crisis_at"?: string | null,"mean_sentiment"?: number | null,"message_count"?: number,"needs_support"?: boolean,"neuroticism"?: number,"openness"?: number,"previous_count"?: number,"previous_oldest"?: string | null,"previous_sum"?: number,"sentiment_trend"?: string | null,"sentiment_volatility"?: number | null,"settings_version"?: number,"trait_confidence"?: number,"trait_count"?: number,"trait_moods"?: (number)[],"trait_sum"?: number,"trait_sum_squares"?: number,"user_id": string,"window_hours": number,"window_latest"?: (string)[],"window_moods"?: (number)[],"window_oldest"?: string | null,"window_sum"?: number,"window_sum_squares"?: number
                  }
                  Update: {
                    "agreeableness"?: number,"as_of"?: string,"baseline_traits"?: (number)[],"communication_style"?: string,"conscientiousness"?: number,"data_status"?: string,"dominant_mood"?: string | null,"emotional_stability"?: string | null,"extraversion"?: number,"landmark_style"?: string,"landmark_traits"?: (number)[],"last_crisis_at"?: string | null,"mean_sentiment"?: number | null,"message_count"?: number,"needs_support"?: boolean,"neuroticism"?: number,"openness"?: number,"previous_count"?: number,"previous_oldest"?: string | null,"previous_sum"?: number,"sentiment_trend"?: string | null,"sentiment_volatility"?: number | null,"settings_version"?: number,"trait_confidence"?: number,"trait_count"?: number,"trait_moods"?: (number)[],"trait_sum"?: number,"trait_sum_squares"?: number,"user_id"?: string,"window_hours"?: number,"window_latest"?: (string)[],"window_moods"?: (number)[],"window_oldest"?: string | null,"window_sum"?: number,"window_sum_squares"?: number
                  }
                  Relationships: [
                    
                  ]
                },"provider_connections": {
                  Row: {
                    "account_id": string | null,"account_name": string | null,"connected_at": string | null,"last_error": string | null,"last_error_code": string | null,"last_sync_at": string | null,"missing": (string)[],"next_sync_at": string | null,"provider": string,"scopes": (string)[],"status": string,"updated_at": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "account_id"?: string | null,"account_name"?: string | null,"connected_at"?: string | null,"last_error"?: string | null,"last_error_code"?: string | null,"last_sync_at"?: string | null,"missing"?: (string)[],"next_sync_at"?: string | null,"provider": string,"scopes"?: (string)[],"status"?: string,"updated_at"?: string,"user_id": string
                  }
                  Update: {
                    "account_id"?: string | null,"account_name"?: string | null,"connected_at"?: string | null,"last_error"?: string | null,"last_error_code"?: string | null,"last_sync_at"?: string | null,"missing"?: (string)[],"next_sync_at"?: string | null,"provider"?: string,"scopes"?: (string)[],"status"?: string,"updated_at"?: string,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"recommendation_feedback": {
                  Row: {
                    "feedback": string,"given_at": string,"item_id": string,"kind": string,"maker": string | null,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "feedback": string,"given_at"?: string,"item_id": string,"kind": string,"maker"?: string | null,"user_id": string
                  }
                  Update: {
                    "feedback"?: string,"given_at"?: string,"item_id"?: string,"kind"?: string,"maker"?: string | null,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"sentiment_buckets": {
                  Row: {
                    "angry": number,"anxious": number,"bucket_start": string,"calm": number,"curious": number,"disgust": number,"grateful": number,"joy": number,"lonely": number,"love": number,"message_count": number,"neutral": number,"sad": number,"score_sum": number,"score_sum_squares": number,"surprise": number,"tired": number,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "angry": number,"anxious": number,"bucket_start": string,"calm": number,"curious": number,"disgust": number,"grateful": number,"joy": number,"lonely": number,"love": number,"message_count": number,"neutral": number,"sad": number,"score_sum": number,"score_sum_squares": number,"surprise": number,"tired": number,"user_id": string
                  }
                  Update: {
                    "angry"?: number,"anxious"?: number,"bucket_start"?: string,"calm"?: number,"curious"?: number,"disgust"?: number,"grateful"?: number,"joy"?: number,"lonely"?: number,"love"?: number,"message_count"?: number,"neutral"?: number,"sad"?: number,"score_sum"?: number,"score_sum_squares"?: number,"surprise"?: number,"tired"?: number,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "sentiment_buckets_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "personality_profiles"
      referencedColumns: ["user_id"]
    }
                  ]
                },"session_activities": {
                  Row: {
                    "activity": string,"details": NonNullable<Json>,"id": string,"occurred_at": string,"session_id": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "activity": string,"details"?: NonNullable<Json>,"id"?: string,"occurred_at"?: string,"session_id": string,"user_id": string
                  }
                  Update: {
                    "activity"?: string,"details"?: NonNullable<Json>,"id"?: string,"occurred_at"?: string,"session_id"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "session_activities_session_fkey"
      columns: ["user_id","session_id"]
isOneToOne: false
      referencedRelation: "user_sessions"
      referencedColumns: ["user_id","id"]
    }
                  ]
                },"user_sessions": {
                  Row: {
                    "activity_count": number,"check_idle_at": string,"device_id": string,"end_reason": string | null,"ended_at": string | null,"id": string,"is_learnt_from": boolean,"last_seen_at": string,"started_at": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "activity_count"?: number,"check_idle_at"?: string,"device_id": string,"end_reason"?: string | null,"ended_at"?: string | null,"id"?: string,"is_learnt_from"?: boolean,"last_seen_at"?: string,"started_at"?: string,"user_id": string
                  }
                  Update: {
                    "activity_count"?: number,"check_idle_at"?: string,"device_id"?: string,"end_reason"?: string | null,"ended_at"?: string | null,"id"?: string,"is_learnt_from"?: boolean,"last_seen_at"?: string,"started_at"?: string,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"video_likes": {
                  Row: {
                    "category_id": string | null,"channel_id": string | null,"channel_title": string | null,"fetched_at": string,"published_at": string | null,"title": string | null,"topics": (string)[],"user_id": string,"video_id": string,"walk_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "category_id"?: string | null,"channel_id"?: string | null,"channel_title"?: string | null,"fetched_at"?: string,"published_at"?: string | null,"title"?: string | null,"topics"?: (string)[],"user_id": string,"video_id": string,"walk_id": string
                  }
                  Update: {
                    "category_id"?: string | null,"channel_id"?: string | null,"channel_title"?: string | null,"fetched_at"?: string,"published_at"?: string | null,"title"?: string | null,"topics"?: (string)[],"user_id"?: string,"video_id"?: string,"walk_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"video_playlist_items": {
                  Row: {
                    "category_id": string | null,"channel_id": string | null,"channel_title": string | null,"details_at": string | null,"fetched_at": string,"item_id": string,"playlist_id": string,"published_at": string | null,"title": string | null,"topics": (string)[] | null,"user_id": string,"video_id": string,"walk_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "category_id"?: string | null,"channel_id"?: string | null,"channel_title"?: string | null,"details_at"?: string | null,"fetched_at"?: string,"item_id": string,"playlist_id": string,"published_at"?: string | null,"title"?: string | null,"topics"?: (string)[] | null,"user_id": string,"video_id": string,"walk_id": string
                  }
                  Update: {
                    "category_id"?: string | null,"channel_id"?: string | null,"channel_title"?: string | null,"details_at"?: string | null,"fetched_at"?: string,"item_id"?: string,"playlist_id"?: string,"published_at"?: string | null,"title"?: string | null,"topics"?: (string)[] | null,"user_id"?: string,"video_id"?: string,"walk_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "video_playlist_items_playlist_fkey"
      columns: ["user_id","playlist_id"]
isOneToOne: false
      referencedRelation: "video_playlists"
      referencedColumns: ["user_id","playlist_id"]
    }
                  ]
                },"video_playlists": {
                  Row: {
                    "fetched_at": string,"item_count": number | null,"playlist_id": string,"title": string | null,"user_id": string,"walk_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "fetched_at"?: string,"item_count"?: number | null,"playlist_id": string,"title"?: string | null,"user_id": string,"walk_id": string
                  }
                  Update: {
                    "fetched_at"?: string,"item_count"?: number | null,"playlist_id"?: string,"title"?: string | null,"user_id"?: string,"walk_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"video_preferences": {
                  Row: {
                    "computed_at": string,"like_count": number,"playlist_count": number,"recent_channels": NonNullable<Json>,"subscription_count": number,"top_categories": NonNullable<Json>,"top_channels": NonNullable<Json>,"top_topics": NonNullable<Json>,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "computed_at": string,"like_count": number,"playlist_count": number,"recent_channels": NonNullable<Json>,"subscription_count": number,"top_categories": NonNullable<Json>,"top_channels": NonNullable<Json>,"top_topics": NonNullable<Json>,"user_id": string
                  }
                  Update: {
                    "computed_at"?: string,"like_count"?: number,"playlist_count"?: number,"recent_channels"?: NonNullable<Json>,"subscription_count"?: number,"top_categories"?: NonNullable<Json>,"top_channels"?: NonNullable<Json>,"top_topics"?: NonNullable<Json>,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"video_subscriptions": {
                  Row: {
                    "channel_id": string,"fetched_at": string,"subscribed_at": string | null,"title": string | null,"topics": (string)[] | null,"topics_at": string | null,"user_id": string,"walk_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "channel_id": string,"fetched_at"?: string,"subscribed_at"?: string | null,"title"?: string | null,"topics"?: (string)[] | null,"topics_at"?: string | null,"user_id": string,"walk_id": string
                  }
                  Update: {
                    "channel_id"?: string,"fetched_at"?: string,"subscribed_at"?: string | null,"title"?: string | null,"topics"?: (string)[] | null,"topics_at"?: string | null,"user_id"?: string,"walk_id"?: string
                  }
                  Relationships: [
                    
                  ]
                }
          }
          Views: {
            [_ in never]: never
          }
          Functions: {
            "assessment_items":
{ Args: { "form"?: string,"locale"?: string }; Returns: {
              "id": string,"is_validated": boolean,"item_locale": string,"item_text": string,"place": number
            }[]
                           },
"begin_connect":
{ Args: { "provider": string,"return_to": string }; Returns: string
                           },
"chat_history":
{ Args: { "before_created_at"?: string,"before_cursor"?: string,"before_seq"?: number,"page_size"?: number }; Returns: {
              "created_at": string,"cursor": string,"engine_version": number,"id": string,"message_text": string,"mood_detected": string,"sender_type": string,"sentiment_score": number,"seq": number,"session_id": string,"support_level": string,"updated_at": string,"user_id": string
            }[]
                           },
"claim_reply":
{ Args: { "message_id": string,"prompt_tokens": number,"user_id": string }; Returns: Json
                           },
"commit_position":
{ Args: Record<PropertyKey, never>; Returns: string
                           },
"companion":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"confirm_connect":
{ Args: { "code": string }; Returns: string
                           },
"correct_message":
{ Args: { "message_id": string,"mood"?: string,"sentiment"?: number }; Returns: undefined
                           },
"dashboard":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"disconnect":
{ Args: { "provider": string }; Returns: undefined
                           },
"end_session":
{ Args: { "session_id": string }; Returns: undefined
                           },
"erase_my_data":
{ Args: { "confirm": boolean,"with_account"?: boolean }; Returns: Json
                           },
"explain_message":
{ Args: { "message_id": string }; Returns: {
              "figure": string,"part": string,"weight": number
            }[]
                           },
"export_my_data":
{ Args: { "cursor"?: string,"max_rows"?: number }; Returns: Json
                           },
"finish_reply":
{ Args: { "finish_reason": string,"input_tokens": number,"is_cut": boolean,"lease": string,"message_id": string,"model": string,"output_tokens": number,"provider": string,"reply_text": string,"user_id": string }; Returns: Json
                           },
"hot_document":
{ Args: { "document": string }; Returns: Json
                           },
"listening_stats":
{ Args: { "since"?: string,"until"?: string }; Returns: {
              "artists": number,"gaps": number,"listened_ms": number,"plays": number,"plays_by_hour": (number)[],"plays_by_weekday": (number)[],"tracks": number
            }[]
                           },
"log_activity":
{ Args: { "activity": string,"details"?: Json,"session_id": string }; Returns: string
                           },
"memory_task":
{ Args: { "user_id": string }; Returns: Json
                           },
"mood_mix":
{ Args: { "since"?: string,"until"?: string }; Returns: {
              "message_count": number,"mood": string,"share": number
            }[]
                           },
"mood_patterns":
{ Args: Record<PropertyKey, never>; Returns: {
              "current_streak": number,"hour_counts": (number)[],"hour_means": (number)[],"inertia": number,"longest_streak": number,"time_zone": string,"weekday_counts": (number)[],"weekday_means": (number)[]
            }[]
                           },
"mood_trend":
{ Args: { "bucket"?: string,"since"?: string,"until"?: string }; Returns: {
              "bucket_start": string,"mean_sentiment": number,"message_count": number,"sentiment_volatility": number
            }[]
                           },
"my_consents":
{ Args: Record<PropertyKey, never>; Returns: {
              "decided_at": string,"is_given": boolean,"purpose": string
            }[]
                           },
"personality_context":
{ Args: { "as_of"?: string }; Returns: Json
                           },
"personality_evolution":
{ Args: { "since"?: string,"trait": string,"until"?: string }; Returns: {
              "after": number,"before": number,"changed_at": string,"message_count": number,"message_ids": (string)[]
            }[]
                           },
"rate_recommendation":
{ Args: { "feedback"?: string,"item_id": string,"kind": string }; Returns: undefined
                           },
"recall":
{ Args: { "max_rows"?: number,"query_text": string }; Returns: {
              "category": string,"confidence": number,"created_at": string,"holds_from": string,"holds_until": string,"id": string,"memory_text": string,"relevance": number
            }[]
                           },
"recently_played":
{ Args: { "before"?: string,"before_cursor"?: string,"max_rows"?: number }; Returns: {
              "artist_names": (string)[],"cursor": string,"duration_ms": number,"played_at": string,"track_id": string,"track_name": string
            }[]
                           },
"recommendations":
{ Args: { "kind": string,"max_rows"?: number }; Returns: Json
                           },
"release_reply":
{ Args: { "lease": string,"message_id": string,"used_tokens": number,"user_id": string }; Returns: undefined
                           },
"request_sync":
{ Args: { "provider": string }; Returns: string
                           },
"reset_recommendations":
{ Args: { "kind"?: string }; Returns: undefined
                           },
"set_consent":
{ Args: { "forget"?: boolean,"is_given": boolean,"purpose": string }; Returns: undefined
                           },
"start_session":
{ Args: { "device_id": string,"is_learnt_from"?: boolean }; Returns: string
                           },
"store_memories":
{ Args: { "lease": string,"memories": Json,"messages": Json,"used_tokens": number,"user_id": string }; Returns: number
                           },
"submit_assessment":
{ Args: { "answers": Json,"form": string }; Returns: Json
                           },
"top_genres":
{ Args: { "max_rows"?: number }; Returns: {
              "genre": string,"source": string,"weight": number
            }[]
                           },
"touch_session":
{ Args: { "session_id": string }; Returns: undefined
                           },
"trending":
{ Args: { "kind": string,"region"?: string }; Returns: Json
                           },
"watching_stats":
{ Args: Record<PropertyKey, never>; Returns: {
              "computed_at": string,"likes": number,"playlists": number,"recent_channels": Json,"subscriptions": number,"top_categories": Json,"top_topics": Json
            }[]
                           },
"wellness_card":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"wellness_history":
{ Args: { "since"?: string,"until"?: string }; Returns: {
              "active_days": number,"day": string,"engagement": number,"mean": number,"message_count": number,"score": number,"stability": number,"trend": number
            }[]
                           }
          }
          Enums: {
            [_ in never]: never
          }
          CompositeTypes: {
            [_ in never]: never
          }
        }
}

type DatabaseWithoutInternals = Omit<Database, '__InternalSupabase'>

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">]

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
        DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
      DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])[TableName] extends {
      Row: infer R
    }
    ? R
    : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
  ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
      Row: infer R
    }
    ? R
    : never
  : never

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Insert: infer I
    }
    ? I
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Insert: infer I
    }
    ? I
    : never
  : never

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Update: infer U
    }
    ? U
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Update: infer U
    }
    ? U
    : never
  : never

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
  ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
  : never

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
  ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
  : never

export const Constants = {
  "public": {
          Enums: {
            
          }
        }
} as const
