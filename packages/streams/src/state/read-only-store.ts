import { StreamsError } from '../errors.ts'
import type { StateStore } from './store.ts'

/** Methods that change a store, of any kind, or belong to who owns it. */
const owners = new Set([
  'put',
  'putIfAbsent',
  'delete',
  'remove',
  'hold',
  'restore',
  'init',
  'flush',
  'close',
  'clear',
  'onFlush',
  'onExpired',
  'expireOne',
])

/**
 * A store as those see it who may only read it, of whatever kind it is. What it has beside methods is shown as it is at the time.
 * @see Kafka Streams `ReadOnlyDecorator`s, which processors get of global stores
 */
export function readOnlyStore<S extends StateStore>(store: S): S {
  const shown: Record<string, unknown> = {}
  for (const [name, read] of membersOf(store)) {
    if (owners.has(name))
      shown[name] = () => {
        throw refused(store.name, name)
      }
    else if (typeof read() === 'function')
      shown[name] = (read() as (...given: unknown[]) => unknown).bind(store)
    else Object.defineProperty(shown, name, { get: read, enumerable: true })
  }
  return shown as unknown as S
}

/** Own fields, and methods and accessors of its classes. */
function membersOf(store: StateStore): ReadonlyMap<string, () => unknown> {
  const members = new Map<string, () => unknown>()
  for (let at: object | null = store; at && at !== Object.prototype; at = parentOf(at))
    for (const name of Object.getOwnPropertyNames(at))
      if (name !== 'constructor')
        members.set(name, () => (store as unknown as Readonly<Record<string, unknown>>)[name])
  return members
}

function parentOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null
}

function refused(store: string, method: string): StreamsError {
  return new StreamsError(
    'MR_STREAMS_READ_ONLY_STORE',
    `"${method}" was called on the global store "${store}", which processors may only read: it has what its topic has. Write to the topic instead.`,
    { store, method },
  )
}
