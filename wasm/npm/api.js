// What people call, around the glue that wasm-bindgen makes. The types are in index.d.ts.
import init, * as wasm from './bondhu.js'

/** Characters of a name, an id or an instant. */
const MOST_OF_A_NAME = 256
/** UTF-16 units of what a model wrote: many times what a message holds, so that whatever it wrote is cut and not refused. */
const MOST_OF_A_REPLY = 1 << 20
/** Messages that a style is concluded from: one a second over a day. */
const MOST_MESSAGES = 86_400

/** A function that starts the module once, from `source()` unless its first caller has another one. */
export function loader(source) {
  let loading
  return (from) => {
    loading ??= start(from ?? source()).catch((error) => {
      // It may have been the network: the next call tries again.
      loading = undefined
      throw error
    })
    return loading
  }
}

async function start(from) {
  await init({ module_or_path: from })
  return bondhu()
}

function bondhu() {
  const constants = JSON.parse(wasm.constants())
  const { moods, supportLevels, mostCharacters } = constants

  // The layout is that of `score` in wasm/src/scores.rs.
  const unpacked = (packed) => ({
    sentiment: (packed & 127) / 100,
    mood: moods[(packed >> 14) & 15],
    moodConfidence: ((packed >> 7) & 127) / 100,
    support: supportLevels[packed >> 18],
  })

  const message = (text) => {
    if (typeof text !== 'string') throw new TypeError(`a message is a string, not ${kind(text)}`)
    if (text.length > mostCharacters && isLonger(text, mostCharacters)) {
      throw new RangeError(`a message has at most ${mostCharacters} characters`)
    }
    return text
  }

  return Object.freeze({
    engineVersion: constants.engineVersion,
    moods: Object.freeze(moods),
    supportLevels: Object.freeze(supportLevels),
    communicationStyles: Object.freeze(constants.communicationStyles),
    emotionalStabilities: Object.freeze(constants.emotionalStabilities),
    trends: Object.freeze(constants.trends),
    documents: Object.freeze(constants.documents.map(Object.freeze)),
    watermarkKey: constants.watermarkKey,
    safeReply: constants.safeReply,

    score: (text) => unpacked(wasm.score(message(text))),

    explain(text) {
      const { score, sentiment, mood } = JSON.parse(wasm.explain(message(text)))
      return { score: unpacked(score), sentiment, mood }
    },

    style(messages, { now = Date.now(), settings = {} } = {}) {
      if (!Array.isArray(messages)) throw new TypeError(`messages are an array, not ${kind(messages)}`)
      if (messages.length > MOST_MESSAGES) throw new RangeError(`a style is of at most ${MOST_MESSAGES} messages`)
      const asked = { messages: messages.map(scored), now: instant(now, 'now'), settings: numbers(settings) }
      return JSON.parse(wasm.style(JSON.stringify(asked)))
    },

    documentKey: (document, user) => wasm.document_key(string(document, 'document'), string(user, 'user')),

    documentOfKey: (key) => JSON.parse(wasm.document_of_key(string(key, 'key'))),

    judge(document, { watermark, value, minLsn, now = Date.now() }) {
      return JSON.parse(wasm.judge(
        string(document, 'document'),
        held(watermark, 'watermark', constants.mostBytesOfWatermark),
        held(value, 'value', constants.mostBytesOfValue),
        minLsn == null ? undefined : string(minLsn, 'minLsn'),
        milliseconds(now, 'now') * 1000,
      ))
    },

    prompt({ companion, context = null, memories = [], history, need = 'none' }) {
      return JSON.parse(wasm.prompt(JSON.stringify({ companion, context, memories, history, need })))
    },

    memoryPrompt: (task) => JSON.parse(wasm.memory_prompt(JSON.stringify(task))),

    keptMemories(task, answer) {
      if (typeof answer !== 'string') throw new TypeError(`an answer is a string, not ${kind(answer)}`)
      return JSON.parse(wasm.kept_memories(JSON.stringify(task), answer.slice(0, MOST_OF_A_REPLY)))
    },

    faultOfReply: (text) => wasm.fault_of_reply(message(text)) ?? null,

    helpFor: (locale) => JSON.parse(wasm.help_for(locale == null ? undefined : string(locale, 'locale'))),

    storableReply(written) {
      if (typeof written !== 'string') throw new TypeError(`a reply is a string, not ${kind(written)}`)
      return JSON.parse(wasm.storable_reply(written.slice(0, MOST_OF_A_REPLY)))
    },
  })
}

/** Whether a text has more characters (code points) than `most`. */
function isLonger(text, most) {
  if (text.length > 2 * most) return true
  let count = 0
  for (const _ of text) count++
  return count > most
}

function scored(message) {
  const { createdAt, sentiment, mood, support, counts } = message
  if (typeof sentiment !== 'number' || Number.isNaN(sentiment)) {
    throw new TypeError(`sentiment is a number from 0 to 1, not ${kind(sentiment)}`)
  }
  return {
    createdAt: instant(createdAt, 'createdAt'),
    sentiment,
    mood: string(mood, 'mood'),
    support: support == null ? null : string(support, 'support'),
    counts: counts == null ? null : boolean(counts, 'counts'),
  }
}

function numbers(settings) {
  for (const [name, value] of Object.entries(settings)) {
    const isOne = Number.isInteger(value) && value >= 0 && value < 2 ** 16
    if (!isOne) throw new TypeError(`${string(name, 'a setting')} is a whole number, not ${kind(value)}`)
  }
  return settings
}

function boolean(value, name) {
  if (typeof value !== 'boolean') throw new TypeError(`${name} is true or false, not ${kind(value)}`)
  return value
}

/** Unix milliseconds, or the text of an instant, which may say more than milliseconds. */
function instant(value, name) {
  return typeof value === 'string' ? string(value, name) : milliseconds(value, name)
}

function milliseconds(value, name) {
  const at = value instanceof Date ? value.getTime() : value
  if (typeof at !== 'number' || Number.isNaN(new Date(at).getTime())) {
    throw new TypeError(`${name} is a Date or Unix milliseconds, not ${kind(value)}`)
  }
  return Math.trunc(at)
}

/** What Redis holds; what is longer than anything that the mirror writes is none of it. */
function held(text, name, most) {
  if (text == null) return ''
  if (typeof text !== 'string') {
    throw new TypeError(`${name} is the text that Redis holds, or null, not ${kind(text)}: have your client leave it unparsed`)
  }
  return text.length > most ? '' : text
}

function string(value, name) {
  if (typeof value !== 'string') throw new TypeError(`${name} is a string, not ${kind(value)}`)
  if (value.length > MOST_OF_A_NAME) throw new RangeError(`${name} has at most ${MOST_OF_A_NAME} characters`)
  return value
}

function kind(value) {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'number' || value instanceof Date ? `${value}` : typeof value
}
