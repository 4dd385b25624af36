import type { EdgeName, Movement, Overview } from './model.ts'

/** Samples kept: one a second, so a minute of history. */
export const maxSamples = 61

/** Rates are taken over this window, and named so on the page. */
export const rateWindowMs = 5000

const edges: readonly EdgeName[] = ['requests', 'created', 'published', 'processed']

/** Appends a sample; one that is not newer than the last replaces nothing and is dropped. */
export function withSample(history: readonly Overview[], sample: Overview): readonly Overview[] {
  const last = history.at(-1)
  if (last !== undefined && sample.atMs <= last.atMs) return history
  return [...history, sample].slice(-maxSamples)
}

/** How much moved on each edge, from the totals of the samples. A total that fell means a restart: nothing is known then. */
export function movementOf(history: readonly Overview[]): Movement {
  const last = history.at(-1)
  const before = history.at(-2)
  const base = history.find(
    (sample) => last !== undefined && sample.atMs >= last.atMs - rateWindowMs,
  )
  const entry = (edge: EdgeName) => ({
    perSecond: perSecond(base, last, edge),
    sinceLast: grown(before, last, edge),
  })
  return Object.fromEntries(edges.map((edge) => [edge, entry(edge)])) as unknown as Movement
}

function perSecond(from: Overview | undefined, to: Overview | undefined, edge: EdgeName) {
  const amount = grown(from, to, edge)
  if (amount === null || from === undefined || to === undefined) return null
  const spanMs = to.atMs - from.atMs
  return spanMs <= 0 ? null : (amount * 1000) / spanMs
}

function grown(from: Overview | undefined, to: Overview | undefined, edge: EdgeName) {
  const begin = from?.totals[edge] ?? null
  const end = to?.totals[edge] ?? null
  return begin === null || end === null || end < begin ? null : end - begin
}

/** Amounts between samples for a small chart, oldest first; null where not known. */
export function seriesOf(history: readonly Overview[], edge: EdgeName): readonly (number | null)[] {
  return history.slice(1).map((sample, index) => grown(history[index], sample, edge))
}
