import type { ProducerIdsRecord } from './broker-records.ts'
import { limits } from './limits.ts'

/** Gives out producer ids. Blocks are reserved in the journal before use, so no id comes twice, also after a crash. */
export class ProducerIds {
  readonly #reserve: (record: ProducerIdsRecord) => void
  #next = 0
  #reservedTo = 0

  /** @param reserve writes the record; an id of the block is given out only after it returned */
  constructor(reserve: (record: ProducerIdsRecord) => void) {
    this.#reserve = reserve
  }

  take(): number {
    if (this.#next === this.#reservedTo) {
      const next = this.#reservedTo + limits.producerIdBlock
      this.#reserve({ type: 'producerIds', next })
      this.#reservedTo = next
    }
    return this.#next++
  }

  replay(record: ProducerIdsRecord): void {
    this.#next = record.next
    this.#reservedTo = record.next
  }

  snapshot(): ProducerIdsRecord {
    return { type: 'producerIds', next: this.#reservedTo }
  }
}
