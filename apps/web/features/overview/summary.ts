import { count, duration, rate } from '../../lib/format.ts'
import { type Overview, partStates } from './model.ts'

/** The map in one or two sentences, for those who cannot see it. */
export function summaryOf(overview: Overview): string {
  const { rates } = overview
  const odd = overview.parts.filter(({ state }) => state !== 'ready' && state !== 'unknown')
  const states =
    odd.length === 0
      ? 'All parts are ready'
      : odd.map(({ name, state }) => `${name} is ${partStates[state].word}`).join(', ')
  const { pending, oldestPendingAgeMs, lagRecords } = overview.standing
  const waiting =
    pending === null
      ? 'pending events are not known'
      : pending === 0
        ? 'nothing is pending'
        : `${count(pending, 'event')} pending, the oldest for ${duration(oldestPendingAgeMs)}`
  return `${states}. Written ${rate(rates.created)}, published ${rate(rates.published)}, processed ${rate(rates.processed)}; ${waiting}; lag ${count(lagRecords, 'record')}.`
}
