import { systemClock, uuidv7 } from '@millrace/core'
import {
  createAdmin,
  createConsumer,
  createProducer,
  createTransactionalProducer,
} from '@millrace/kafka'

const topic = 'bench.warm-up'
const partitions = 6
const batch = 2_000
const valueBytes = 370

/**
 * Has the broker take records until its code is compiled, plain ones and transactions of them, and reads them: of a run of some seconds a cold
 * JVM would take most of the CPU, and the system that comes first would pay the most.
 * @param seconds for each of the two ways to write
 */
export async function warmUp(address: string, seconds: number): Promise<void> {
  const client = { brokers: [address], clientId: 'bench-warm-up' }
  await using admin = await createAdmin(client)
  await admin.ensureTopics([{ name: topic, partitions }])
  const keys = Array.from({ length: batch }, (_, index) => `key-${index}`)
  const columns = { topic, keys, values: keys.map((key) => key.padEnd(valueBytes, 'x')) }
  let batches = 0
  const during = async (send: () => Promise<unknown>): Promise<void> => {
    const endMs = systemClock.monotonicMs() + seconds * 1_000
    for (; systemClock.monotonicMs() < endMs; batches++) await send()
  }
  {
    await using producer = await createProducer(client)
    await during(() => producer.sendColumns(columns))
  }
  {
    const transactionalId = 'bench-warm-up'
    const groupId = `${transactionalId}-offsets`
    await using producer = await createTransactionalProducer({ ...client, transactionalId })
    await producer.init()
    await during(async () => {
      await producer.begin()
      await producer.sendOffsets([{ topic, partition: 0, offset: BigInt(batches) }], { groupId })
      await producer.sendColumns(columns)
      await producer.commit()
    })
  }
  const groupId = `bench-warm-up-${uuidv7()}`
  await using consumer = await createConsumer({ ...client, groupId, topics: [topic] })
  let left = batches * batch
  for await (const { length } of consumer) if ((left -= length) <= 0) break
  await admin.deleteTopics([topic])
}
