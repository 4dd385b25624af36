import { systemClock } from '@millrace/core'
import type { BrokerState } from '../broker-state.ts'
import { BrokerError } from '../errors.ts'
import { GroupState } from '../groups/classic/classic-group-state.ts'
import type { ConsumerGroupState } from '../groups/consumer/consumer-group-state.ts'
import { TransactionState } from '../transactions/transaction-state.ts'

/** What `waitFor` can wait for. */
export type WaitCondition =
  /** The group has this state (default STABLE), and as many members if `members` is given. */
  | {
      readonly group: string
      readonly state?: GroupState | ConsumerGroupState
      readonly members?: number
    }
  /** The group has committed up to the high watermark less `lag` records, on the topic or on every topic it has committed to. */
  | { readonly group: string; readonly lag: number; readonly topic?: string }
  /** The partition's high watermark is `offset` or more. */
  | { readonly topic: string; readonly partition: number; readonly offset: number }
  /** No transaction of this id is open: it was committed or aborted, or never begun. */
  | { readonly transactionalId: string }

/** Whether the condition holds, and what was seen. */
interface Observation {
  readonly holds: boolean
  readonly seen: string
}

const POLL_MS = 5

/**
 * Resolves when the condition holds. Runs on the machine's clock, also where the broker's stands still.
 * @throws BrokerError `MR_BROKER_WAIT_TIMEOUT` with what was seen last
 */
export async function waitFor(
  state: () => BrokerState,
  condition: WaitCondition,
  timeoutMs: number,
): Promise<void> {
  checkCondition(condition)
  const deadlineMs = systemClock.monotonicMs() + timeoutMs
  for (;;) {
    const { holds, seen } = observe(state(), condition)
    if (holds) return
    if (systemClock.monotonicMs() >= deadlineMs)
      throw new BrokerError(
        'MR_BROKER_WAIT_TIMEOUT',
        `${JSON.stringify(condition)} did not hold within ${timeoutMs} ms; seen last: ${seen}. Look at the request journal for what the clients did, or wait longer.`,
        { condition, timeoutMs, seen },
      )
    await systemClock.sleep(POLL_MS)
  }
}

/** A misspelt condition would otherwise wait for something else, or for ever. */
function checkCondition(condition: WaitCondition): void {
  const fields = Object.keys(condition).toSorted().join(' ')
  const known = CONDITIONS.some((pattern) => pattern.test(fields))
  if (!known)
    throw new BrokerError(
      'MR_BROKER_BAD_CALL',
      `${JSON.stringify(condition)} is no condition to wait for: { group, state?, members? }, { group, lag, topic? }, { topic, partition, offset } or { transactionalId }.`,
    )
}

/** Sorted names of the fields. */
const CONDITIONS = [
  /^group( members)?( state)?$/,
  /^group lag( topic)?$/,
  /^offset partition topic$/,
  /^transactionalId$/,
]

function observe(state: BrokerState, condition: WaitCondition): Observation {
  if ('transactionalId' in condition) return observeTransaction(state, condition.transactionalId)
  if ('offset' in condition) return observeOffset(state, condition)
  return 'lag' in condition ? observeLag(state, condition) : observeGroup(state, condition)
}

function observeOffset(
  { topics }: BrokerState,
  { topic, partition, offset }: Extract<WaitCondition, { readonly offset: number }>,
): Observation {
  const log = topics.byName(topic)?.partitions[partition]
  if (log === undefined) return { holds: false, seen: 'no such partition' }
  return { holds: log.highWatermark >= offset, seen: `high watermark ${log.highWatermark}` }
}

function observeGroup(
  { groups }: BrokerState,
  wanted: Extract<WaitCondition, { readonly members?: number }>,
): Observation {
  const group = groups.find(wanted.group)
  if (group === undefined) return { holds: false, seen: 'no such group' }
  const { state, memberCount } = group
  return {
    holds:
      state === (wanted.state ?? GroupState.STABLE) &&
      (wanted.members === undefined || memberCount === wanted.members),
    seen: `state ${state}, ${memberCount} members, generation ${group.generation}`,
  }
}

function observeLag(
  state: BrokerState,
  wanted: { readonly group: string; readonly lag: number; readonly topic?: string },
): Observation {
  const rows = lagOf(state, wanted.group).filter(
    ({ topic }) => wanted.topic === undefined || topic === wanted.topic,
  )
  if (rows.length === 0) return { holds: false, seen: 'no committed offsets' }
  const lag = rows.reduce((sum, { lagRecords }) => sum + lagRecords, 0)
  const behind = rows
    .filter(({ lagRecords }) => lagRecords > 0)
    .map(
      ({ topic, partition, offset, endOffset }) => `${topic}-${partition} ${offset}/${endOffset}`,
    )
  return {
    holds: lag <= wanted.lag,
    seen: `lag ${lag} records${behind.length === 0 ? '' : ` (${behind.slice(0, 5).join(', ')})`}`,
  }
}

/** A group's place in one partition. */
export interface GroupLag {
  readonly topic: string
  readonly partition: number
  /** Committed; the next record that the group will read. */
  readonly offset: number
  /** High watermark. */
  readonly endOffset: number
  /** What is between them, records. */
  readonly lagRecords: number
}

/**
 * Of every topic that the group has committed to, each partition; one that it has never committed in counts from the log's start, or a group
 * that has read half of its partitions would look done.
 */
export function lagOf({ groups, topics }: BrokerState, groupId: string): readonly GroupLag[] {
  const offsets = groups.find(groupId)?.offsets
  if (offsets === undefined) return []
  const names = new Set([...offsets.entries()].map(([topic]) => topic))
  const rows: GroupLag[] = []
  for (const topic of names)
    for (const [partition, log] of (topics.byName(topic)?.partitions ?? []).entries()) {
      const offset = Math.max(offsets.get(topic, partition)?.offset ?? 0, log.logStartOffset)
      const endOffset = log.highWatermark
      rows.push({
        topic,
        partition,
        offset,
        endOffset,
        lagRecords: Math.max(endOffset - offset, 0),
      })
    }
  return rows
}

const OPEN_STATES: readonly TransactionState[] = [
  TransactionState.ONGOING,
  TransactionState.PREPARE_COMMIT,
  TransactionState.PREPARE_ABORT,
]

function observeTransaction({ transactions }: BrokerState, transactionalId: string): Observation {
  const found = transactions.find(transactionalId)
  if (found === undefined) return { holds: true, seen: 'no such transactional id' }
  return { holds: !OPEN_STATES.includes(found.state), seen: `state ${found.state}` }
}
