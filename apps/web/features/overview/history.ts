import type { Overview, ShopFlow, Totals } from './model.ts'

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
  const moved = (total: keyof Totals) =>
    grown(history.at(-2)?.totals[total], history.at(-1)?.totals[total])
  return {
    created: moved('created'),
    published: moved('published'),
    processed: moved('processed'),
  }
}

/** The same of the shop. */
export function movedInShop(history: readonly Overview[]): ShopFlow {
  const moved = (total: keyof ShopFlow) =>
    grown(history.at(-2)?.shop.totals[total], history.at(-1)?.shop.totals[total])
  return {
    placed: moved('placed'),
    paymentAnswers: moved('paymentAnswers'),
    stockAnswers: moved('stockAnswers'),
    decided: moved('decided'),
  }
}

/** Amounts between samples for a small chart, oldest first; null where not known. */
export function seriesOf(
  history: readonly Overview[],
  total: keyof Totals,
): readonly (number | null)[] {
  return history
    .slice(1)
    .map((sample, index) => grown(history[index]?.totals[total], sample.totals[total]))
}

/** The same of the shop. */
export function shopSeriesOf(
  history: readonly Overview[],
  total: keyof ShopFlow,
): readonly (number | null)[] {
  return history
    .slice(1)
    .map((sample, index) => grown(history[index]?.shop.totals[total], sample.shop.totals[total]))
}

function grown(begin: number | null = null, end: number | null = null): number | null {
  return begin === null || end === null || end < begin ? null : end - begin
}
