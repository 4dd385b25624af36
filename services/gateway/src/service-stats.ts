import type { Overview, OverviewTopic } from './overview.ts'

/** What a service's `…/stats` answered; null when it did not. Services may grow and lose fields at any time. */
export type StatsAnswer = Readonly<Record<string, unknown>> | null

/** The figures of an overview that come from the services. */
export type StatsFigures = Omit<Overview, 'at' | 'mode' | 'parts' | 'rates' | 'shop' | 'start'>

/** Reads the two services' figures; whatever is absent or not a number is null, since unknown is not 0. */
export function readStats(discussions: StatsAnswer, analytics: StatsAnswer): StatsFigures {
  return {
    totals: {
      eventsCreated: numberOf(discussions?.['eventsCreated']),
      published: numberOf(discussions?.['published']),
      processed: numberOf(analytics?.['processed']),
    },
    pending: numberOf(discussions?.['pending']),
    oldestPendingAgeMs: numberOf(discussions?.['oldestPendingAgeMs']),
    failed: sumOf(discussions?.['failed'], analytics?.['failed']),
    lagRecords: numberOf(analytics?.['lagRecords']),
    duplicatesSkipped: numberOf(analytics?.['duplicatesSkipped']),
    relay: discussions?.['relay'] ?? null,
    topics: topicsOf(discussions, analytics),
  }
}

/** How long ago the last of those who read topics heard from the broker, ms; null when none of them says. */
export function brokerSilentMs(
  stats: Readonly<Record<'analytics' | 'payments' | 'stock', StatsAnswer>>,
): number | null {
  const { analytics, payments, stock } = stats
  const readers = [analytics, objectOf(payments?.['consumer']), objectOf(stock?.['consumer'])]
  const agesMs = readers.flatMap((reader) => numberOf(reader?.['lagAgeMs']) ?? [])
  return agesMs.length === 0 ? null : Math.min(...agesMs)
}

/** 64-bit counts and offsets arrive as text. */
export function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? Number(value) : null
}

/** Null for what is no object. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> | null {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Readonly<Record<string, unknown>>) : null
}

function sumOf(...values: readonly unknown[]): number | null {
  const numbers = values.map(numberOf)
  return numbers.reduce((sum, number) => (sum === null || number === null ? null : sum + number), 0)
}

/** Rows `{topic?, partition, endOffset, lagRecords?}` under `partitions`, the topic's name in the row or beside it. */
function topicsOf(discussions: StatsAnswer, analytics: StatsAnswer): OverviewTopic[] {
  const [stats, rows] =
    [analytics, discussions]
      .map((answer) => [answer, answer?.['partitions']] as const)
      .find((pair): pair is [StatsAnswer, unknown[]] => Array.isArray(pair[1])) ?? []
  return stats && rows ? topicsFrom(rows, nameOf(stats['topic'])) : []
}

/**
 * Topics from rows `{topic, partition, endOffset, lagRecords?}`. Where several groups read a partition, the one that is furthest behind tells
 * the lag.
 * @param topicName of rows that name none
 */
export function topicsFrom(rows: readonly unknown[], topicName = 'unnamed'): OverviewTopic[] {
  const partitions = rows.flatMap((row) => {
    const { topic, partition, endOffset, lagRecords } = objectOf(row) ?? {}
    const number = numberOf(partition)
    if (number === null) return []
    return {
      name: nameOf(topic) ?? topicName,
      partition: number,
      endOffset: numberOf(endOffset),
      lagRecords: numberOf(lagRecords),
    }
  })
  return [...Map.groupBy(partitions, (row) => row.name)].map(([name, group]) => ({
    name,
    partitions: [...Map.groupBy(group, (row) => row.partition)]
      .map(([partition, readers]) => ({
        partition,
        endOffset: largestOf(readers.map((row) => row.endOffset)),
        lagRecords: largestOf(readers.map((row) => row.lagRecords)),
      }))
      .toSorted((left, right) => left.partition - right.partition),
  }))
}

/** Null when none is known. */
function largestOf(values: readonly (number | null)[]): number | null {
  return values.reduce(
    (largest, value) => (value === null || (largest ?? -1) >= value ? largest : value),
    null,
  )
}

function nameOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  const name = (value as { name?: unknown } | null | undefined)?.name
  return typeof name === 'string' ? name : undefined
}
