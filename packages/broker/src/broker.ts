import type { AdminServer } from './control/admin-server.ts'
import { BrokerRuntime, type RuntimeOptions } from './control/broker-runtime.ts'
import { runOperation, type Call } from './control/operations.ts'
import { checkOptions, type BrokerOptions } from './options.ts'
import { brokerOver, type Broker, type BrokerPlace } from './running-broker.ts'
import { startInWorker } from './worker-broker.ts'

/**
 * Starts a broker that speaks the Kafka protocol and keeps its records in `dir`. Resolves when it accepts connections; what a broker before
 * it had acknowledged there is served again, however that one ended.
 * @throws BrokerError `MR_BROKER_BAD_OPTION`, `MR_BROKER_DIRECTORY_LOCKED`, `MR_BROKER_DIRECTORY_UNREADABLE`, `MR_BROKER_LISTEN_FAILED`,
 *   `MR_BROKER_BAD_SNAPSHOT`
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  checkOptions(options)
  return options.worker === false ? startInThread(options) : startInWorker(options)
}

/** Runs the broker on the calling thread. */
export async function startInThread(options: RuntimeOptions): Promise<Broker> {
  const { runtime, place, close } = await startRuntime(options)
  const call = ((name: string, input: unknown) => runOperation(runtime, name, input)) as Call
  return brokerOver(place, call, close)
}

/** The broker and its admin server, as a thread or process holds them. */
export interface StartedRuntime {
  readonly runtime: BrokerRuntime
  readonly place: BrokerPlace
  readonly close: () => Promise<void>
}

export async function startRuntime(options: RuntimeOptions): Promise<StartedRuntime> {
  const runtime = new BrokerRuntime(options)
  for (const rule of options.faults ?? []) await runOperation(runtime, 'addFault', { rule })
  await runtime.start()
  let admin: AdminServer | undefined
  try {
    if (options.adminPort !== undefined) admin = await openAdmin(runtime, options)
  } catch (error) {
    await runtime.close()
    throw error
  }
  let closing: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await admin?.close()
    await runtime.close()
  }
  const close = (): Promise<void> => (closing ??= stop())
  return { runtime, place: { listeners: runtime.listeners, adminPort: admin?.port }, close }
}

/** Loaded when asked for: Node's HTTP server would cost every start memory and time. */
async function openAdmin(
  runtime: BrokerRuntime,
  { adminPort: port = 0, adminHost: host = '127.0.0.1', adminToken: token }: RuntimeOptions,
): Promise<AdminServer> {
  const admin = await import('./control/admin-server.ts')
  return admin.AdminServer.open(runtime, { port, host, token })
}
