/** Everything that the shop's consumer groups have read, for a second and a third time. */
import {
  orderEventsTopic,
  ordersTopic,
  paymentOrdersTopic,
  productEventsTopic,
  stockOrdersTopic,
  userEventsTopic,
  type TopicDefinition,
} from '@millrace/contracts'
import { eventually } from '@millrace/core/testing'
import { createAdmin, createProducer, type ClusterAdmin } from '@millrace/kafka'
import { readToEnd } from '../read-to-end.ts'

/** What each consumer group of the shop reads. */
const topicsOfGroup: ReadonlyMap<string, readonly TopicDefinition[]> = new Map([
  ['orders', [ordersTopic, userEventsTopic, productEventsTopic]],
  ['orders-read', [orderEventsTopic, userEventsTopic, paymentOrdersTopic, stockOrdersTopic]],
  ['payments', [ordersTopic]],
  ['stock', [ordersTopic]],
  ['order-saga', [ordersTopic, paymentOrdersTopic, stockOrdersTopic]],
])

const patience = { timeoutMs: 300_000, everyMs: 200 }

/** Writes every record of their topics once more, as it is: the last of each partition is then no marker of a transaction. */
export async function copyAllRecords(brokers: readonly string[]): Promise<void> {
  await using producer = await createProducer({ brokers, clientId: 'again' })
  for (const topic of new Set([...topicsOfGroup.values()].flat())) {
    const records = []
    for await (const { key, value, headers, partition } of readToEnd(brokers, topic.name)) {
      const copied = headers.map(([name, bytes]) => [name, Buffer.from(bytes)] as const)
      records.push({
        topic: topic.name,
        partition,
        key: key && Buffer.from(key),
        value: value && Buffer.from(value),
        headers: copied,
      })
    }
    if (records.length > 0) await producer.send(records)
  }
}

/** Every group back to the beginning of all it reads; waits until the members of services that were stopped are gone. */
export async function rewindAllGroups(brokers: readonly string[]): Promise<void> {
  await using admin = await createAdmin({ brokers, clientId: 'rewind' })
  for (const groupId of topicsOfGroup.keys()) {
    await eventually(
      `nobody is in the group ${groupId}`,
      async () => (await admin.describeGroups([groupId]))[0]?.members.length === 0,
      patience,
    )
    const committed = await admin.groupOffsets(groupId)
    if (committed.length === 0) throw new Error(`The group ${groupId} has committed nothing`)
    const starts = committed.map(({ topic, partition }) => ({ topic, partition, offset: 0n }))
    await admin.alterGroupOffsets(groupId, starts)
  }
}

/** Until every group has dealt with every record on every partition of what it reads. */
export async function untilAllTaken(brokers: readonly string[]): Promise<void> {
  await using admin = await createAdmin({ brokers, clientId: 'lag' })
  let left: readonly string[] = []
  const isTaken = async (): Promise<boolean> => {
    const perGroup = [...topicsOfGroup].map(([groupId, topics]) => leftOf(admin, groupId, topics))
    left = (await Promise.all(perGroup)).flat()
    return left.length === 0
  }
  await eventually('every group has taken everything', isTaken, patience).catch(
    (error: unknown) => {
      throw new Error(`Not taken: ${left.join(', ')}`, { cause: error })
    },
  )
}

async function leftOf(
  admin: ClusterAdmin,
  groupId: string,
  topics: readonly TopicDefinition[],
): Promise<readonly string[]> {
  const lags = await admin.groupLag(
    groupId,
    topics.map(({ name }) => name),
  )
  return lags
    .filter(({ lagRecords }) => lagRecords > 0)
    .map(({ topic, partition, lagRecords }) => `${groupId}: ${lagRecords} of ${topic}-${partition}`)
}
