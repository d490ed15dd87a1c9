// Made from the lists of core by bondhu-wasm-pack.

/** A mood, as in `chat_messages.mood_detected`. */
export type Mood = 'angry' | 'anxious' | 'calm' | 'curious' | 'disgust' | 'grateful' | 'joy' | 'lonely' | 'love' | 'neutral' | 'sad' | 'surprise' | 'tired'

/** What the support detector saw, as in `chat_messages.support_level`. Not a diagnosis. */
export type SupportLevel = 'none' | 'support' | 'crisis'

/** How the companion should speak. */
export type CommunicationStyle = 'empathetic_supportive' | 'balanced' | 'enthusiastic_energetic'

/** Whether the mood swings. */
export type EmotionalStability = 'stable' | 'variable'

/** Where the mean went against the window before. */
export type Trend = 'rising' | 'falling' | 'steady'

/** A document that the mirror keeps in Redis. */
export type DocumentName = 'personality_context' | 'personality_sentiment' | 'chat_history' | 'music_profile' | 'music_spotify' | 'video_youtube' | 'recommendations' | 'session_active'

/** Why what Redis holds is not served. */
export type MissReason = 'no_watermark' | 'watermark_old' | 'watermark_ahead' | 'no_value' | 'other_epoch' | 'version_ahead' | 'instant_ahead' | 'other_settings' | 'expired' | 'apart' | 'behind'

/** Why a reply is not sent to somebody in danger: it speaks of a way to do harm, or promises to tell nobody. */
export type ReplyFault = 'method' | 'secrecy'
