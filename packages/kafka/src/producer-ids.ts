import { expectNone } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import type { ProducerIdentity } from './partition-lane.ts'
import { retrying } from './retrying.ts'
import { wire } from './wire.ts'

/** The producer id that lanes begin under: asked for once, and anew after it was discarded. */
export class ProducerIds {
  readonly #cluster: Cluster
  #present: ProducerIdentity | undefined
  #asking: Promise<ProducerIdentity> | undefined

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Goes on asking for `requestTimeoutMs`. @throws KafkaError; the next call asks again */
  async current(): Promise<ProducerIdentity> {
    if (this.#present) return this.#present
    this.#asking ??= retrying(this.#cluster, 'InitProducerId', () => this.#ask()).finally(
      () => (this.#asking = undefined),
    )
    return this.#asking
  }

  /**
   * A lane's sequence is in doubt under this identity. Takes effect at once: no lane may begin again under an identity that it has
   * used before, for the broker would take its first batch for an old one and drop it.
   */
  discard(identity: ProducerIdentity): void {
    if (this.#present?.producerId === identity.producerId) this.#present = undefined
  }

  /** Not transactional, and -1/-1: a new id, whatever came before (KIP-360). */
  async #ask(): Promise<ProducerIdentity> {
    const answer = await this.#cluster.requestAny(wire.initProducerId, {
      transactionalId: null,
      transactionTimeoutMs: 0x7fff_ffff,
      producerId: -1n,
      producerEpoch: -1,
    })
    expectNone('Asking for a producer id', answer.errorCode)
    this.#present = {
      producerId: Number(answer.producerId),
      producerEpoch: answer.producerEpoch,
    }
    return this.#present
  }
}
