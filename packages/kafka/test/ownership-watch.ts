import assert from 'node:assert/strict'
import type { Consumer, ConsumerOptions, TopicPartition } from '../src/index.ts'

/** Watches from outside who owns what: no partition may belong to two members at once, nor be read by one that does not own it. */
export class OwnershipWatch {
  readonly #owners = new Map<number, string>()
  readonly #seen = new Set<string>()
  readonly #faults: string[] = []
  /** Times that a partition was given up while the session held. */
  revokedCount = 0
  lostCount = 0
  duplicateCount = 0

  /** Options by which a member tells of its partitions. */
  callbacks(name: string): Pick<ConsumerOptions, 'onAssigned' | 'onRevoked' | 'onLost'> {
    const drop = (partitions: readonly TopicPartition[]): void => {
      for (const { partition } of partitions) {
        if (this.#owners.get(partition) !== name)
          this.#faults.push(
            `${name} gives up ${partition}, owned by ${this.#owners.get(partition)}`,
          )
        this.#owners.delete(partition)
      }
    }
    return {
      onAssigned: (partitions) => {
        for (const { partition } of partitions) {
          const owner = this.#owners.get(partition)
          if (owner !== undefined) this.#faults.push(`${name} gets ${partition} of ${owner}`)
          this.#owners.set(partition, name)
        }
      },
      onRevoked: (partitions) => {
        this.revokedCount += partitions.length
        drop(partitions)
      },
      onLost: (partitions) => {
        this.lostCount += partitions.length
        drop(partitions)
      },
    }
  }

  /** Reads and commits until the consumer closes. */
  async read(name: string, consumer: Consumer): Promise<void> {
    for await (const batch of consumer) {
      const owner = this.#owners.get(batch.partition)
      if (owner !== name) this.#faults.push(`${name} reads ${batch.partition} of ${owner}`)
      for (let index = 0; index < batch.length; index++) {
        const key = `${batch.partition}/${batch.offset(index)}`
        if (this.#seen.has(key)) this.duplicateCount++
        this.#seen.add(key)
      }
      const { topic, partition, nextOffset: offset } = batch
      await consumer.commit([{ topic, partition, offset }]).catch((error: unknown) => {
        // Given up or away meanwhile: the next owner reads it again.
        if (!(error instanceof Error)) throw error
      })
    }
  }

  get distinctCount(): number {
    return this.#seen.size
  }

  assertClean(): void {
    assert.deepEqual(this.#faults, [])
  }
}
