import { expectNone } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import type { KafkaError } from './errors.ts'
import type { ProducerIdentity } from './outgoing-batch.ts'
import { retrying } from './retrying.ts'
import type { TopicPartition } from './types.ts'
import { wire } from './wire.ts'

/** As whom records are sent. The sender asks; it holds no producer ids of its own. */
export interface SendingIdentity {
  /** The identity that a lane begins under. @throws KafkaError; the next call asks again */
  current(): Promise<ProducerIdentity>
  /** A lane's sequence is in doubt under this identity: no lane may begin again under it. */
  discard(identity: ProducerIdentity): void
  /** Set for a transactional producer. */
  readonly transaction?: SendingTransaction
}

/** What the sender needs to know of the transaction that its records belong to. */
export interface SendingTransaction {
  readonly transactionalId: string
  /** 1: partitions are added by requests of their own; 2: by Produce (KIP-890). */
  readonly version: 1 | 2
  /** True when records may be sent to the partition now; if not, the pump is called again once it may have changed. */
  admits(target: TopicPartition): boolean
  /** A batch will not be appended, or not be known to be: the transaction cannot be committed. */
  fail(error: KafkaError): void
}

/** The producer id that lanes begin under: asked for once, and anew after it was discarded. */
export class ProducerIds implements SendingIdentity {
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

/** For acks other than all: the broker tells no repetition from a new batch. */
export const notIdempotent: SendingIdentity = {
  current: async () => ({ producerId: -1, producerEpoch: -1 }),
  discard: () => {},
}
