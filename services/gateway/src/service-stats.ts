import type { Overview, OverviewTopic } from './overview.ts'

/** What a service's `…/stats` answered; null when it did not. Services may grow and lose fields at any time. */
export type StatsAnswer = Readonly<Record<string, unknown>> | null

/** The figures of an overview that come from the services. */
export type StatsFigures = Omit<Overview, 'at' | 'mode' | 'parts' | 'rates' | 'start'>

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

/** 64-bit counts and offsets arrive as text. */
function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? Number(value) : null
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
  if (!stats || !rows) return []
  const partitions = rows.flatMap((row: unknown) => {
    const { topic, partition, endOffset, lagRecords } = (row ?? {}) as Record<string, unknown>
    const number = numberOf(partition)
    if (number === null) return []
    return {
      name: nameOf(topic) ?? nameOf(stats['topic']) ?? 'unnamed',
      partition: number,
      endOffset: numberOf(endOffset),
      lagRecords: numberOf(lagRecords),
    }
  })
  return [...Map.groupBy(partitions, (row) => row.name)].map(([name, group]) => ({
    name,
    partitions: group
      .map(({ partition, endOffset, lagRecords }) => ({ partition, endOffset, lagRecords }))
      .toSorted((left, right) => left.partition - right.partition),
  }))
}

function nameOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  const name = (value as { name?: unknown } | null | undefined)?.name
  return typeof name === 'string' ? name : undefined
}
