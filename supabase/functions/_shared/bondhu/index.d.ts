import type {
  CommunicationStyle, DocumentName, EmotionalStability, MissReason, Mood, ReplyFault, SupportLevel, Trend,
} from './names.d.ts'

export type * from './names.d.ts'

/**
 * Starts the module, once: later calls get the same promise, and one that failed is tried again.
 *
 * @param from Where the module is, if not where this package has it: an address, the response to a request for it,
 *   its bytes, or what was compiled of them. Only the first call's counts.
 */
export function load(from?: Source | Promise<Source>): Promise<Bondhu>

/** Where the module can come from. */
export type Source = string | URL | Request | Response | ArrayBuffer | ArrayBufferView | WebAssembly.Module

/**
 * The rules, running. Every figure has the digits that Bondhu's database gives.
 *
 * Texts are JavaScript's: a surrogate without its partner is read as U+FFFD, and characters are counted in code points.
 * Functions throw `TypeError` for a value of a wrong type, `RangeError` for one that is too long and `Error` for a
 * name, an id or a figure that there is not; the message says what is right.
 */
export interface Bondhu {
  /** Version of the scorer, as in `chat_messages.engine_version`. */
  readonly engineVersion: number
  /** Every mood, in alphabetical order. */
  readonly moods: readonly Mood[]
  /** Every support level, from nothing to the gravest. */
  readonly supportLevels: readonly SupportLevel[]
  /** Every communication style, by the mean sentiment that it answers to. */
  readonly communicationStyles: readonly CommunicationStyle[]
  /** Both kinds of emotional stability. */
  readonly emotionalStabilities: readonly EmotionalStability[]
  /** Every direction of a trend. */
  readonly trends: readonly Trend[]
  /** Every document that the mirror keeps in Redis. */
  readonly documents: readonly Document[]
  /** The Redis key of the mirror's watermark. */
  readonly watermarkKey: string

  /**
   * Reads a message of at most 8,000 characters, the most that one can have. An empty one is neutral. Takes
   * microseconds, sees nothing but the text, and keeps nothing.
   */
  score(text: string): Score

  /**
   * Scores a message and says why; slower than `score`, which it agrees with.
   *
   * Parts are words as the scorer reads them, in lower case and Latin letters, so there are no offsets: they
   * need not occur in the text.
   */
  explain(text: string): Explanation

  /**
   * What a person's row of `personality_profiles` says of their mood and how to speak with them, from their messages.
   *
   * @param messages At most 86,400, in any order; those that are older than two windows change nothing, except for what is a crisis.
   * @param options `now` is the instant that it is as of, none of the messages is newer; the present if left out.
   *   `settings` are those of `bondhu.settings` that are not what a new installation has.
   */
  style(messages: readonly ScoredMessage[], options?: { now?: Instant, settings?: Settings }): Style

  /**
   * The Redis key of a user's document.
   *
   * @param user Their id, a UUID in any case.
   */
  documentKey(document: DocumentName, user: string): string

  /** The document and the user whose key that is; null for any other key. */
  documentOfKey(key: string): { document: DocumentName, user: string } | null

  /**
   * Whether what Redis holds of a document may be served; if not, ask the worker or Postgres.
   *
   * Get the watermark (`watermarkKey`) before the value (`documentKey`), in one pipeline if you like. Both are the texts
   * that Redis holds, or null: a client that parses JSON by itself has to be told not to.
   */
  judge(document: DocumentName, held: Held): Verdict

  /** What is said in place of a reply that has a fault, or that no model could write, to somebody in danger. */
  readonly safeReply: string

  /** What a language model is asked. Everything that people or other services wrote is data in it: no text ends its fence. */
  prompt(exchange: Exchange): Prompt

  /** What a language model is asked that looks for what a person told; of the task that `memory_task` gives. */
  memoryPrompt(task: MemoryTask): MemoryPrompt

