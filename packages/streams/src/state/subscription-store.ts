import type { Headers } from '../record.ts'
import { inMemory, keyValueBytes, type KeyValueBytes } from './key-value-bytes.ts'
import type { StateStore, StoreBuilder, StoreContext, ValueAndTimestamp } from './store.ts'

/**
 * Rows of the left table that subscribed to keys of the right, in a foreign-key join: int32 length of the foreign key, the foreign key, the
 * primary key. Its changelog has the headers of the records that subscribed.
 * @see Kafka Streams `CombinedKeySchema`, `SubscriptionStoreFactory`
 */
export class SubscriptionStore implements StateStore {
  readonly name: string
  #entries: KeyValueBytes = inMemory()
  #context: StoreContext | undefined

  constructor(name: string) {
    this.name = name
  }

  get isPersistent(): boolean {
    return this.#entries.isPersistent
  }

  init(context: StoreContext): void {
    this.#context = context
    this.#entries = keyValueBytes(this.name, 'persistent', context)
  }

  restore(key: Buffer, value: Buffer | null, timestamp: number, _headers: Headers): void {
    if (value === null) this.#entries.delete(key)
    else this.#entries.set(key, { bytes: value, timestamp })
  }

  /** `null` deletes. */
  put(
    foreignKey: Buffer,
    primaryKey: Buffer,
    value: Buffer | null,
    timestamp: number,
    headers: Headers,
  ): void {
    const key = Buffer.concat([prefixOf(foreignKey), primaryKey])
    this.restore(key, value, timestamp, headers)
    this.#context?.logChange?.(key, value, timestamp, headers)
  }

  /** What subscribed to a foreign key, in the order of the primary keys' bytes; as of the call. */
  subscribedTo(foreignKey: Buffer): readonly ValueAndTimestamp<Buffer>[] {
    const prefix = prefixOf(foreignKey)
    const found: ValueAndTimestamp<Buffer>[] = []
    for (const [key, { bytes, timestamp }] of this.#entries.range(prefix, null)) {
      if (prefix.compare(key, 0, prefix.length) !== 0) break
      found.push({ value: bytes, timestamp })
    }
    return found
  }

  flush(): void {}

  close(): void {
    this.#entries.close()
  }
}

export function subscriptionStoreBuilder(name: string): StoreBuilder<SubscriptionStore> {
  return {
    name,
    kind: 'subscription',
    isLogged: true,
    topicConfig: {},
    changelog: { policy: 'compact' },
    build: () => new SubscriptionStore(name),
  }
}

function prefixOf(foreignKey: Buffer): Buffer {
  const length = Buffer.allocUnsafe(4)
  length.writeInt32BE(foreignKey.length)
  return Buffer.concat([length, foreignKey])
}
