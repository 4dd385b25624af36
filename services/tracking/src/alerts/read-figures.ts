import type { Clock } from '@millrace/core'
import type { ServiceFigures } from '../domain/alert-rules.ts'
import { askAll } from '../sources/ask-all.ts'
import type { Source } from '../sources/source.ts'

export interface ReadFiguresOptions {
  readonly timeoutMs: number
  /** Failures are counted over so long. */
  readonly failureWindowMs: number
  readonly clock: Clock
}

/** The figures of every service that alerts and gauges are made of; one that does not answer is an outage. */
export async function readFigures(
  sources: readonly Source[],
  options: ReadFiguresOptions,
): Promise<readonly ServiceFigures[]> {
  const { answers, unreachable } = await askAll(
    sources,
    (source) => figuresOf(source, options),
    options,
  )
  return [
    ...answers.map(({ value }) => value),
    ...unreachable.map(({ service, reason }) => ({
      service,
      outage: reason,
      pending: null,
      oldestPendingAgeMs: null,
      processing: null,
      parked: null,
      failed: null,
      handled: null,
    })),
  ]
}

async function figuresOf(
  source: Source,
  { failureWindowMs, clock }: ReadFiguresOptions,
): Promise<ServiceFigures> {
  const { productions, consumptions } = await source.logs()
  const to = new Date(clock.now())
  const range = { from: new Date(to.getTime() - failureWindowMs), to }
  const [produced, consumed, counts] = await Promise.all([
    Promise.all(productions.map(({ log }) => log.summary())),
    Promise.all(consumptions.map(({ log }) => log.summary())),
    Promise.all(consumptions.map(({ log }) => log.counts(range))),
  ])
  const rows = counts.flatMap((each) => each.counts)
  const countOf = (statuses: readonly string[]): number =>
    sum(rows.filter((row) => statuses.includes(row.status)).map((row) => row.count))
  const ages = produced.flatMap((each) => each.oldestPendingAgeMs ?? [])
  return {
    service: source.service,
    outage: null,
    pending: produced.length === 0 ? null : sum(produced.map((each) => each.pending)),
    oldestPendingAgeMs: ages.length === 0 ? null : Math.max(...ages),
    processing:
      consumed.length === 0 ? null : sum(consumed.map((each) => each.pending + each.processing)),
    parked:
      produced.length + consumed.length === 0
        ? null
        : sum([...produced, ...consumed].map((each) => each.parked)),
    failed: consumed.length === 0 ? null : countOf(['FAILED']),
    handled: consumed.length === 0 ? null : countOf(['PROCESSED', 'FAILED']),
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
