/** The apps of the fault tests. As a module, for instances whose threads are workers: `app-topology.ts?app=words&lines=…&counts=…`. */
import { isMainThread } from 'node:worker_threads'
import { armFaultsFromText } from '@millrace/core/testing'
import type { Topology } from '../../src/index.ts'
import { wordCount } from '../streams-fixture.ts'
import { orderJoin } from './order-join.ts'

export type AppName = 'words' | 'orders'

/** Topics by the names that an app has for them. */
export type AppTopics = Readonly<Record<string, string>>

// Each worker arms its faults for itself.
if (!isMainThread) armFaultsFromText(process.env['MILLRACE_FAULTS'] ?? '')

export function builtTopology(
  app: AppName,
  topics: AppTopics,
  storeType: 'memory' | 'persistent',
): Topology {
  return app === 'words'
    ? wordCount(topics['lines'] ?? '', topics['counts'] ?? '', storeType)
    : orderJoin(topics, storeType)
}

export default (): Topology => {
  const { app, storeType, ...topics } = Object.fromEntries(new URL(import.meta.url).searchParams)
  return builtTopology(
    app === 'orders' ? 'orders' : 'words',
    topics,
    storeType === 'memory' ? 'memory' : 'persistent',
  )
}
