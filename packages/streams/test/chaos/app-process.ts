import { armFaultsFromText } from '@millrace/core/testing'
import { isRetryable } from '@millrace/kafka'
import { StreamsApp, type StreamsAppOptions } from '../../src/index.ts'
import { builtTopology, type AppName, type AppTopics } from './app-topology.ts'

/** What an instance of an app is told, as JSON in its one argument. */
export interface AppProcessOptions {
  readonly app: AppName
  readonly broker: string
  readonly applicationId: string
  readonly stateDir: string
  /** By the names that the app has for them. */
  readonly topics: AppTopics
  readonly storeType: 'memory' | 'persistent'
  /** Stream threads as workers, with the module of the topology; else on the event loop of the process. */
  readonly areWorkers: boolean
  /** Default: the one that lies in `stateDir`. */
  readonly instanceId?: string
  /** Default 6,000. */
  readonly sessionTimeoutMs?: number
  /** Default 5,000. */
  readonly transactionTimeoutMs?: number
}

// An instance of an app in a process of its own, for tests that kill it. Ends with code 0 only where all its threads ended in order.
await run(JSON.parse(process.argv[2] ?? '{}') as AppProcessOptions)

async function run(options: AppProcessOptions): Promise<void> {
  armFaultsFromText(process.env['MILLRACE_FAULTS'] ?? '')
  const stopping = new AbortController()
  let app = appOf(options)
  process.on('SIGTERM', () => {
    stopping.abort()
    void app.close()
  })
  process.send?.('listens')
  for (;;) {
    try {
      return await app.start()
    } catch (error) {
      // No broker answered for half a minute: whoever keeps services running starts it again.
      if (!isRetryable(error) || stopping.signal.aborted) throw error
      app = appOf(options)
    }
  }
}

function appOf(options: AppProcessOptions): StreamsApp {
  return new StreamsApp({
    applicationId: options.applicationId,
    brokers: [options.broker],
    topology: topologyOf(options),
    // The weaker one is there to see that the tests would notice.
    guarantee: process.env['MILLRACE_WEAK'] === 'yes' ? 'at_least_once' : 'exactly_once_v2',
    commitIntervalMs: 50,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 6_000,
    heartbeatIntervalMs: 300,
    transactionTimeoutMs: options.transactionTimeoutMs ?? 5_000,
    // Each update is to be seen.
    cacheMaxBytes: 0,
    threads: 2,
    stateDir: options.stateDir,
    ...(options.instanceId !== undefined && { instanceId: options.instanceId }),
    onUncaughtError(error) {
      process.send?.({ uncaught: (error as Error & { readonly code?: unknown }).code })
      process.stderr.write(`${String(error.stack)}\n${String(error.cause)}\n`)
      return 'SHUTDOWN_CLIENT'
    },
    onState(state) {
      process.exitCode = state === 'ERROR' ? 1 : 0
    },
  })
}

function topologyOf({ app, topics, storeType, areWorkers }: AppProcessOptions) {
  if (areWorkers) {
    const url = new URL('./app-topology.ts', import.meta.url)
    url.search = String(new URLSearchParams({ app, storeType, ...topics }))
    return url satisfies StreamsAppOptions['topology']
  }
  return builtTopology(app, topics, storeType)
}