  /**
   * What is kept of its answer, as `store_memories` takes it: what no new message of the person's says, speaks to a reader,
   * holds a secret or is no sentence is left out.
   */
  keptMemories(task: MemoryTask, answer: string): KeptMemories

  /** What keeps a reply of at most 8,000 characters from somebody in danger; null when it may be sent. */
  faultOfReply(text: string): ReplyFault | null

  /**
   * What an app shows to somebody in danger before anything else.
   *
   * @param locale Theirs, such as bn-BD, if it is known.
   */
  helpFor(locale?: string | null): Help

  /** What a model wrote, as a message can hold it; null when nothing visible is left. */
  storableReply(written: string): StorableReply | null
}

/** What a prompt is made of, as the database has it. */
export interface Exchange {
  /** As the function `companion` answers; tokens are estimates that are high rather than low. */
  companion: { name: string, persona: string, history_tokens: number }
  /** The document `personality_context`; null of somebody of whom nothing is known. */
  context?: unknown
  /** What the person told that is worth knowing now, best first: rows of `recall`. */
  memories?: readonly { memory_text: string, holds_from?: string | null, holds_until?: string | null }[]
  /** The conversation, oldest first; its last message is the one to be answered. */
  history: readonly { sender_type: 'user' | 'ai', message_text: string }[]
  /** What the person needs besides an answer: `support` when they have been low, `crisis` when they may be in danger. */
  need?: 'none' | 'support' | 'crisis'
}

/** What a language model is asked. */
export interface Prompt {
  /** Its instructions. */
  system: string
  /** The conversation: it begins and ends with the person, and turns alternate. */
  turns: { role: 'user' | 'model', text: string }[]
  /** Of all of it, high rather than low. */
  estimatedTokens: number
}

/** What is to be looked through, as `memory_task` gives it; days are texts such as 2026-12-31. */
export interface MemoryTask {
  /** The right to look it through. */
  lease: string
  today: string
  /** Oldest first; what `is_new` nobody has looked through. */
  messages: readonly {
    id: string, digest: string, sender_type: 'user' | 'ai', message_text: string, on: string, is_new: boolean
  }[]
  /** What is remembered already. */
  memories: readonly { id: string, memory_text: string, holds_from: string | null, holds_until: string | null }[]
}

/** What a language model is asked about a task. */
export interface MemoryPrompt extends Prompt {
  /** JSON Schema of the answer. */
  schema: unknown
  /** The most that it may answer with, what it thinks included. */
  replyTokens: number
}

/** What is stored of an answer. */
export interface KeptMemories {
  lease: string
  /** The messages that have been looked through. */
  messages: { id: string, digest: string }[]
  memories: Memory[]
}

/** Something that a person told. */
export interface Memory {
  memory_text: string
  category: 'person' | 'place' | 'work' | 'plan' | 'preference' | 'health' | 'other'
  /** 0 to 1. */
  confidence: number
  holds_from: string | null
  holds_until: string | null
  /** The id of the memory that it replaces. */
  replaces: string | null
  /** Of the messages that say so. */
  message_ids: string[]
}

/** What an app shows to somebody in danger. */
export interface Help {
  /** Where helplines are listed by country. */
  url: string
  /** ISO 3166-1 alpha-2, if the locale names one. */
  country: string | null
  /** To be said in the app's own words, or in these. */
  text: string
}

/** A reply that can be stored. */
export interface StorableReply {
  text: string
  /** Something of the end is missing: it was too long for a message. */
  isCut: boolean
  /** Of the text, high rather than low. */
  estimatedTokens: number
}

/** How a message is read. */
export interface Score {
  /** 0 (bad), 0.5 (neutral) to 1 (good), in hundredths, as in `chat_messages.sentiment_score`. */
  sentiment: number
  /** The mood, as in `chat_messages.mood_detected`. */
  mood: Mood
  /** How clearly the mood shows, 0 to 1 in hundredths. Not a probability. */
  moodConfidence: number
  /** What the support detector saw. Not a diagnosis. */
  support: SupportLevel
}

