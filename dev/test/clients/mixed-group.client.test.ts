import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { createConsumer, createProducer } from '@millrace/kafka'
import { clientSuite, confluentKafka } from './client-suite.ts'
import { patiently, ToolProcess } from './tool-process.ts'

/** One group of our members and librdkafka's (confluent-kafka for Python): the leader, whoever it is, deals out to all. */

const script = fileURLToPath(new URL('confluent/member.py', import.meta.url))
const partitionCount = 6

/** What a member of librdkafka says it owns, and has read. */
function tell(stdout: string): { readonly owned: Set<number>; readonly read: Set<string> } {
  const owned = new Set<number>()
  const read = new Set<string>()
  for (const line of stdout.split('\n').slice(0, -1)) {
    const [what, ...rest] = line.split(' ')
    if (what === 'read') read.add(String(rest[1]))
    for (const partition of what === 'read' ? [] : rest.map(Number))
      if (what === 'assigned') owned.add(partition)
      else owned.delete(partition)
  }
  return { owned, read }
}

await clientSuite(confluentKafka, (suite) => {
  for (const isOursFirst of [true, false])
    suite.test(
      `cooperative-sticky, ${isOursFirst ? 'led by ours' : 'led by librdkafka'}: only what moves is given up, all is read, and both take over`,
      async (on) => {
        const topic = await on.topic(partitionCount)
        const groupId = on.unique('mixed')
        const values = new Set<string>()
        const calls: string[] = []
        const enterOurs = async () => {
          const consumer = await createConsumer({
            brokers: [on.address],
            clientId: 'ours',
            groupId,
            topics: [topic],
            assignors: ['cooperative-sticky'],
            heartbeatIntervalMs: 300,
            onAssigned: (rows) => void calls.push(`+${rows.length}`),
            onRevoked: (rows) => void calls.push(`-${rows.length}`),
          })
          const loop = (async () => {
            for await (const batch of consumer) {
              for (let index = 0; index < batch.length; index++)
                values.add(String(batch.value(index)))
              const { partition, nextOffset: offset } = batch
              await consumer.commit([{ topic, partition, offset }])
            }
          })()
          return { consumer, loop }
        }
        const enterTheirs = () =>
          ToolProcess.start(on.tool, [script, on.address, topic, groupId], { limitMs: 170_000 })
        let ours = isOursFirst ? await enterOurs() : undefined
        if (ours) await patiently('ours has all', () => ours?.consumer.assignment().length === 6)
        await using theirs = enterTheirs()
        if (!ours)
          await patiently('theirs has all', () => tell(theirs.stdout).owned.size === partitionCount)
        ours ??= await enterOurs()
        const { consumer, loop } = ours
        const isShared = (): boolean => {
          const all = [
            ...tell(theirs.stdout).owned,
            ...consumer.assignment().map(({ partition }) => partition),
          ]
          return consumer.assignment().length === 3 && all.length === 6 && new Set(all).size === 6
        }
        await patiently('they share', isShared)
        if (isOursFirst)
          assert.deepEqual(
            calls.filter((call) => call !== '+0'),
            ['+6', '-3'],
          )
        await using producer = await createProducer({ brokers: [on.address], clientId: 'ours' })
        await producer.send(
          Array.from({ length: 600 }, (_, n) => ({
            topic,
            partition: n % partitionCount,
            key: null,
            value: String(n),
          })),
        )
        await patiently('all is read', () => tell(theirs.stdout).read.size + values.size >= 600)
        assert.equal(new Set([...tell(theirs.stdout).read, ...values]).size, 600)
        if (isOursFirst) {
          theirs.closeInput()
          await patiently('ours took over', () => consumer.assignment().length === partitionCount)
          await consumer.close()
        } else {
          await consumer.close()
          await patiently(
            'theirs took over',
            () => tell(theirs.stdout).owned.size === partitionCount,
          )
          theirs.closeInput()
        }
        await loop
        assert.equal(await theirs.exited, 0, theirs.stderr)
      },
    )
})
