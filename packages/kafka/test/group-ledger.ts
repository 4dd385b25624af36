import assert from 'node:assert/strict'
import { KafkaError, type Consumer } from '../src/index.ts'

interface Entry {
  readonly member: string
  readonly partition: number
  readonly generationId: number
  readonly offset: bigint
}

/** An independent record of what the members of a group handled, in the order in which it happened. */
export class GroupLedger {
  readonly #entries: Entry[] = []
  readonly #values = new Set<string>()

  /** Reads until the consumer closes: notes each record, then commits, as a service does. */
  async run(member: string, consumer: Consumer): Promise<void> {
    for await (const { topic, partition, records, generationId } of consumer) {
      for (const { offset, value } of records) {
        this.#entries.push({ member, partition, generationId, offset })
        this.#values.add(value?.toString() ?? '')
      }
      const next = (records.at(-1)?.offset as bigint) + 1n
      await consumer.commit([{ topic, partition, offset: next }]).catch((error: unknown) => {
        // Given up or away: whatever was not committed is handled again, which is what "at least once" says.
        assert.ok(error instanceof KafkaError, String(error))
        assert.ok(error.retryable || error.code === 'MR_KAFKA_FENCED', String(error))
      })
    }
  }

  /** Different values handled so far. */
  get distinctCount(): number {
    return this.#values.size
  }

  handledBy(member: string): number {
    return this.#entries.filter((entry) => entry.member === member).length
  }

  /**
   * Within one ownership of a partition offsets go up one by one, and each ownership begins at or before where the ones before it
   * had got to: nothing is skipped.
   */
  assertOrder(): void {
    const byPartition = Map.groupBy(this.#entries, ({ partition }) => partition)
    for (const [partition, entries] of byPartition) {
      let reached = 0n
      let before: Entry | undefined
      for (const entry of entries) {
        const isSameOwner =
          before?.member === entry.member && before.generationId === entry.generationId
        const where = `partition ${partition}, offset ${entry.offset}, generation ${entry.generationId}`
        if (isSameOwner) assert.equal(entry.offset, (before?.offset as bigint) + 1n, where)
        else assert.ok(entry.offset <= reached, `${where}: begins beyond ${reached}`)
        if (entry.offset + 1n > reached) reached = entry.offset + 1n
        before = entry
      }
    }
  }
}
