import { inMemory, type KeyValueBytes } from './key-value-bytes.ts'

/**
 * Entries in memory of which there are never more than `maxEntries`: beyond that the one goes that was not read or written for longest. A walk
 * reads nothing in this sense.
 * @param onEvicted told of an entry that goes, before `set` returns
 * @see Kafka Streams `MemoryLRUCache`
 */
export function recentEntries(maxEntries: number, onEvicted: (key: Buffer) => void): KeyValueBytes {
  const entries = inMemory()
  /** Keys as latin-1 text, the one used last at the end. */
  const order = new Set<string>()
  const use = (id: string): void => {
    order.delete(id)
    order.add(id)
  }
  return {
    isPersistent: false,
    get approximateEntryCount() {
      return entries.approximateEntryCount
    },
    get(key) {
      const stored = entries.get(key)
      if (stored) use(key.toString('latin1'))
      return stored
    },
    set(key, value) {
      entries.set(key, value)
      use(key.toString('latin1'))
      if (order.size <= maxEntries) return
      const [eldest] = order
      const evicted = Buffer.from(eldest as string, 'latin1')
      order.delete(eldest as string)
      entries.delete(evicted)
      onEvicted(evicted)
    },
    delete(key) {
      order.delete(key.toString('latin1'))
      entries.delete(key)
    },
    range: (from, to, isReverse) => entries.range(from, to, isReverse),
    close() {
      order.clear()
      entries.close()
    },
  }
}
