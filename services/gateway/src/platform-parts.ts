import type { Clock } from '@millrace/core'
import type { PartReadiness } from '@millrace/runtime'
import type { OverviewPart, PartState, StartPart } from './overview.ts'
import type { ProbeResult } from './service-probe.ts'

/** What services call the servers they need, and what the platform calls them. */
const infrastructure = [
  { name: 'postgres', pattern: /postgres|database/i },
  { name: 'broker', pattern: /broker|kafka/i },
] as const

/** A part before the time of its last change is known. */
export type SeenPart = Omit<OverviewPart, 'since'>

/**
 * The platform's parts from what its services answered. Postgres and the broker are seen through the services that use them: a part
 * that no service speaks of, and the supervisor neither, is left out, since nothing is known of it.
 */
export function platformParts(
  probes: readonly ProbeResult[],
  start: readonly StartPart[],
): SeenPart[] {
  const services = probes.map((probe): SeenPart => {
    const starting = startingPart(start, probe.name)
    const isStarting = probe.state === 'down' && starting !== undefined
    return {
      name: probe.name,
      kind: 'service',
      state: isStarting ? 'starting' : probe.state,
      reason: isStarting ? (starting.detail ?? probe.reason) : probe.reason,
      url: probe.url,
    }
  })
  return [...services, ...infrastructure.flatMap((row) => infrastructurePart(row, probes, start))]
}

function infrastructurePart(
  { name, pattern }: { readonly name: string; readonly pattern: RegExp },
  probes: readonly ProbeResult[],
  start: readonly StartPart[],
): SeenPart[] {
  const part = (state: PartState, reason: string | null): SeenPart[] => [
    { name, kind: 'infrastructure', state, reason, url: null },
  ]
  const seen = probes.flatMap((probe) =>
    probe.parts.filter((item) => pattern.test(item.name)).map((item) => ({ probe, item })),
  )
  const worst =
    seen.find(({ item }) => item.state === 'down') ??
    seen.find(({ item }) => item.state === 'starting')
  if (worst)
    return part(worst.item.state, `${worst.probe.name} says: ${worst.item.reason ?? 'no reason'}`)
  if (seen.length > 0) return part('up', null)
  const told = start.find((item) => pattern.test(item.name))
  if (!told || told.state === 'ready') return []
  return part(told.state === 'failed' ? 'down' : 'starting', told.detail)
}

function startingPart(start: readonly StartPart[], name: string): StartPart | undefined {
  return start.find(
    (part) => part.name === name && (part.state === 'waiting' || part.state === 'starting'),
  )
}

/** The same parts as the gateway's own readiness shows them. */
export function readinessOf(parts: readonly SeenPart[]): PartReadiness[] {
  return parts.map(({ name, state, reason }) => ({ name, state, reason }))
}

/** Remembers since when each part has been in its state. */
export class StateTimes {
  readonly #clock: Clock
  readonly #seen = new Map<string, { readonly state: PartState; readonly sinceMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  stamp(part: SeenPart): OverviewPart {
    let seen = this.#seen.get(part.name)
    if (seen?.state !== part.state) {
      seen = { state: part.state, sinceMs: this.#clock.now() }
      this.#seen.set(part.name, seen)
    }
    return { ...part, since: new Date(seen.sinceMs).toISOString() }
  }
}
