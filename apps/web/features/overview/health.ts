import { duration } from '../../lib/format.ts'
import type { Tone } from '../../ui/tone.ts'
import { partStates } from './model.ts'
import type { OverviewFeed } from './store.ts'

export interface Health {
  readonly tone: Tone
  readonly word: string
  /** Further words where there is room. */
  readonly more: string
  readonly detail: string
}

/** Events that wait longer than this to be published are worth a word on every page. */
export const slowAfterMs = 5000

/** The state of connection and parts in one word, worst first. */
export function healthOf(feed: Pick<OverviewFeed, 'history' | 'stream' | 'problem'>): Health {
  const { stream } = feed
  if (feed.problem !== null) {
    return health('bad', 'Unreadable', '', feed.problem.message)
  }
  if (stream.kind === 'refused')
    return health('attention', 'No live data', '', stream.problem.message)
  if (stream.kind === 'asleep')
    return health('quiet', 'Paused', '', 'This page is in the background.')
  const parts = feed.history.at(-1)?.parts
  if (parts === undefined || stream.kind !== 'live') {
    return health('busy', 'Connecting', '', 'The live stream is being opened.')
  }
  const known = parts.filter(({ state }) => state !== 'unknown')
  const broken = parts.filter(({ state }) => state === 'down' || state === 'degraded')
  if (broken.length > 0) {
    const names = broken.map(({ name, state }) => `${name} ${partStates[state].word}`).join(', ')
    const tone = broken.some(({ state }) => state === 'down') ? 'bad' : 'attention'
    return health(tone, 'Live', `: ${names}`, `Needs attention: ${names}`)
  }
  const ready = known.filter(({ state }) => state === 'ready').length
  if (ready < known.length) {
    const more = ` ${ready} of ${known.length} parts ready`
    return health('busy', 'Starting,', more, `Starting:${more}`)
  }
  const waitingMs = feed.history.at(-1)?.standing.oldestPendingAgeMs ?? 0
  if (waitingMs > slowAfterMs) {
    const more = `: events wait for ${duration(waitingMs)}`
    return health('attention', 'Live', more, `Not published yet${more}.`)
  }
  return health('good', 'Live', `, all ${known.length} parts ready`, 'All parts are ready.')
}

function health(tone: Tone, word: string, more: string, detail: string): Health {
  return { tone, word, more, detail }
}
