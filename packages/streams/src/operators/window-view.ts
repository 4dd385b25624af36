import type { SessionStore } from '../state/session-store.ts'
import type { TimestampedWindowStore } from '../state/window-store.ts'
import type { Windowed } from '../windowed.ts'
import type { TableView } from './table-view.ts'

/** A table of windows of a fixed length: looked up by key and start. */
export function windowView<K, V>(name: string): TableView<Windowed<K>, V> {
  return {
    stores: [name],
    open(context) {
      const store = context.store(name) as TimestampedWindowStore<K, V>
      return { get: ({ key, window }) => store.fetch(key, window.startMs) }
    },
  }
}

/** A table of sessions; the timestamp of one is its end. */
export function sessionView<K, V>(name: string): TableView<Windowed<K>, V> {
  return {
    stores: [name],
    open(context) {
      const store = context.store(name) as SessionStore<K, V>
      return {
        get({ key, window }) {
          const value = store.fetchSession(key, window.startMs, window.endMs)
          return value === undefined ? undefined : { value, timestamp: window.endMs }
        },
      }
    },
  }
}
