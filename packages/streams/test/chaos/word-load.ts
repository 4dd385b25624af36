import assert from 'node:assert/strict'
import { randomInt, type Random } from '@millrace/core'
import type { KafkaOptions, Producer } from '@millrace/kafka'
import { countsOf, createTopics, readCommitted, uniqueName } from '../streams-fixture.ts'
import type { AppLoad } from './app-load.ts'

const words = Array.from({ length: 40 }, (_, index) => `word${index}`)
const linesPerWrite = 20

/** Lines whose words are counted: each count of each word once, and in order. */
export class WordLoad implements AppLoad {
  readonly app = 'words'
  readonly applicationId = uniqueName('words')
  readonly topics = { lines: uniqueName('lines'), counts: uniqueName('counts') }
  readonly watchedTopic = this.topics.counts
  readonly stores = ['counts']
  expectedCount = 0
  readonly #written = new Map<string, number>()
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  static async prepare(kafka: KafkaOptions, random: Random): Promise<WordLoad> {
    const load = new WordLoad(random)
    await createTopics(kafka, 4, load.topics.lines, load.topics.counts)
    return load
  }

  async write(producer: Producer): Promise<void> {
    const lines = Array.from({ length: linesPerWrite }, () =>
      Array.from({ length: 3 }, () => words[randomInt(this.#random, words.length)] as string),
    )
    const topic = this.topics.lines
    await producer.send(lines.map((line) => ({ topic, key: line[0] ?? '', value: line.join(' ') })))
    for (const word of lines.flat()) this.#written.set(word, (this.#written.get(word) ?? 0) + 1)
    this.expectedCount += lines.length * 3
  }

  async assertExact(kafka: KafkaOptions): Promise<void> {
    const counts = countsOf(await readCommitted(kafka, this.topics.counts))
    assert.deepEqual([...counts.keys()].toSorted(), [...this.#written.keys()].toSorted())
    for (const [word, written] of this.#written)
      assert.deepEqual(
        counts.get(word),
        Array.from({ length: written }, (_, index) => index + 1),
        `each count of ${word} is there once and in order`,
      )
  }
}
