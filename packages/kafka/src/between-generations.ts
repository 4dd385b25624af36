import { backoffMs } from '@millrace/core'
import { code } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { KafkaError } from './errors.ts'
import type { GroupMetadata } from './types.ts'

/** How long a group may be between two generations before offsets are given up. */
const maxMs = 5_000
const pauses = { baseMs: 10, maxMs: 200 }

/**
 * Sends offsets in the name of a member that keeps its partitions while the group deals out anew (KIP-429). The coordinator enters the next
 * generation when it has answered JoinGroup; the member learns of it a moment later, and until then is refused.
 * @param group the member as it is now
 * @throws KafkaError that of the last attempt; or what `group` throws
 */
export async function betweenGenerations(
  cluster: Cluster,
  group: () => GroupMetadata,
  send: (member: GroupMetadata) => Promise<void>,
): Promise<void> {
  const deadlineMs = cluster.clock.monotonicMs() + maxMs
  for (let attempt = 1; ; attempt++)
    try {
      return await send(group())
    } catch (error) {
      if (!isBetweenGenerations(error)) throw error
      const pauseMs = backoffMs(attempt, pauses)
      if (cluster.clock.monotonicMs() + pauseMs > deadlineMs) throw error
      await cluster.clock.sleep(pauseMs)
    }
}

function isBetweenGenerations(error: unknown): boolean {
  const cause = error instanceof KafkaError ? error.cause : undefined
  if (!(cause instanceof KafkaError)) return false
  const { errorCode } = cause.details
  return errorCode === code.ILLEGAL_GENERATION || errorCode === code.REBALANCE_IN_PROGRESS
}
