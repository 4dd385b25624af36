import { systemClock, uuidv7 } from '@millrace/core'
import { createAdmin, createProducer, createTransactionalProducer } from '@millrace/kafka'
import { eventJson, partitions } from './workload.ts'

const topic = 'bench.warm-up'
const batch = 500

/**
 * Has the broker take events until its code is compiled, plain ones and transactions of them: of 100,000 rows that are drained in three
 * seconds a cold JVM would take most of the time, and the system that comes first the most of that.
 * @param seconds for each of the two ways
 */
export async function warmUp(address: string, seconds: number): Promise<void> {
  const client = { brokers: [address], clientId: 'bench-warm-up' }
  await using admin = await createAdmin(client)
  await admin.ensureTopics([{ name: topic, partitions }])
  const values = Array.from({ length: batch }, (_, index) => eventJson(uuidv7(), index))
  const columns = { topic, keys: values.map((_, index) => `order-${index}`), values }
  const during = async (send: () => Promise<unknown>): Promise<void> => {
    const endMs = systemClock.monotonicMs() + seconds * 1_000
    while (systemClock.monotonicMs() < endMs) await send()
  }
  {
    await using producer = await createProducer(client)
    await during(() => producer.sendColumns(columns))
  }
  await using producer = await createTransactionalProducer({
    ...client,
    transactionalId: 'bench-warm-up',
  })
  await producer.init()
  await during(async () => {
    await producer.begin()
    await producer.sendColumns(columns)
    await producer.commit()
  })
  await admin.deleteTopics([topic])
}
