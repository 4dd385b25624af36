import { toError } from '@millrace/core'
import type { ErrorHandling } from '../../error-handlers.ts'
import { StreamsError } from '../../errors.ts'
import { Topology } from '../../topology/topology.ts'

/** What the module of a topology exports. It is loaded once in each stream thread, so nothing in it is shared between threads. */
export interface TopologyModule {
  /** The topology, or what makes it. */
  readonly default: Topology | (() => Topology | Promise<Topology>)
  /** What to do about errors; functions cannot be given to another thread. */
  readonly errorHandling?: ErrorHandling
}

/** @throws StreamsError `MR_STREAMS_BAD_MODULE` */
export async function loadTopology(
  url: string,
): Promise<{ readonly topology: Topology; readonly errorHandling: ErrorHandling }> {
  let loaded: Partial<TopologyModule>
  try {
    loaded = (await import(url)) as Partial<TopologyModule>
  } catch (error) {
    throw badModule(url, `cannot be loaded: ${toError(error).message}`, error)
  }
  const made = typeof loaded.default === 'function' ? await loaded.default() : loaded.default
  if (!(made instanceof Topology))
    throw badModule(url, 'has no topology as its default export, nor a function that returns one')
  return { topology: made, errorHandling: loaded.errorHandling ?? {} }
}

function badModule(url: string, what: string, cause?: unknown): StreamsError {
  return new StreamsError(
    'MR_STREAMS_BAD_MODULE',
    `The topology module ${url} ${what}. Write \`export default builder.build()\`.`,
    { url },
    cause === undefined ? undefined : { cause },
  )
}
