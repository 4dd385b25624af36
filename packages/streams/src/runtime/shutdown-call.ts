/** How one instance ends an application everywhere: a member of its group says so, and the leader tells it to all. */
import type { Clock } from '@millrace/core'
import { createConsumer, type KafkaOptions } from '@millrace/kafka'
import type { RuntimeSettings } from './runtime-options.ts'
import { taskAssignor } from './assignment/task-assignor.ts'
import type { CurrentPlan } from './current-plan.ts'

export interface ShutdownCallOptions {
  readonly kafka: KafkaOptions
  readonly settings: RuntimeSettings
  readonly plan: CurrentPlan
  readonly processId: string
  readonly clock: Clock
}

/**
 * Joins the group for one rebalance, in which all its members hear of it, and leaves. A member of its own, for the thread that failed may have
 * been the last; it processes nothing. Java tells it by the error code of its assignment, from a thread that it adds where none is left.
 * @returns false where nobody heard of it within the time that the group has for a rebalance and a lost member
 * @throws KafkaError
 */
export async function callShutdown(options: ShutdownCallOptions): Promise<boolean> {
  const { kafka, settings, plan, processId, clock } = options
  const heard = Promise.withResolvers<boolean>()
  const nothing = new Map<string, number>()
  const consumer = await createConsumer({
    ...kafka,
    groupId: settings.applicationId,
    topics: plan.subscription,
    sessionTimeoutMs: settings.sessionTimeoutMs,
    heartbeatIntervalMs: settings.heartbeatIntervalMs,
    assignors: [
      taskAssignor({
        processId,
        plan,
        rules: settings,
        probingIntervalMs: settings.probingRebalanceIntervalMs,
        state: () => ({
          running: [],
          awaiting: [],
          standby: [],
          positions: nothing,
          ends: nothing,
          asks: 0,
        }),
        onTasks: () => {},
        asksForShutdown: true,
        onShutdown: () => heard.resolve(true),
      }),
    ],
  })
  const reading = (async () => {
    for await (const _ of consumer) continue
    return false
  })()
  const limit = clock.setTimer(rebalanceMs + settings.sessionTimeoutMs, () => heard.resolve(false))
  try {
    return await Promise.race([heard.promise, reading])
  } finally {
    limit.cancel()
    await consumer.close()
    await reading.catch(() => {}) // Told by the race, or too late to matter.
  }
}

/** The client's default: how long the group waits for its members in a rebalance. */
const rebalanceMs = 60_000