/** Why a message is read so. */
export interface Explanation {
  /** What is explained. */
  score: Score
  /** What moved the sentiment, towards good above 0, strongest first. */
  sentiment: Part[]
  /** What spoke for the mood of the score, strongest first; none for a neutral one. */
  mood: Part[]
}

/** What one part of a message did. */
export interface Part {
  /** A word, two with a space between them, "not …" for one that negation reaches, or "(whole message)". */
  text: string
  /** What it added: natural-log odds, in hundredths. */
  weight: number
}

/** An instant: a Date, Unix milliseconds, or a text of RFC 3339, of which microseconds count. */
export type Instant = Date | number | string

/** A message of the person as it is read: their own correction, if there is one, before the engine's score. */
export interface ScoredMessage {
  /** When it was written. */
  createdAt: Instant
  /** 0 to 1; hundredths count. */
  sentiment: number
  mood: Mood
  /** `none` if left out. No correction changes it. */
  support?: SupportLevel | null
  /** Whether it counts in what is learnt of the person, as it does if left out. A crisis is noticed either way. */
  counts?: boolean | null
}

/** As in `bondhu.settings`, where their ranges are. */
export interface Settings {
  /** Length of the window in hours; the trend compares it with the window before it. */
  windowHours?: number
  /** With fewer messages in the window nothing is concluded. */
  minMessages?: number
  /** A mean that moved by more than this is rising or falling. */
  trendThresholdHundredths?: number
  /** A mean below this needs support. */
  needsSupportBelowHundredths?: number
  /** A mean above this is enthusiastic. */
  enthusiasticAboveHundredths?: number
  /** A sample standard deviation above this is variable. */
  variableAboveHundredths?: number
  /** How long a crisis message keeps `needsSupport`, in hours. */
  crisisSupportHours?: number
}

/** What follows from the window of messages. Figures are null while there are too few messages. */
export interface Style {
  /** Messages in the window. */
  messageCount: number
  dataStatus: 'sufficient' | 'insufficient_data'
  /** 0 to 1, in ten-thousandths. */
  meanSentiment: number | null
  /** Sample standard deviation, in ten-thousandths. */
  sentimentVolatility: number | null
  /** The most frequent mood; of several the newest. */
  dominantMood: Mood | null
  /** Null also when the window before had too few messages. */
  sentimentTrend: Trend | null
  communicationStyle: CommunicationStyle
  emotionalStability: EmotionalStability | null
  /** An app that shows this must offer a way to real help. */
  needsSupport: boolean
}

/** A document that the mirror keeps. */
export interface Document {
  name: DocumentName
  /** How long Redis keeps it without a change. */
  lifetimeSeconds: number
}

/** What a reader found in Redis, and what it asks for. */
export interface Held {
  /** Under `watermarkKey`; null if there is nothing. */
  watermark: string | null
  /** Under the document's key, read after the watermark; null if there is nothing. */
  value: string | null
  /** What `commit_position()` returned, such as 16/B374D848: only what holds every commit before it counts. */
  minLsn?: string | null
  /** The reader's clock, as Unix milliseconds or a Date; the present if left out. */
  now?: number | Date
}

/** What is to be done with a value. */
export type Verdict = Served | Missed

/** The document may be served. */
export interface Served {
  served: true
  /** The document; null if the user has none. */
  data: unknown
  /** The instant that it is exact as of, by Postgres' clock. */
  asOf: string
  /** 24 hexadecimal digits: of one document, the greater string is the newer. */
  version: string
  /** Most of its life is over: a read through the worker fills it anew. */
  expiresSoon: boolean
}

/** Nothing may be served. */
export interface Missed {
  served: false
  /** `behind` alone may be over in a moment. */
  reason: MissReason
}
