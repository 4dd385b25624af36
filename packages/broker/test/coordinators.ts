import { eventually } from '@millrace/core/testing'
import { findCoordinatorApi, initProducerIdApi, offsetFetchApi } from '@millrace/protocol'
import type { WireClient } from './wire-client.ts'

/**
 * Resolves when the coordinators of groups and of transactions serve. Apache Kafka makes the topics that they write to when it is first asked for
 * one, tells where it is, and loads it after that: a request that comes first is refused.
 */
export async function untilCoordinatorsServe(client: WireClient): Promise<void> {
  for (const keyType of [0, 1])
    await eventually('there is a coordinator', async () => {
      const { errorCode } = await client.call(findCoordinatorApi, 3, { key: 'any', keyType })
      return errorCode === 0
    })
  await eventually('the coordinator of groups serves', async () => {
    const { errorCode } = await client.call(offsetFetchApi, 7, { groupId: 'any', topics: null })
    return errorCode === 0
  })
  await eventually('the coordinator of transactions serves', async () => {
    const request = { transactionalId: 'any', transactionTimeoutMs: 60_000 }
    return (await client.call(initProducerIdApi, 4, request)).errorCode === 0
  })
}
