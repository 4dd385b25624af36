import { BrokerState } from './broker-state.ts'
import { lockDirectory } from './directory-lock.ts'
import { BrokerError } from './errors.ts'
import { Listener } from './net/server.ts'
import { checkOptions, type BrokerOptions, type TopicOption } from './options.ts'
import type { Broker } from './running-broker.ts'
import { startInWorker } from './worker-broker.ts'

/**
 * Starts a broker that speaks the Kafka protocol and keeps its records in `dir`. Resolves when it accepts connections; what a broker before
 * it had acknowledged there is served again, however that one ended.
 * @throws BrokerError `MR_BROKER_BAD_OPTION`, `MR_BROKER_DIRECTORY_LOCKED`, `MR_BROKER_DIRECTORY_UNREADABLE`, `MR_BROKER_LISTEN_FAILED`
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  checkOptions(options)
  return options.worker === false ? startInThread(options) : startInWorker(options)
}

/** Runs the broker on the calling thread. */
export async function startInThread(options: BrokerOptions): Promise<Broker> {
  const unlock = lockDirectory(options.dir)
  let state: BrokerState | undefined
  try {
    state = BrokerState.open({ ...options, directory: options.dir })
    for (const topic of options.topics ?? []) await ensureTopic(state, topic)
    const { advertisedHost } = options
    const listener = await Listener.open({
      broker: state,
      host: options.host ?? '127.0.0.1',
      port: options.port ?? 0,
      ...(advertisedHost === undefined ? {} : { advertisedHost }),
    })
    return runningBroker(state, listener, unlock)
  } catch (error) {
    await state?.close()
    unlock()
    throw error
  }
}

function runningBroker(state: BrokerState, listener: Listener, unlock: () => void): Broker {
  let closing: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    try {
      await listener.close()
      await state.close()
    } finally {
      unlock()
    }
  }
  const close = (): Promise<void> => (closing ??= stop())
  const { host, port } = listener
  return { host, port, address: `${host}:${port}`, close, [Symbol.asyncDispose]: close }
}

async function ensureTopic(state: BrokerState, topic: TopicOption): Promise<void> {
  if (state.topics.byName(topic.name) !== undefined) return
  const configs = new Map(Object.entries(topic.configs ?? {}))
  const fault = state.topics.faultOfNew(topic.name, topic.partitions, configs)
  if (fault !== undefined) {
    throw new BrokerError(
      'MR_BROKER_BAD_OPTION',
      `Topic "${topic.name}" cannot be created: ${fault.text} The broker was not started.`,
      { topic: topic.name },
    )
  }
  await state.topics.create(topic.name, topic.partitions, configs)
}
