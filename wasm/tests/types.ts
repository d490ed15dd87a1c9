// The types as an app meets them. It is compiled and never run.
import { load } from 'bondhu-wasm'
import type { Bondhu, DocumentName, Explanation, Help, Mood, Prompt, ReplyFault, Score, StorableReply, Style, Verdict } from 'bondhu-wasm'

const bondhu: Bondhu = await load()
await load(new URL('https://example.com/bondhu.wasm'))
await load(fetch('https://example.com/bondhu.wasm'))

const score: Score = bondhu.score('I got the job!')
const mood: Mood = score.mood
const explanation: Explanation = bondhu.explain('I got the job!')
const weights: number[] = explanation.sentiment.map((part) => part.weight)
const style: Style = bondhu.style(
  [{ ...score, createdAt: new Date() }, { sentiment: 0.5, mood: 'calm', createdAt: '2023-11-14T22:13:20Z', counts: false }],
  { now: Date.now(), settings: { windowHours: 48 } },
)
const names: DocumentName[] = bondhu.documents.map((document) => document.name)
const verdict: Verdict = bondhu.judge('chat_history', { watermark: null, value: '{}', minLsn: '16/B374D848' })
if (verdict.served) {
  const data: unknown = verdict.data
  void data
} else {
  const reason: 'behind' | 'expired' | string = verdict.reason
  void reason
}
const prompt: Prompt = bondhu.prompt({
  companion: { name: 'Bondhu', persona: 'You are kind.', history_tokens: 3000 },
  history: [{ sender_type: 'user', message_text: 'hello' }],
  need: 'support',
})
const fault: ReplyFault | null = bondhu.faultOfReply(bondhu.safeReply)
const help: Help = bondhu.helpFor('bn-BD')
const stored: StorableReply | null = bondhu.storableReply('Hello!')
void [mood, weights, style.needsSupport, names, prompt.estimatedTokens, fault, help.country, stored?.isCut]

// @ts-expect-error: not a mood
const wrong: Mood = 'glad'
// @ts-expect-error: not a document
bondhu.documentKey('chat', '')
// @ts-expect-error: nothing was served
void bondhu.judge('chat_history', { watermark: null, value: null }).data
// @ts-expect-error: what Redis holds is a text
bondhu.judge('chat_history', { watermark: {}, value: null })
// @ts-expect-error: no such need
bondhu.prompt({ companion: { name: '', persona: '', history_tokens: 0 }, history: [], need: 'danger' })
// @ts-expect-error: it has to be loaded first
import { score as early } from 'bondhu-wasm'
void [wrong, early]
