import { InboxError } from './errors.ts'
import type { ConsumeOptions } from './types.ts'

const day = 86_400_000

/** The numbers of a consumer, with defaults. */
export interface ConsumeBounds {
  readonly maxBatchRecords: number
  readonly maxConcurrentPartitions: number
  readonly maxConcurrentRetries: number
  readonly maxAttempts: number
  /** The most a policy grants. */
  readonly mostAttempts: number
  readonly retryBackoff: Backoff
  readonly handlerTimeoutMs: number
  readonly duePollMs: number
  readonly dueLeaseMs: number
  readonly maxParkedEvents: number
  readonly drainTimeoutMs: number
  readonly lagIntervalMs: number
  readonly outage: {
    readonly minKeys: number
    readonly share: number
    readonly windowMs: number
    readonly probeBackoff: Backoff
  }
}

interface Backoff {
  readonly baseMs: number
  readonly maxMs: number
}

/** @throws InboxError `MR_INBOX_BAD_OPTION` */
export function boundsOf(consume: ConsumeOptions): ConsumeBounds {
  inBounds('topics.length', consume.topics.length, 1, 1_000)
  const maxAttempts = inBounds('maxAttempts', consume.maxAttempts ?? 3, 1, 100)
  const granted = (consume.policies ?? []).map((policy, index) => {
    if (policy.backoff) backoffInBounds(`policies[${index}].backoff`, policy.backoff)
    return inBounds(`policies[${index}].attempts`, policy.attempts ?? 1, 1, 100)
  })
  return {
    maxBatchRecords: inBounds('maxBatchRecords', consume.maxBatchRecords ?? 500, 1, 5_000),
    maxConcurrentPartitions: inBounds(
      'maxConcurrentPartitions',
      consume.maxConcurrentPartitions ?? 4,
      1,
      100,
    ),
    maxConcurrentRetries: inBounds(
      'maxConcurrentRetries',
      consume.maxConcurrentRetries ?? 4,
      1,
      100,
    ),
    maxAttempts,
    mostAttempts: Math.max(maxAttempts, ...granted),
    retryBackoff: backoffInBounds(
      'retryBackoff',
      consume.retryBackoff ?? { baseMs: 200, maxMs: 30_000 },
    ),
    handlerTimeoutMs: inBounds('handlerTimeoutMs', consume.handlerTimeoutMs ?? 300_000, 0, day),
    duePollMs: inBounds('duePollMs', consume.duePollMs ?? 1_000, 10, 60_000),
    dueLeaseMs: inBounds('dueLeaseMs', consume.dueLeaseMs ?? 30_000, 500, 600_000),
    maxParkedEvents: inBounds('maxParkedEvents', consume.maxParkedEvents ?? 100_000, 1, 10_000_000),
    drainTimeoutMs: inBounds('drainTimeoutMs', consume.drainTimeoutMs ?? 5_000, 0, 3_600_000),
    lagIntervalMs: inBounds('lagIntervalMs', consume.lagIntervalMs ?? 3_000, 10, 3_600_000),
    outage: outageOf(consume.outage ?? {}),
  }
}

function outageOf(outage: NonNullable<ConsumeOptions['outage']>): ConsumeBounds['outage'] {
  const { minKeys = 10, share = 0.5, windowMs = 60_000, probeBackoff } = outage || {}
  if (!(share > 0 && share <= 1)) throw outOfBounds('outage.share', share, 'over 0 to 1')
  inBounds('outage.minKeys', minKeys, 1, 1_000)
  return {
    // Without detection a policy may still pause the consumer, and it probes then as it does in an outage.
    minKeys: outage === false ? Number.POSITIVE_INFINITY : minKeys,
    share,
    windowMs: inBounds('outage.windowMs', windowMs, 100, day),
    probeBackoff: backoffInBounds(
      'outage.probeBackoff',
      probeBackoff ?? { baseMs: 1_000, maxMs: 30_000 },
    ),
  }
}

function backoffInBounds(option: string, backoff: Backoff): Backoff {
  inBounds(`${option}.baseMs`, backoff.baseMs, 1, day)
  inBounds(`${option}.maxMs`, backoff.maxMs, backoff.baseMs, day)
  return backoff
}

/** @throws InboxError `MR_INBOX_BAD_OPTION` */
export function inBounds(option: string, value: number, lowest: number, highest: number): number {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return value
  throw outOfBounds(option, value, `an integer from ${lowest} to ${highest}`, { lowest, highest })
}

function outOfBounds(
  option: string,
  value: number,
  wanted: string,
  details: Readonly<Record<string, unknown>> = {},
): InboxError {
  return new InboxError(
    'MR_INBOX_BAD_OPTION',
    `${option} is ${value}; it must be ${wanted}. Nothing was started.`,
    { option, value, ...details },
  )
}
