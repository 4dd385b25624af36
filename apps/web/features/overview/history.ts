import type { Overview, Totals } from './model.ts'

/** Samples kept: one a second, so a minute of history. */
export const maxSamples = 61

/** Appends a sample; one that is not newer than the last replaces nothing and is dropped. */
export function withSample(history: readonly Overview[], sample: Overview): readonly Overview[] {
  const last = history.at(-1)
  if (last !== undefined && sample.atMs <= last.atMs) return history
  return [...history, sample].slice(-maxSamples)
}

/** How many went by since the sample before. A total that fell means a restart: nothing is known then. */
export function movedSinceLast(history: readonly Overview[]): Totals {
  const moved = (total: keyof Totals) => grown(history.at(-2), history.at(-1), total)
  return {
    created: moved('created'),
    published: moved('published'),
    processed: moved('processed'),
  }
}

/** Amounts between samples for a small chart, oldest first; null where not known. */
export function seriesOf(
  history: readonly Overview[],
  total: keyof Totals,
): readonly (number | null)[] {
  return history.slice(1).map((sample, index) => grown(history[index], sample, total))
}

function grown(
  from: Overview | undefined,
  to: Overview | undefined,
  total: keyof Totals,
): number | null {
  const begin = from?.totals[total] ?? null
  const end = to?.totals[total] ?? null
  return begin === null || end === null || end < begin ? null : end - begin
}
